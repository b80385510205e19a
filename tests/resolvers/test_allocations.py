"""Single orders through the API: allocated at once, overridden by a person, on a network that came as a document."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.models import Allocation, AllocationState, CarrierService, Decision, Order, OrderState, Shipment
from app.orchestration.allocations import deciding
from app.orchestration.allocations.queries import Memory
from app.orchestration.carriers import documents as services
from app.orchestration.events import log
from app.orchestration.reports import counterfactual
from tests.client import ADMINISTRATOR, DISPATCHER, Client
from tests.factories.planning import TOMORROW, a_network, orders, own_fleet, third_party

ALLOCATE = """mutation ($input: AllocateOrderInput!) { allocateOrder(input: $input) {
  order { reference state unassigned { code } decisions { automatic gap model { name }
    chosen { carrier { reference } service price { amount } carriage { component amount } }
    alternatives { carrier { reference } rejectedBecause { code detail } } } }
  userErrors { code field message } } }"""
OVERRIDE = """mutation ($input: OverrideAllocationInput!) { overrideAllocation(input: $input) {
  order { state decisions { automatic reason overriddenBy overrides { chosen { carrier { reference } } }
    chosen { carrier { reference } } } }
  userErrors { code field message } } }"""
IMPORT = """mutation ($input: ImportNetworkInput!) { importNetwork(input: $input) {
  changed userErrors { code field message } } }"""


async def allocate(client: Client, reference: str) -> dict[str, Any]:
    answer = await client.run(ALLOCATE, {"input": {"reference": reference}}, as_=DISPATCHER)
    payload: dict[str, Any] = answer["allocateOrder"]
    return payload


async def override(client: Client, carrier: str, **given: Any) -> dict[str, Any]:
    wanted = {"reference": "A000", "node": "LIS", "carrier": carrier, "reason": "the customer knows them", **given}
    answer = await client.run(OVERRIDE, {"input": wanted}, as_=DISPATCHER)
    payload: dict[str, Any] = answer["overrideAllocation"]
    return payload


async def import_network(client: Client, document: Any) -> dict[str, Any]:
    answer = await client.run(IMPORT, {"input": {"document": document}}, as_=ADMINISTRATOR)
    payload: dict[str, Any] = answer["importNetwork"]
    return payload


async def test_one_order_is_allocated_at_once_and_says_why(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet(), third_party()])
    await orders(database, 1)
    payload = await allocate(client, "A000")
    assert payload["userErrors"] == []
    assert payload["order"]["state"] == "ALLOCATED"
    (decision,) = payload["order"]["decisions"]
    assert (decision["automatic"], decision["model"]) == (True, {"name": "bid-prices"})
    assert decision["chosen"] == {
        "carrier": {"reference": "own"},
        "service": "STANDARD",
        "price": {"amount": "3.00"},
        "carriage": [{"component": "base", "amount": "3.00"}],
    }
    assert decision["alternatives"] == [
        {
            "carrier": {"reference": "swift"},
            "rejectedBecause": {"code": "COSTS_MORE", "detail": "It costs 2.00 EUR more to carry."},
        }
    ]
    again = await allocate(client, "A000")
    assert [error["code"] for error in again["userErrors"]] == ["INVALID_STATE"]


async def test_a_person_overrides_a_decision_and_both_are_kept(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet(), third_party()])
    await orders(database, 1)
    await allocate(client, "A000")
    payload = await override(client, "swift")
    assert payload["userErrors"] == []
    first, second = payload["order"]["decisions"]
    assert (first["automatic"], first["overriddenBy"]) == (True, DISPATCHER.name)
    assert second == {
        "automatic": False,
        "reason": "the customer knows them",
        "overriddenBy": None,
        "overrides": {"chosen": {"carrier": {"reference": "own"}}},
        "chosen": {"carrier": {"reference": "swift"}},
    }
    async with database.reading() as session:
        states = await session.scalars(select(col(Allocation.state)).order_by(col(Allocation.id)))
        assert list(states) == [AllocationState.RELEASED, AllocationState.COMMITTED]


async def test_an_override_that_cannot_be_is_refused_with_its_reason_and_changes_nothing(
    client: Client, database: Database
) -> None:
    far = third_party("far")
    far.zone_radius_metres = 10
    await a_network(database, carriers=[own_fleet(), far])
    await orders(database, 1)
    await allocate(client, "A000")
    refused = await override(client, "far")
    assert [error["code"] for error in refused["userErrors"]] == ["NO_CARRIER_IN_ZONE"]
    assert [error["code"] for error in (await override(client, "nobody"))["userErrors"]] == ["NO_SUCH_WAY"]
    assert [error["code"] for error in (await override(client, "own", reason=" "))["userErrors"]] == ["REASON_MISSING"]
    async with database.reading() as session:
        assert (await session.scalars(select(col(Order.state)))).one() is OrderState.ALLOCATED
        assert len(list(await session.scalars(select(Decision)))) == 1


async def test_a_network_comes_as_a_document_and_decides_what_is_chosen(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet(), third_party()])
    await orders(database, 1)
    document = {
        "nodes": {"LIS": {"goodsKinds": ["GENERAL"], "calendar": {"days": {str(TOMORROW): None}}}},
        "carriers": {
            "swift": {
                "services": {"STANDARD": {"rates": {"baseMinor": 100}}},
                "contracts": {
                    "summer": {
                        "validFrom": str(TOMORROW),
                        "validUntil": str(TOMORROW + timedelta(days=30)),
                        "minimumShipments": 100,
                        "shortfallMinor": 50,
                    }
                },
            }
        },
    }
    payload = await import_network(client, document)
    assert payload == {"changed": {"nodes": 1, "services": 1, "contracts": 1}, "userErrors": []}
    assert (await import_network(client, document))["changed"] == {}
    closed = await allocate(client, "A000")
    assert closed["order"]["unassigned"] == {"code": "NODE_CLOSED"}
    await import_network(client, {"nodes": {"LIS": {"calendar": {}}}})
    async with database.transaction() as session:
        order = (await session.scalars(select(Order))).one()
        setting = await Memory().setting(session, now=clock.now())
        await deciding.decide(session, order=order, setting=setting, now=clock.now())
    async with database.reading() as session:
        decision = (await session.scalars(select(Decision).order_by(col(Decision.id).desc()).limit(1))).one()
        assert decision.chosen is not None
        assert decision.chosen["carrier"] == "swift"
        assert {"component": "contract", "amountMinor": -24} in decision.chosen["breakdown"]


async def test_a_network_that_makes_no_sense_is_refused_whole(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet()])
    cases = [
        ({"carriers": {"nobody": {}}}, "NOT_FOUND", "document.carriers.nobody"),
        ({"carriers": {"own": {"services": {"S": {"zones": [{"name": "A"}]}}}}}, "NETWORK_INVALID", None),
        ({"nodes": {"LIS": {"colour": "red"}}}, "NETWORK_INVALID", "document.nodes.LIS.colour"),
        ([1], "NETWORK_INVALID", "document"),
    ]
    for document, code, field in cases:
        (error,) = (await import_network(client, document))["userErrors"]
        assert error["code"] == code
        assert field is None or error["field"] == field
    async with database.reading() as session:
        assert list(await session.scalars(select(CarrierService))) == []


async def test_orders_are_decided_as_they_come_in_where_the_policy_says_so(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet()])
    await orders(database, 1)
    update = """mutation ($input: UpdatePolicyInput!) { updatePolicy(input: $input) { userErrors { code } } }"""
    values = {"name": "standard", "document": {"allocation": {"atOnce": True}}}
    answer = await client.run(update, {"input": values}, as_=ADMINISTRATOR)
    assert answer["updatePolicy"]["userErrors"] == []
    async with database.transaction() as session:
        order = (await session.scalars(select(Order))).one()
        subject = log.Subject(kind="order", id=order.id, reference=order.reference)
        event = log.append(
            session, type=deciding.RECEIVED, subject=subject, actor=SYSTEM, now=clock.now(), summary="It came in."
        )
        await deciding.read(session, [event], clock.now(), memory=Memory())
    async with database.reading() as session:
        assert (await session.scalars(select(col(Order.state)))).one() is OrderState.ALLOCATED


async def test_the_log_tells_what_another_carrier_would_have_cost(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet(), third_party()])
    await orders(database, 2)
    for reference in ("A000", "A001"):
        await allocate(client, reference)
    proposed = services.parse({"rates": {"baseMinor": 250, "perKgMinor": 10}})
    async with database.reading() as session:
        rows = await counterfactual.report(session, since=clock.now() - timedelta(days=1), service=proposed)
        prices = await session.scalars(select(col(Shipment.estimated_minor)))
        assert list(prices) == [300, 300]
    assert [(row.carrier, row.chosen, row.possible, row.price_minor, row.instead_minor) for row in rows] == [
        ("own", 2, 0, 0, 0),
        ("swift", 0, 2, 600, 1_000),
        ("proposed", 0, 2, 600, 530),
    ]
