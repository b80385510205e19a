"""Stock that orders take and give back, on real PostgreSQL."""

import asyncio
import uuid
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.database import Database
from app.core.ids import new_id
from app.models import InboundDelivery, InventoryLevel, InventoryMovement, MovementReason, Product
from app.orchestration.inventory import arrivals, operations, stocktaking
from app.orchestration.inventory.arrivals import ArrivalRow, ExpectedRow
from app.orchestration.inventory.operations import goods_of
from app.orchestration.inventory.policies import EFFECTS, InsufficientStock
from app.orchestration.inventory.stocktaking import CountRow, MovementRow
from tests.client import INTEGRATION
from tests.factories.stock import a_node, a_world, stocked

NOW = datetime(2030, 5, 17, 9, tzinfo=UTC)
REASONS = tuple(EFFECTS)


async def numbers(session: AsyncSession, node_id: uuid.UUID, sku: str) -> tuple[int, int, int]:
    level = await session.scalar(
        select(InventoryLevel)
        .where(col(InventoryLevel.node_id) == node_id, col(InventoryLevel.sku) == sku)
        .execution_options(populate_existing=True)
    )
    return (level.on_hand, level.reserved, level.in_transit) if level else (0, 0, 0)


async def inbound(session: AsyncSession, node_id: uuid.UUID, sku: str) -> tuple[int, int]:
    """What the level says is to come and is promised of it, which its deliveries and its ledger say as well."""
    wanted = (col(InventoryLevel.node_id) == node_id, col(InventoryLevel.sku) == sku)
    level = await session.scalar(select(InventoryLevel).where(*wanted).execution_options(populate_existing=True))
    told = (level.inbound, level.inbound_reserved) if level else (0, 0)
    for table, columns in (
        (InboundDelivery, (InboundDelivery.quantity, InboundDelivery.reserved)),
        (InventoryMovement, (InventoryMovement.inbound_delta, InventoryMovement.inbound_reserved_delta)),
    ):
        sums = (func.coalesce(func.sum(col(column)), 0) for column in columns)
        found = await session.execute(select(*sums).where(col(table.node_id) == node_id, col(table.sku) == sku))
        assert tuple(found.one()) == told
    return told


async def ledger(session: AsyncSession, node_id: uuid.UUID, sku: str) -> tuple[int, int, int]:
    row = (
        await session.execute(
            select(
                func.coalesce(func.sum(col(InventoryMovement.on_hand_delta)), 0),
                func.coalesce(func.sum(col(InventoryMovement.reserved_delta)), 0),
                func.coalesce(func.sum(col(InventoryMovement.in_transit_delta)), 0),
            ).where(col(InventoryMovement.node_id) == node_id, col(InventoryMovement.sku) == sku)
        )
    ).one()
    return row[0], row[1], row[2]


async def test_goods_go_from_the_shelf_to_the_door(database: Database) -> None:
    node, _ = await a_world(database, on_hand=10)
    goods = goods_of(node.id, {"APPLE": 4})
    seen = []
    for reason in (MovementReason.RESERVE, MovementReason.PICK, MovementReason.DELIVER):
        async with database.transaction() as session:
            await operations.move(session, reason, goods, now=NOW)
        async with database.reading() as session:
            seen.append(await numbers(session, node.id, "APPLE"))
    assert seen == [(10, 4, 0), (6, 0, 4), (6, 0, 0)]


async def test_goods_that_come_back_can_be_promised_again(database: Database) -> None:
    node, _ = await a_world(database, on_hand=10)
    goods = goods_of(node.id, {"APPLE": 4})
    async with database.transaction() as session:
        for reason in (MovementReason.RESERVE, MovementReason.PICK, MovementReason.RETURN):
            await operations.move(session, reason, goods, now=NOW)
    async with database.reading() as session:
        assert await numbers(session, node.id, "APPLE") == (10, 0, 0)
        assert await ledger(session, node.id, "APPLE") == (10, 0, 0)


async def test_a_long_transaction_that_delivers_keeps_nobody_from_the_level(database: Database) -> None:
    node, _ = await a_world(database, on_hand=10)
    goods = goods_of(node.id, {"APPLE": 1})
    async with database.transaction() as session:
        for reason in (MovementReason.RESERVE, MovementReason.PICK):
            await operations.move(session, reason, goods, now=NOW)
    async with database.transaction() as long:
        await operations.move(long, MovementReason.DELIVER, goods, now=NOW)
        await long.flush()
        async with database.transaction() as other:
            await other.execute(text("set local lock_timeout = '2s'"))
            await operations.move(other, MovementReason.RESERVE, goods, now=NOW)
    async with database.reading() as session:
        assert await numbers(session, node.id, "APPLE") == (9, 1, 0)
        assert await ledger(session, node.id, "APPLE") == (9, 1, 0)


async def test_one_short_line_refuses_all_lines_and_names_each_that_is_short(database: Database) -> None:
    node, _ = await a_world(database, on_hand=10)
    async with database.transaction() as session:
        goods = goods_of(node.id, {"APPLE": 3, "PEAR": 11, "PLUM": 1})
        with pytest.raises(InsufficientStock) as refusal:
            await operations.move(session, MovementReason.RESERVE, goods, now=NOW)
        assert await numbers(session, node.id, "APPLE") == (10, 0, 0)
        assert await ledger(session, node.id, "APPLE") == (10, 0, 0)
    assert refusal.value.code == "INSUFFICIENT_STOCK"
    assert [(short.node, short.sku, short.wanted, short.available) for short in refusal.value.shortages] == [
        ("LIS", "PEAR", 11, 10),
        ("LIS", "PLUM", 1, 0),
    ]
    assert refusal.value.message == (
        "Node LIS has 10 of PEAR available, but 11 are wanted. Node LIS has 0 of PLUM available, but 1 are wanted."
        " Lower the quantity or choose another node."
    )


async def test_two_goods_that_take_from_one_level_are_refused_together_and_told_apart_in_the_ledger(
    database: Database,
) -> None:
    node, _ = await a_world(database, on_hand=10)
    async with database.transaction() as session:
        six = goods_of(node.id, {"APPLE": 6})
        with pytest.raises(InsufficientStock) as refusal:
            await operations.move(session, MovementReason.RESERVE, [*six, *six], now=NOW)
        assert [(short.wanted, short.available) for short in refusal.value.shortages] == [(12, 10)]
        five = goods_of(node.id, {"APPLE": 5})
        await operations.move(session, MovementReason.RESERVE, [*five, *five], now=NOW)
        assert await numbers(session, node.id, "APPLE") == (10, 10, 0)
        kept = await session.scalars(
            select(col(InventoryMovement.reserved_delta)).where(
                col(InventoryMovement.node_id) == node.id,
                col(InventoryMovement.reason) == MovementReason.RESERVE,
            )
        )
        assert list(kept) == [5, 5]


async def test_two_hundred_reservations_at_once_sell_the_last_fifty_pieces_fifty_times(database: Database) -> None:
    node, _ = await a_world(database, on_hand=50)
    at_once = asyncio.Semaphore(10)

    async def reserve() -> bool:
        async with at_once:
            try:
                goods = goods_of(node.id, {"APPLE": 1, "PEAR": 1})
                await database.run(lambda session: operations.move(session, MovementReason.RESERVE, goods, now=NOW))
            except InsufficientStock:
                return False
            return True

    won = await asyncio.gather(*(reserve() for _ in range(200)))
    assert won.count(True) == 50
    async with database.reading() as session:
        assert await numbers(session, node.id, "APPLE") == (50, 50, 0)
        assert await ledger(session, node.id, "PEAR") == (50, 50, 0)


steps = st.one_of(
    st.tuples(st.sampled_from(REASONS), st.sampled_from(["APPLE", "PEAR"]), st.integers(0, 4)),
    st.tuples(st.just("count"), st.sampled_from(["APPLE", "PEAR"]), st.integers(-1, 12)),
    st.tuples(st.just("move"), st.sampled_from(["APPLE", "PEAR"]), st.integers(-6, 6)),
    st.tuples(st.just("expect 1"), st.sampled_from(["APPLE", "PEAR"]), st.integers(0, 5)),
    st.tuples(st.just("expect 2"), st.sampled_from(["APPLE", "PEAR"]), st.integers(0, 5)),
    st.tuples(st.just("receive 1"), st.sampled_from(["APPLE", "PEAR"]), st.integers(0, 5)),
    st.tuples(st.just("receive 2"), st.sampled_from(["APPLE", "PEAR"]), st.integers(0, 5)),
    st.tuples(st.just("promise 1"), st.sampled_from(["APPLE", "PEAR"]), st.integers(0, 4)),
    st.tuples(st.just("promise 2"), st.sampled_from(["APPLE", "PEAR"]), st.integers(0, 4)),
)


def day(number: str) -> date:
    return NOW.date() + timedelta(days=int(number))


async def take_step(session: AsyncSession, node: Any, step: tuple[str, str, int]) -> None:
    verb, sku, quantity = step
    if verb == "count":
        rows = [CountRow(node=node.reference, sku=sku, on_hand=quantity, as_of=NOW)]
        await stocktaking.count(session, rows=rows, actor=INTEGRATION, now=NOW)
    elif verb == "move":
        moves = [MovementRow(node=node.reference, sku=sku, delta=quantity, reason="ADJUSTMENT")]
        await stocktaking.move(session, rows=moves, actor=INTEGRATION, now=NOW)
    elif verb.startswith("expect"):
        due = [
            ExpectedRow(node=node.reference, sku=sku, reference=verb[-1], quantity=quantity, expected_on=day(verb[-1]))
        ]
        await arrivals.expect(session, rows=due, actor=INTEGRATION, now=NOW)
    elif verb.startswith("receive"):
        come = [ArrivalRow(node=node.reference, sku=sku, reference=verb[-1], quantity=quantity)]
        await arrivals.receive(session, rows=come, actor=INTEGRATION, now=NOW)
    elif verb.startswith("promise"):
        goods = goods_of(node.id, {sku: quantity}, by=day(verb[-1]))
        await operations.move(session, MovementReason.RESERVE, goods, now=NOW)
    else:
        await operations.move(session, MovementReason(verb), goods_of(node.id, {sku: quantity}), now=NOW)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(steps, max_size=25))
async def test_the_ledger_sums_to_the_level_after_any_sequence_of_operations(
    database: Database, sequence: list[tuple[str, str, int]]
) -> None:
    node = a_node(f"N-{uuid.uuid4()}")
    async with database.transaction() as session:
        session.add(node)
        await session.execute(
            insert(Product).on_conflict_do_nothing(),
            [{"id": new_id(), "created_at": NOW, "sku": sku} for sku in ("APPLE", "PEAR")],
        )
        await session.flush()
        for sku in ("APPLE", "PEAR"):
            await stocked(session, node, sku, 8)
    for step in sequence:
        with suppress(InsufficientStock):
            async with database.transaction() as session:  # the database's own constraints speak at its end
                await take_step(session, node, step)
    async with database.reading() as session:
        for sku in ("APPLE", "PEAR"):
            assert await numbers(session, node.id, sku) == await ledger(session, node.id, sku)
            await inbound(session, node.id, sku)
