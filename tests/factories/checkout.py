"""A checkout: a basket for tomorrow, what it is offered, and what it holds."""

from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from app.core.database import Database
from app.models import CarrierCapacity, InventoryLevel, InventoryMovement, NodeCapacity
from tests.client import CHECKOUT, INTEGRATION, Client
from tests.documents import document
from tests.factories.planning import TOMORROW
from tests.factories.tendering import rules

OFFERS = document("checkout.graphql", "DeliveryOffers")
HOLD = document("checkout.graphql", "HoldDeliveryOffer")
RELEASE = document("checkout.graphql", "ReleaseHold")
UPSERT = """mutation ($input: UpsertOrdersInput!) { upsertOrders(input: $input) {
  results { outcome order { id state promisedWindow { start end } shipments { state window { start end } }
    decisions { chosen { carrier { reference } } alternatives { carrier { reference } rejectedBecause { code } } } }
    errors { code field message } }
  userErrors { code field } } }"""
MORNING, AFTERNOON = {"startMinute": 540, "endMinute": 720}, {"startMinute": 780, "endMinute": 1_020}
ADDRESS = {
    "line1": "Rua Augusta 1",
    "city": "Lisboa",
    "postalCode": "1100-048",
    "country": "PT",
    "location": {"latitude": 38.71, "longitude": -9.14},
}


async def slots(database: Database, **changes: Any) -> None:
    """A policy with a morning and an afternoon."""
    await rules(database, promises={"slots": [MORNING, AFTERNOON]}, **changes)


def basket(*, quantity: int = 1, days: int = 1, **rest: Any) -> dict[str, Any]:
    lines = [{"sku": "APPLE", "quantity": quantity}]
    return {"address": ADDRESS, "lines": lines, "from": TOMORROW.isoformat(), "days": days, **rest}


async def offered(client: Client, **given: Any) -> dict[str, Any]:
    answer = await client.run(OFFERS, {"input": basket(**given)}, as_=CHECKOUT)
    found: dict[str, Any] = answer["deliveryOffers"]
    return found


async def hold(client: Client, offer_id: str, key: str | None = None) -> dict[str, Any]:
    given = {"offerId": offer_id} | ({"idempotencyKey": key} if key else {})
    payload: dict[str, Any] = (await client.run(HOLD, {"input": given}, as_=CHECKOUT))["holdDeliveryOffer"]
    return payload


async def release(client: Client, hold_id: str) -> dict[str, Any]:
    payload: dict[str, Any] = (await client.run(RELEASE, {"input": {"holdId": hold_id}}, as_=CHECKOUT))["releaseHold"]
    return payload


async def a_hold(client: Client, **given: Any) -> dict[str, Any]:
    """The cheapest window, held."""
    found = (await hold(client, (await offered(client, **given))["offers"][0]["id"]))["hold"]
    assert found["state"] == "HELD"
    held: dict[str, Any] = found
    return held


def order_input(hold_id: str, reference: str = "4711", **rest: Any) -> dict[str, Any]:
    return {
        "reference": reference,
        "recipient": {"name": "Rosa", "phone": "+351912345678"},
        "address": ADDRESS,
        "lines": [{"sku": "APPLE", "quantity": 1}],
        "holdId": hold_id,
        **rest,
    }


async def send(client: Client, *orders: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of each order."""
    given = {"orders": list(orders), "errorPolicy": "REJECT_FAILED_ROWS"}
    answer = await client.run(UPSERT, {"input": given}, as_=INTEGRATION)
    results: list[dict[str, Any]] = answer["upsertOrders"]["results"]
    return results


async def kept(database: Database) -> dict[str, int]:
    """How many apples are reserved, by the level and by its ledger, and how many places are taken of the days."""
    async with database.reading() as session:
        reserved = await session.scalar(select(func.sum(col(InventoryLevel.reserved))))
        ledger = await session.scalar(select(func.sum(col(InventoryMovement.reserved_delta))))
        node = await session.scalar(select(func.sum(col(NodeCapacity.booked))))
        carrier = await session.scalar(select(func.sum(col(CarrierCapacity.booked))))
    return {"reserved": reserved or 0, "ledger": ledger or 0, "node": node or 0, "carrier": carrier or 0}


def all_kept(count: int) -> dict[str, int]:
    """One place and one piece for each of so many."""
    return {"reserved": count, "ledger": count, "node": count, "carrier": count}
