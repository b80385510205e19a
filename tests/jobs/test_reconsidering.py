"""Allocations that may still change make room for others, where the policy says what a change costs."""

import uuid

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.core.errors import Conflict
from app.models import (
    Allocation,
    Carrier,
    CarrierCapacity,
    Decision,
    Event,
    FulfilmentNode,
    InventoryLevel,
    InventoryMovement,
    JobKind,
    NodeCapacity,
    Order,
    OrderState,
    Shipment,
    ShipmentState,
    TenderState,
)
from app.orchestration.allocations import moving, overriding, queries
from app.orchestration.allocations.overriding import Choice
from app.orchestration.allocations.problem import Posed
from app.orchestration.allocations.queries import Memory
from app.orchestration.allocations.telling import Source
from app.orchestration.allocations.verdicts import at_prices, verdict
from tests.factories.planning import a_network, orders, own_fleet, run, third_party
from tests.factories.tendering import accept, rules, tender_of

KIND = JobKind.ALLOCATE_ORDERS


async def near_and_far(database: Database, *carriers: Carrier, near: int = 2, far: int = 1) -> None:
    """LIS is nearer to every door than OPO; each has so many of APPLE."""
    made = await a_network(database, carriers=carriers, nodes=("LIS", "OPO"), on_hand=near)
    async with database.transaction() as session:
        level = update(InventoryLevel).where(
            col(InventoryLevel.node_id) == made[1].id, col(InventoryLevel.sku) == "APPLE"
        )
        await session.execute(level.values(on_hand=far))
        receipt = update(InventoryMovement).where(
            col(InventoryMovement.node_id) == made[1].id, col(InventoryMovement.sku) == "APPLE"
        )
        await session.execute(receipt.values(on_hand_delta=far))


async def ways(database: Database) -> dict[str, tuple[str, str]]:
    """Shipment -> its node and state, of those that are not cancelled."""
    async with database.reading() as session:
        found = await session.execute(
            select(col(Shipment.reference), col(FulfilmentNode.reference), col(Shipment.state))
            .join(FulfilmentNode, col(FulfilmentNode.id) == col(Shipment.node_id))
            .where(col(Shipment.state) != ShipmentState.CANCELLED)
        )
        return {reference: (node, state.value) for reference, node, state in found.all()}


async def check_the_books(database: Database, *, reserved: int) -> None:
    """Stock, its ledger and the days have exactly what the live shipments hold."""
    async with database.reading() as session:
        levels = list(await session.scalars(select(InventoryLevel).where(col(InventoryLevel.sku) == "APPLE")))
        ledger = await session.scalars(
            select(col(InventoryMovement.reserved_delta)).where(col(InventoryMovement.sku) == "APPLE")
        )
        assert sum(level.reserved for level in levels) == sum(ledger) == reserved
        assert all(level.reserved <= level.on_hand for level in levels)
        live = len(await ways(database))
        assert sum(await session.scalars(select(col(CarrierCapacity.booked)))) == live
        assert sum(await session.scalars(select(col(NodeCapacity.booked)))) == live


async def test_an_order_goes_to_another_node_so_that_a_larger_one_is_served_whole(database: Database) -> None:
    await rules(database, allocation={"changeMinor": 20})
    await near_and_far(database, own_fleet())
    await orders(database, 1)
    await run(database, KIND, {})
    assert await ways(database) == {"A000/1": ("LIS", "ASSIGNED")}
    await orders(database, 1, quantity=2, prefix="B")
    _, result = await run(database, KIND, {})
    assert (result["allocated"], result["moved"], result["movedOn"]) == (1, 1, 0)
    assert await ways(database) == {"A000/2": ("OPO", "ASSIGNED"), "B000/1": ("LIS", "ASSIGNED")}
    await check_the_books(database, reserved=3)
    _, again = await run(database, KIND, {})
    assert (again["allocated"], again["moved"]) == (0, 0)


async def test_who_moves_keeps_the_promise_and_its_customer_hears_nothing_new(database: Database) -> None:
    await rules(database, allocation={"changeMinor": 20})
    await near_and_far(database, own_fleet())
    (moved,) = await orders(database, 1)
    await run(database, KIND, {})
    await orders(database, 1, quantity=2, prefix="B")
    await run(database, KIND, {})
    async with database.reading() as session:
        order = await session.get_one(Order, moved.id)
        assert order.state is OrderState.ALLOCATED
        assert (order.promised_start, order.promised_end) == (moved.promised_start, moved.promised_end)
        told = await session.scalars(
            select(col(Event.type))
            .where(col(Event.order_id) == moved.id, col(Event.subject_kind) == "order")
            .order_by(col(Event.position))
        )
        assert list(told) == ["order.allocated", "order.unallocated", "order.updated"]
        decisions = list(
            await session.scalars(select(Decision).where(col(Decision.order_id) == moved.id).order_by(col(Decision.id)))
        )
        assert [(one.chosen or {})["node"] for one in decisions] == ["LIS", "OPO"]
        assert decisions[1].alternatives[0]["node"] == "LIS"


@pytest.mark.parametrize("allocation", [{}, {"changeMinor": 1_000_000}])
async def test_nobody_moves_without_a_price_or_where_it_costs_more_than_it_saves(
    database: Database, allocation: dict[str, int]
) -> None:
    await rules(database, allocation=allocation)
    await near_and_far(database, own_fleet())
    await orders(database, 1)
    await run(database, KIND, {})
    await orders(database, 1, quantity=2, prefix="B")
    _, result = await run(database, KIND, {})
    assert result["moved"] == 0
    assert (await ways(database))["A000/1"] == ("LIS", "ASSIGNED")


async def test_an_offer_that_nobody_answered_is_withdrawn(database: Database) -> None:
    await rules(database, allocation={"changeMinor": 0})
    swift = third_party()
    await near_and_far(database, swift)
    await orders(database, 1)
    await run(database, KIND, {})
    await orders(database, 1, quantity=2, prefix="B")
    _, result = await run(database, KIND, {})
    assert result["moved"] == 1
    assert await ways(database) == {"A000/2": ("OPO", "TENDERED"), "B000/1": ("LIS", "TENDERED")}


async def test_what_a_carrier_agreed_to_stays(database: Database) -> None:
    await rules(database, allocation={"changeMinor": 0})
    swift = third_party()
    await near_and_far(database, swift)
    await orders(database, 1)
    await run(database, KIND, {})
    await accept(database, swift)
    assert (await tender_of(database, swift)).state is TenderState.ACCEPTED
    await orders(database, 1, quantity=2, prefix="B")
    _, result = await run(database, KIND, {})
    assert result["moved"] == 0
    assert (await ways(database))["A000/1"] == ("LIS", "ASSIGNED")


async def test_what_a_person_chose_stays(database: Database) -> None:
    await rules(database, allocation={"changeMinor": 0})
    await near_and_far(database, own_fleet())
    await orders(database, 1)
    choice = Choice(node="LIS", carrier="own", reason="The customer collects it there.")

    async def by_hand(session: object) -> object:
        return await overriding.override(
            session,  # type: ignore[arg-type]  # the session that `run` gives
            reference="A000", choice=choice, actor=SYSTEM, memory=Memory(), now=clock.now(),
        )  # fmt: skip

    await database.run(by_hand)
    await orders(database, 1, quantity=2, prefix="B")
    _, result = await run(database, KIND, {})
    assert result["moved"] == 0
    assert (await ways(database))["A000/1"] == ("LIS", "ASSIGNED")


async def test_one_that_changed_meanwhile_keeps_all_where_they_are(database: Database) -> None:
    await rules(database, allocation={"changeMinor": 0})
    await near_and_far(database, own_fleet(), near=5, far=5)
    first, second = await orders(database, 2)
    await run(database, KIND, {})
    before = await ways(database)
    async with database.reading() as session:
        loaded = await queries.waiting(session, references=None, after=None, limit=10, now=clock.now())
    assert loaded is not None
    posed = Posed(loaded)
    limits = at_prices(posed, {}).limits
    wanted = []
    for number, demand in enumerate(loaded.demands):
        offers = posed.offers(number, posed.table.options_of(number))
        other = next(offer for offer in offers if offer.candidate.parts[0].node.reference == "OPO")
        wanted.append(verdict(demand, other, offers, [], limits, worth_minor=1))
    source = Source(policy_name=loaded.policy_name, policy_version=1, rules=loaded.network.policy, solver="prices")
    async with database.transaction() as session:
        (await session.get_one(Order, second.id)).version += 1
    with pytest.raises(Conflict, match="stays as it is"):
        await database.run(lambda session: moving.move(session, verdicts=wanted, source=source, now=clock.now()))
    assert await ways(database) == before
    await check_the_books(database, reserved=2)
    only = [one for one in wanted if one.demand.order.id == first.id]
    assert await database.run(lambda session: moving.move(session, verdicts=only, source=source, now=clock.now())) == 1
    assert (await ways(database))["A000/2"] == ("OPO", "ASSIGNED")
    await check_the_books(database, reserved=2)


async def test_where_stock_is_just_enough_all_are_served_and_the_books_hold(database: Database) -> None:
    await rules(database, allocation={"changeMinor": 10})
    await near_and_far(database, own_fleet(), near=12, far=12)
    for number, quantity in enumerate((1, 2, 1, 3, 2, 3, 1, 2, 3)):
        await orders(database, 1, quantity=quantity, prefix=f"{chr(65 + number)}-")
        await run(database, KIND, {"references": [f"{chr(65 + number)}-000"]})
    await orders(database, 3, quantity=2, prefix="Z-")
    _, result = await run(database, KIND, {})
    assert result["unallocated"] == 0
    live = await ways(database)
    assert len({reference.split("/")[0] for reference in live}) == 12
    await check_the_books(database, reserved=24)
    async with database.reading() as session:
        held: dict[uuid.UUID, int] = {}
        found = await session.execute(
            select(Allocation)
            .join(Shipment, col(Shipment.allocation_id) == col(Allocation.id))
            .where(col(Shipment.state) != ShipmentState.CANCELLED)
        )
        for allocation in found.scalars():
            held[allocation.node_id] = held.get(allocation.node_id, 0) + sum(
                line["quantity"] for line in allocation.lines
            )
        assert sorted(held.values()) == [12, 12]
