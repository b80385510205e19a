"""Prices between batches, on a real database and with the real solver: worked out anew when something moved."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.core import clock
from app.core.database import Database, Session
from app.jobs import pricing
from app.jobs.queue import Doorbell
from app.jobs.workshop import Workshop
from app.models import BidPrice, FulfilmentNode, InventoryLevel, Order
from app.orchestration.allocations import deciding, prices, queries, staleness
from app.orchestration.allocations.limits import Resource, ResourceKind
from tests.client import settings_for
from tests.factories.planning import a_network, orders, own_fleet

NOBODY = "redis://127.0.0.1:1/0"


def workshop_of(database: Database) -> Workshop:
    settings = settings_for(database, Path("/nonexistent"), NOBODY)
    return Workshop.open(database=database, settings=settings, doorbell=Doorbell(NOBODY))


async def decide(database: Database, order: Order) -> None:
    """One order alone, by the prices there are."""

    async def work(session: Session) -> None:
        setting = await queries.setting(session, now=clock.now())
        await deciding.decide(session, order=await session.get_one(Order, order.id), setting=setting, now=clock.now())

    await database.run(work)


async def is_due(database: Database, *, now: datetime | None = None) -> bool:
    moment = now or clock.now()
    async with database.reading() as session:
        return await staleness.is_due(session, setting=await queries.setting(session, now=moment), now=moment)


async def priced(database: Database, node: FulfilmentNode, *, left: int, expected: int = 1_000) -> None:
    """Prices as a run leaves them: an APPLE at the node is worth something."""
    apples = Resource(id=f"stock|{node.id}|APPLE", kind=ResourceKind.STOCK, capacity=left, name="APPLE at LIS")
    worth = {apples.id: 100.0}
    await database.run(partial(prices.keep, prices=worth, resources=[apples], orders=expected, now=clock.now()))


async def test_two_runs_that_end_at_once_leave_the_later_prices(database: Database) -> None:
    apples = Resource(id="stock|N|APPLE", kind=ResourceKind.STOCK, capacity=9, name="APPLE at N")
    now = clock.now()

    def keep(price: float, at: datetime) -> Awaitable[int]:
        return database.run(partial(prices.keep, prices={apples.id: price}, resources=[apples], orders=10, now=at))

    await asyncio.gather(*(keep(100.0 + late, now + timedelta(seconds=late)) for late in (3, 1, 5, 2, 4)))
    async with database.reading() as session:
        kept = {row.resource: row.price_minor for row in await session.scalars(select(BidPrice))}
    assert kept == {apples.id: 105.0, prices.RUN: 0.0}
    assert await keep(7.0, now) == 0


async def restock(database: Database, sku: str, on_hand: int) -> None:
    async with database.transaction() as session:
        await session.execute(update(InventoryLevel).where(col(InventoryLevel.sku) == sku).values(on_hand=on_hand))


async def test_where_only_batches_decide_prices_are_left_to_them(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()])
    assert not await is_due(database)


async def test_prices_hold_while_nothing_moves_and_are_due_when_scarce_stock_does(database: Database) -> None:
    (node,) = await a_network(database, carriers=[own_fleet()], on_hand=50)
    (order,) = await orders(database, 1)
    await decide(database, order)
    assert await is_due(database), "orders are decided alone, and no prices were ever worked out"
    await priced(database, node, left=49)
    assert not await is_due(database)
    await restock(database, "PEAR", 10)
    assert not await is_due(database), "what has no price moves no price"
    await restock(database, "APPLE", 40)
    assert await is_due(database)


@pytest.mark.parametrize(("expected", "due"), [(100, False), (60, True)])
async def test_prices_are_due_after_a_sixteenth_of_the_demand(database: Database, expected: int, due: bool) -> None:
    (node,) = await a_network(database, carriers=[own_fleet()], on_hand=1_000)
    first, *_ = await orders(database, 1)
    await decide(database, first)
    await priced(database, node, left=999, expected=expected)
    await orders(database, 4, prefix="B")
    assert await is_due(database) is due


async def test_prices_are_due_when_less_was_sold_than_planned(database: Database) -> None:
    (node,) = await a_network(database, carriers=[own_fleet()], on_hand=50)
    (order,) = await orders(database, 1)
    await decide(database, order)
    await priced(database, node, left=49)
    assert not await is_due(database, now=clock.now() + timedelta(hours=2))
    assert await is_due(database, now=clock.now() + timedelta(hours=3))


async def test_a_refresh_leaves_prices_for_the_demand_of_yesterday_and_the_next_finds_nothing_to_do(
    database: Database,
) -> None:
    near, far = await a_network(database, carriers=[own_fleet()], nodes=("LIS", "OPO"), on_hand=20)
    await restock(database, "APPLE", 5)
    yesterday = await orders(database, 8, latitude=38.72, created_at=clock.now() - timedelta(hours=20))
    await decide(database, yesterday[0])
    workshop = workshop_of(database)
    assert await pricing.refresh(workshop)
    async with database.reading() as session:
        run = await prices.run(session)
        assert run is not None
        assert run.capacity == 8
        kept = {row.resource: row for row in await session.scalars(select(BidPrice))}
    scarce = kept[f"stock|{near.id}|APPLE"]
    assert scarce.price_minor > 1.0
    assert scarce.capacity == 4
    assert f"stock|{far.id}|APPLE" not in kept
    assert not await pricing.refresh(workshop)
    async with database.reading() as session:
        again = await prices.run(session)
    assert again is not None
    assert again.id == run.id
