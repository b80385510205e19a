"""Orders that count on goods which are still to come in."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database, Session
from app.models import (
    ExceptionCase,
    ExceptionState,
    InboundDelivery,
    InventoryLevel,
    JobKind,
    MovementReason,
    Order,
    OrderState,
    Shipment,
    ShipmentState,
)
from app.orchestration.cancellations import operations as cancellation
from app.orchestration.inventory import arrivals
from app.orchestration.inventory import operations as stock
from app.orchestration.inventory.arrivals import ArrivalRow, ExpectedRow
from app.orchestration.inventory.policies import InsufficientStock
from app.orchestration.shipments import operations as shipments
from app.orchestration.shipments.policies import ShipmentEvent
from tests.client import INTEGRATION
from tests.factories.planning import NOON, TOMORROW, a_network, orders, own_fleet, run
from tests.factories.tendering import rules

DAY = timedelta(days=1)


async def expected(database: Database, quantity: int, *, reference: str = "PO-1", on: int = 0) -> None:
    """So many apples come to LIS so many days after tomorrow."""
    row = ExpectedRow(node="LIS", sku="APPLE", reference=reference, quantity=quantity, expected_on=TOMORROW + on * DAY)
    async with database.transaction() as session:
        (result,) = await arrivals.expect(session, rows=[row], actor=INTEGRATION, now=clock.now())
        assert result.errors == []


async def arrived(database: Database, quantity: int) -> None:
    row = ArrivalRow(node="LIS", sku="APPLE", reference="PO-1", quantity=quantity)
    async with database.transaction() as session:
        (result,) = await arrivals.receive(session, rows=[row], actor=INTEGRATION, now=clock.now())
        assert result.errors == []


async def wanted(database: Database, count: int, *, on: int, prefix: str) -> list[Order]:
    """Orders for so many days after tomorrow."""
    start, end = NOON + on * DAY, NOON + on * DAY + timedelta(hours=4)
    window: dict[str, Any] = {"requested_start": start, "promised_start": start}
    return await orders(database, count, prefix=prefix, requested_end=end, promised_end=end, **window)


async def allocated(database: Database) -> list[str]:
    async with database.reading() as session:
        found = await session.scalars(
            select(col(Order.reference)).where(col(Order.state) == OrderState.ALLOCATED).order_by(col(Order.reference))
        )
        return list(found)


async def level(database: Database) -> tuple[int, int, int, int]:
    """On hand, reserved, inbound, and what of it is reserved."""
    async with database.reading() as session:
        found = (await session.scalars(select(InventoryLevel).where(col(InventoryLevel.sku) == "APPLE"))).one()
        return found.on_hand, found.reserved, found.inbound, found.inbound_reserved


async def test_goods_to_come_serve_later_windows_where_the_policy_counts_on_them(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], on_hand=0)
    await expected(database, 5)
    await wanted(database, 1, on=1, prefix="L")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    assert await allocated(database) == []
    await rules(database, allocation={"inboundLeadDays": 1})
    await wanted(database, 1, on=0, prefix="E")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    assert await allocated(database) == ["L000"]
    assert await level(database) == (0, 0, 5, 1)
    async with database.reading() as session:
        early = (await session.scalars(select(Order).where(col(Order.reference) == "E000"))).one()
        assert early.unassigned is not None
        assert early.unassigned["code"] == "NO_STOCK"
        assert early.unassigned["detail"] == f"LIS has 0 of APPLE, but 1 are wanted; 5 from {TOMORROW + DAY} on."


async def test_who_can_wait_leaves_what_is_there_to_those_who_cannot(database: Database) -> None:
    await rules(database, allocation={"inboundLeadDays": 1})
    await a_network(database, carriers=[own_fleet()], on_hand=1)
    await expected(database, 1)
    await expected(database, 1, reference="PO-2", on=1)
    for prefix, on in (("A", 2), ("B", 1), ("C", 0), ("D", 2)):
        await wanted(database, 1, on=on, prefix=prefix)
        await run(database, JobKind.ALLOCATE_ORDERS, {})
    assert await allocated(database) == ["A000", "B000", "C000"]
    assert await level(database) == (1, 1, 2, 2)


async def test_a_batch_promises_no_piece_before_it_is_there(database: Database) -> None:
    await rules(database, allocation={"inboundLeadDays": 1})
    await a_network(database, carriers=[own_fleet()], on_hand=2)
    await expected(database, 3)
    await wanted(database, 4, on=0, prefix="E")
    await wanted(database, 4, on=1, prefix="L")
    _, result = await run(database, JobKind.ALLOCATE_ORDERS, {})
    assert (result["allocated"], result["unallocated"]) == (5, 3)
    kept = [reference[0] for reference in await allocated(database)]
    assert kept.count("E") <= 2
    assert await level(database) == (2, 2, 3, 3)


async def test_of_what_is_to_come_no_piece_is_promised_twice(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], on_hand=10)
    await expected(database, 10)
    async with database.reading() as session:
        node_id = (await session.scalars(select(InboundDelivery))).one().node_id
    places = asyncio.Semaphore(20)

    async def promise() -> bool:
        async with places:
            try:
                goods = stock.goods_of(node_id, {"APPLE": 1}, by=TOMORROW)
                await database.run(lambda session: stock.move(session, MovementReason.RESERVE, goods, now=clock.now()))
            except InsufficientStock:
                return False
            return True

    won = await asyncio.gather(*(promise() for _ in range(60)))
    assert won.count(True) == 20
    assert await level(database) == (10, 10, 10, 10)


async def test_what_is_picked_has_come_whether_it_was_reported_or_not(database: Database) -> None:
    await rules(database, allocation={"inboundLeadDays": 1})
    await a_network(database, carriers=[own_fleet()], on_hand=0)
    await expected(database, 5)
    await wanted(database, 2, on=1, prefix="L")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await arrived(database, 1)
    assert await level(database) == (1, 1, 4, 1)
    await pick(database, "L000/1")
    assert await level(database) == (0, 0, 4, 1)
    await pick(database, "L001/1")
    assert await level(database) == (0, 0, 3, 0)
    await arrived(database, 3)
    assert await level(database) == (3, 0, 0, 0)


async def pick(database: Database, reference: str) -> None:
    """A van loads the shipment."""

    async def work(session: Session) -> None:
        found = (await session.scalars(select(Shipment).where(col(Shipment.reference) == reference))).one()
        await shipments.lock(session, found)
        await shipments.advance(session, found, ShipmentEvent.PICK_UP, actor=SYSTEM, now=clock.now())
        assert found.state is ShipmentState.PICKED_UP

    await database.run(work)


async def test_a_cancelled_order_gives_back_what_is_still_to_come(database: Database) -> None:
    await rules(database, allocation={"inboundLeadDays": 1})
    await a_network(database, carriers=[own_fleet()], on_hand=0)
    await expected(database, 1)
    await wanted(database, 1, on=1, prefix="L")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    assert await level(database) == (0, 0, 1, 1)
    async with database.transaction() as session:
        await cancellation.cancel(
            session, reference="L000", order_id=None, reason="no", actor=INTEGRATION, now=clock.now()
        )
    assert await level(database) == (0, 0, 1, 0)


async def test_a_delivery_that_is_late_for_its_orders_is_told_once_and_settled_when_it_comes(
    database: Database,
) -> None:
    await rules(database, allocation={"inboundLeadDays": 1})
    await a_network(database, carriers=[own_fleet()], on_hand=0)
    await expected(database, 5)
    after = NOON + DAY
    assert await database.run(lambda session: arrivals.watch(session, now=after)) == 0
    await wanted(database, 1, on=1, prefix="L")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    assert await database.run(lambda session: arrivals.watch(session, now=NOON)) == 0
    assert await database.run(lambda session: arrivals.watch(session, now=after)) == 1
    assert await database.run(lambda session: arrivals.watch(session, now=after)) == 0
    case = await the_case(database)
    assert (case.kind, case.suggestion) == (
        "INBOUND_LATE",
        {
            "action": "MOVE_ORDERS",
            "summary": f"Delivery PO-1 of APPLE to LIS was expected on {TOMORROW} and has not come, but 1 of it are"
            " promised. Ask for it, or send orders another way.",
        },
    )
    await arrived(database, 1)
    assert (await the_case(database)).state is ExceptionState.RESOLVED


async def test_a_delivery_that_is_put_off_after_it_was_promised_is_told_at_once(database: Database) -> None:
    await rules(database, allocation={"inboundLeadDays": 1})
    await a_network(database, carriers=[own_fleet()], on_hand=0)
    await expected(database, 5)
    await wanted(database, 1, on=1, prefix="L")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await expected(database, 5, on=3)
    case = await the_case(database)
    assert f"comes on {TOMORROW + 3 * DAY} instead of {TOMORROW}" in (case.suggestion or {})["summary"]


async def the_case(database: Database) -> ExceptionCase:
    async with database.reading() as session:
        return (await session.scalars(select(ExceptionCase))).one()
