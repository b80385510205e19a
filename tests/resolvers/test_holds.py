"""The checkout through its own documents: offers, holds, and the order that takes a hold over."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.jobs import sweeps
from app.models import (
    Allocation,
    CarrierCapacity,
    Decision,
    Hold,
    HoldState,
    InboundDelivery,
    InventoryMovement,
    Order,
    Shipment,
)
from app.orchestration.holds import operations
from tests.client import CHECKOUT, DISPATCHER, Client
from tests.factories.checkout import (
    ADDRESS,
    OFFERS,
    a_hold,
    all_kept,
    basket,
    hold,
    kept,
    offered,
    order_input,
    release,
    send,
    slots,
)
from tests.factories.planning import TOMORROW, a_network, own_fleet, third_party

NINE, THIRTEEN = f"{TOMORROW}T09:00:00Z", f"{TOMORROW}T13:00:00Z"


async def codes(client: Client, **given: Any) -> list[tuple[str, str | None]]:
    """Code and field of why nothing is offered."""
    body = await client.execute(OFFERS, {"input": basket(**given)}, as_=CHECKOUT)
    return [(error["extensions"]["code"], error["extensions"].get("field")) for error in body["errors"]]


async def test_windows_are_offered_at_what_allocation_would_find_them_to_cost(
    client: Client, database: Database
) -> None:
    await slots(database)
    await a_network(database, carriers=[own_fleet(), third_party()], on_hand=50)
    found = await offered(client, quantity=3, days=2)
    assert found["unavailable"] == []
    assert [offer["window"]["start"] for offer in found["offers"][:2]] == [NINE, THIRTEEN]
    assert len(found["offers"]) == 4
    first = found["offers"][0]
    # Three euros for the van, and 1.45 km of road at 0.10.
    assert first["price"] == {"amount": "3.14", "currency": "EUR"}
    assert (first["remaining"], first["isGreen"]) == (16, False)
    held = (await hold(client, first["id"]))["hold"]
    assert (held["window"], held["price"]) == (first["window"], first["price"])
    order = order_input(held["id"], lines=[{"sku": "APPLE", "quantity": 3}])
    assert (await send(client, order))[0]["errors"] == []
    async with database.reading() as session:
        assert (await session.scalars(select(col(Allocation.cost_minor)))).one() == 314


async def test_the_cheapest_window_comes_first_and_what_emits_least_is_green(
    client: Client, database: Database
) -> None:
    await slots(database)
    clean, quick = third_party("clean"), third_party("quick")
    clean.base_minor, clean.grams_co2_per_km = 600, 0
    quick.base_minor, quick.grams_co2_per_km = 500, 900
    await a_network(database, carriers=[clean, quick])
    async with database.transaction() as session:
        session.add(CarrierCapacity(carrier_id=quick.id, date=TOMORROW, daily_limit=0))
    found = await offered(client, days=2)
    assert [offer["isGreen"] for offer in found["offers"]] == [False, False, True, True]
    prices = [offer["price"]["amount"] for offer in found["offers"]]
    assert prices == sorted(prices)
    assert prices[0] < prices[-1]
    assert [offer["window"]["start"][:10] for offer in found["offers"][2:]] == [str(TOMORROW)] * 2


async def test_days_without_an_offer_say_why_and_name_no_node(client: Client, database: Database) -> None:
    await slots(database)
    (node,) = await a_network(database, carriers=[own_fleet()], on_hand=5)
    later = str(TOMORROW + timedelta(days=1))
    assert (await offered(client, quantity=6))["unavailable"] == [{"date": str(TOMORROW), "reason": "OUT_OF_STOCK"}]
    assert (await offered(client, serviceLevel="EXPRESS"))["unavailable"] == [
        {"date": str(TOMORROW), "reason": "NOT_DELIVERED_THERE"}
    ]
    assert (await offered(client, requiredSkills=["CHILLED"]))["unavailable"] == [
        {"date": str(TOMORROW), "reason": "GOODS_NOT_CARRIED"}
    ]
    async with database.transaction() as session:
        stored = await session.get(type(node), node.id)
        assert stored is not None
        stored.calendar = {"days": {str(TOMORROW): None}}
    client.application.state.context().memory.__init__()
    found = await offered(client, days=2)
    assert found["unavailable"] == [{"date": str(TOMORROW), "reason": "NO_DELIVERY_THAT_DAY"}]
    assert {offer["window"]["start"][:10] for offer in found["offers"]} == {later}


async def test_a_wish_that_no_order_could_have_is_refused_with_its_field(client: Client, database: Database) -> None:
    await slots(database)
    await a_network(database, carriers=[own_fleet()])
    assert await codes(client, days=15) == [("DAYS_INVALID", "days")]
    assert await codes(client, **{"from": "2020-01-01"}) == [("FROM_INVALID", "from")]
    assert await codes(client, quantity=0) == [("QUANTITY_NOT_POSITIVE", "lines.0.quantity")]
    assert await codes(client, lines=[{"sku": "PLUM", "quantity": 1}]) == [("UNKNOWN_SKU", "lines.0.sku")]
    assert await codes(client, address={**ADDRESS, "location": None}) == [("LOCATION_MISSING", "address.location")]
    body = await client.execute(OFFERS, {"input": basket()})
    assert body["errors"][0]["extensions"]["code"] == "NOT_SIGNED_IN"


async def test_an_order_takes_over_what_was_held_for_it(client: Client, database: Database) -> None:
    await slots(database)
    await a_network(database, carriers=[own_fleet(), third_party()])
    held = await a_hold(client)
    assert await kept(database) == all_kept(1)
    (result,) = await send(client, order_input(held["id"]))
    assert (result["outcome"], result["errors"]) == ("CREATED", [])
    order = result["order"]
    assert order["state"] == "ALLOCATED"
    assert order["promisedWindow"] == held["window"]
    assert order["shipments"] == [{"state": "ASSIGNED", "window": held["window"]}]
    (decision,) = order["decisions"]
    assert decision["chosen"] == {"carrier": {"reference": "own"}}
    assert decision["alternatives"] == [{"carrier": {"reference": "swift"}, "rejectedBecause": {"code": "COSTS_MORE"}}]
    assert await kept(database) == all_kept(1)
    async with database.reading() as session:
        stored = (await session.scalars(select(Order))).one()
        of_order = await session.scalars(
            select(col(InventoryMovement.reserved_delta)).where(col(InventoryMovement.order_id) == stored.id)
        )
        assert list(of_order) == [1]
        assert (await session.scalars(select(Hold))).one().state is HoldState.CONFIRMED


async def test_the_same_order_again_changes_nothing_and_keeps_its_window(client: Client, database: Database) -> None:
    await slots(database)
    await a_network(database, carriers=[own_fleet()])
    held = await a_hold(client)
    await send(client, order_input(held["id"]))
    assert (await send(client, order_input(held["id"])))[0]["outcome"] == "UNCHANGED"
    spoken = order_input(held["id"], address={**ADDRESS, "instructions": "Ring twice"})
    (told,) = await send(client, spoken)
    assert (told["outcome"], told["order"]["promisedWindow"]) == ("UPDATED", held["window"])
    del spoken["holdId"]
    (untold,) = await send(client, spoken)
    assert (untold["errors"], untold["order"]["promisedWindow"]) == ([], held["window"])
    assert await kept(database) == all_kept(1)
    async with database.reading() as session:
        assert len(list(await session.scalars(select(Shipment)))) == 1
        assert len(list(await session.scalars(select(Decision)))) == 1


DIFFERENT: dict[str, tuple[dict[str, Any], str]] = {
    "lines": ({"lines": [{"sku": "APPLE", "quantity": 2}]}, "lines"),
    "weight": ({"lines": [{"sku": "APPLE", "quantity": 1, "weightKg": 9}]}, "lines"),
    "postcode": ({"address": {**ADDRESS, "postalCode": "2900-001"}}, "address.postalCode"),
    "place": (
        {"address": {**ADDRESS, "location": {"latitude": 38.73, "longitude": -9.14}}},
        "address.location",
    ),
    "window": ({"requestedWindow": {"start": NINE, "end": THIRTEEN}}, "requestedWindow"),
    "service": ({"serviceLevel": "EXPRESS"}, "serviceLevel"),
    "skills": ({"requiredSkills": ["CHILLED"]}, "requiredSkills"),
    "kind": ({"kind": "RETURN"}, "kind"),
}


@pytest.mark.parametrize("name", DIFFERENT)
async def test_an_order_that_is_another_than_was_held_for_is_refused(
    name: str, client: Client, database: Database
) -> None:
    await slots(database)
    await a_network(database, carriers=[own_fleet()])
    held = await a_hold(client)
    changes, field = DIFFERENT[name]
    (result,) = await send(client, order_input(held["id"], **changes))
    assert [(error["code"], error["field"]) for error in result["errors"]] == [("HOLD_MISMATCH", f"orders.0.{field}")]
    async with database.reading() as session:
        assert (await session.scalars(select(col(Hold.state)))).one() is HoldState.HELD
        assert list(await session.scalars(select(Order))) == []
    assert (await send(client, order_input(held["id"])))[0]["errors"] == []


async def test_a_hold_makes_one_order_and_no_other(client: Client, database: Database) -> None:
    await slots(database)
    await a_network(database, carriers=[own_fleet()])
    held = await a_hold(client)
    both = await send(client, order_input(held["id"]), order_input(held["id"], "4712"))
    assert [[error["code"] for error in result["errors"]] for result in both] == [[], ["DUPLICATE_HOLD"]]
    (other,) = await send(client, order_input(held["id"], "4713"))
    assert [error["code"] for error in other["errors"]] == ["HOLD_USED"]
    (nobody,) = await send(client, order_input("SG9sZDp4", "4714"))
    assert [error["code"] for error in nobody["errors"]] == ["UNKNOWN_HOLD"]
    assert [error["code"] for error in (await release(client, held["id"]))["userErrors"]] == ["HOLD_USED"]
    assert await kept(database) == all_kept(1)


async def test_a_hold_that_ran_out_meanwhile_is_refused_before_and_after_the_sweep(
    client: Client, database: Database
) -> None:
    await slots(database)
    await a_network(database, carriers=[own_fleet()])
    held = await a_hold(client)
    over = clock.now() - timedelta(seconds=1)
    async with database.transaction() as session:
        await session.execute(update(Hold).values(expires_at=over))
    for _ in range(2):
        (result,) = await send(client, order_input(held["id"]))
        assert [error["code"] for error in result["errors"]] == ["HOLD_EXPIRED"]
        async with database.transaction() as session:
            await operations.expire_due(session, now=clock.now())
    assert operations.expire_due in sweeps.MADE_DUE_BY_TIME
    assert await kept(database) == all_kept(0)
    async with database.reading() as session:
        assert list(await session.scalars(select(Order))) == []


async def test_a_hold_is_given_back_once(client: Client, database: Database) -> None:
    await slots(database)
    await a_network(database, carriers=[own_fleet()])
    offer_id = (await offered(client))["offers"][0]["id"]
    held = (await hold(client, offer_id))["hold"]
    assert (await hold(client, offer_id))["hold"]["id"] == held["id"]
    for _ in range(2):
        assert (await release(client, held["id"]))["hold"] == {"id": held["id"], "state": "RELEASED"}
        assert await kept(database) == all_kept(0)
    again = (await hold(client, offer_id, key="1"))["hold"]
    assert again["id"] != held["id"]
    assert (await hold(client, offer_id, key="1"))["hold"] == again
    (result,) = await send(client, order_input(held["id"]))
    assert [error["code"] for error in result["errors"]] == ["HOLD_RELEASED"]
    assert await kept(database) == all_kept(1)


async def test_what_is_no_offer_of_ours_is_refused(client: Client, database: Database) -> None:
    await slots(database)
    await a_network(database, carriers=[own_fleet()])
    offer_id = (await offered(client))["offers"][0]["id"]
    changed = ("B" if offer_id[0] == "A" else "A") + offer_id[1:]
    for wrong in ("", "x", "é", changed, offer_id[:-9]):
        payload = await hold(client, wrong)
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("UNKNOWN_OFFER", "offerId")]
    assert [error["code"] for error in (await release(client, "x"))["userErrors"]] == ["NOT_FOUND"]
    assert await kept(database) == all_kept(0)


async def test_an_order_of_a_hold_can_be_cancelled_and_gives_everything_back(
    client: Client, database: Database
) -> None:
    await slots(database)
    await a_network(database, carriers=[own_fleet()])
    held = await a_hold(client)
    await send(client, order_input(held["id"]))
    cancel = """mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { userErrors { code } } }"""
    answer = await client.run(cancel, {"input": {"reference": "4711", "reason": "no"}}, as_=DISPATCHER)
    assert answer["cancelOrder"]["userErrors"] == []
    assert await kept(database) == all_kept(0)


async def test_a_window_can_be_held_on_goods_that_are_still_to_come(client: Client, database: Database) -> None:
    await slots(database, allocation={"inboundLeadDays": 1})
    await a_network(database, carriers=[own_fleet()], on_hand=0)
    expect = """mutation ($input: ExpectInventoryInput!) { expectInventory(input: $input) {
      results { errors { code } } } }"""
    row = {"node": "LIS", "sku": "APPLE", "reference": "PO-1", "quantity": 1, "expectedOn": str(TOMORROW)}
    await client.run(expect, {"input": {"deliveries": [row]}}, as_=DISPATCHER)
    found = await offered(client, days=2)
    assert found["unavailable"] == [{"date": str(TOMORROW), "reason": "OUT_OF_STOCK"}]
    assert [offer["remaining"] for offer in found["offers"]] == [1, 1]
    held = (await hold(client, found["offers"][0]["id"]))["hold"]
    assert [error["code"] for error in (await hold(client, found["offers"][1]["id"]))["userErrors"]] == ["OFFER_GONE"]
    (result,) = await send(client, order_input(held["id"]))
    assert result["order"]["state"] == "ALLOCATED"
    async with database.reading() as session:
        (delivery,) = await session.scalars(select(InboundDelivery))
        assert (delivery.quantity, delivery.reserved) == (1, 1)
    assert (await kept(database))["reserved"] == 0
