"""A world to allocate and plan in, whenever the test runs: everything happens tomorrow."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.core.ids import new_id
from app.jobs.handlers import HANDLERS
from app.jobs.tools import Tools
from app.jobs.travel import RoadTravel
from app.models import (
    Carrier,
    CarrierKind,
    Driver,
    FulfilmentNode,
    Job,
    JobKind,
    Order,
    OrderLine,
    TenderMode,
    Vehicle,
)
from app.orchestration.jobs import operations as jobs
from tests.client import settings_for
from tests.factories.callers import a_carrier, an_order
from tests.factories.stock import a_node, a_product, stocked

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date()
NOON = datetime.combine(TOMORROW, time(12), UTC)


def own_fleet(reference: str = "own") -> Carrier:
    found = a_carrier(reference)
    found.kind, found.tender_mode, found.services = CarrierKind.OWN_FLEET, TenderMode.AUTOMATIC, ["STANDARD"]
    found.base_minor, found.daily_limit, found.cutoff_minute = 300, 1_000, 1_440
    return found


def third_party(reference: str = "swift") -> Carrier:
    found = a_carrier(reference)
    found.services, found.base_minor, found.cutoff_minute = ["STANDARD"], 500, 1_440
    return found


async def a_network(
    database: Database,
    *,
    carriers: Sequence[Carrier],
    on_hand: int = 50,
    vans: int = 2,
    nodes: Sequence[str] = ("LIS",),
) -> list[FulfilmentNode]:
    """Nodes with APPLE and PEAR, carriers, and two vans with drivers per node for each own fleet."""
    made = [a_node(reference, latitude=38.72 + 0.01 * count) for count, reference in enumerate(nodes)]
    for node in made:
        node.opens_minute, node.closes_minute, node.cutoff_minute = 0, 1_440, 1_440
    async with database.transaction() as session:
        session.add_all([*made, *carriers, a_product("APPLE"), a_product("PEAR")])
        await session.flush()
        for node in made:
            for sku in ("APPLE", "PEAR"):
                await stocked(session, node, sku, on_hand)
            for carrier in carriers:
                if carrier.kind is CarrierKind.OWN_FLEET:
                    await _fleet(session, node, carrier, vans)
    return made


async def _fleet(session: Any, node: FulfilmentNode, carrier: Carrier, vans: int) -> None:
    for number in range(1, vans + 1):
        vehicle = Vehicle(
            registration=f"{node.reference}-{number}",
            carrier_id=carrier.id,
            node_id=node.id,
            max_weight_kg=500,
            max_volume_l=2_000,
            fixed_minor=1_000,
            per_km_minor=30,
            per_hour_minor=1_500,
        )
        session.add(vehicle)
        await session.flush()
        session.add(
            Driver(
                reference=f"D-{node.reference}-{number}",
                name="Dario",
                carrier_id=carrier.id,
                vehicle_id=vehicle.id,
                shift_start_minute=480,
                shift_end_minute=1_080,
            )
        )
    await session.flush()


async def orders(
    database: Database, count: int, *, sku: str = "APPLE", quantity: int = 1, prefix: str = "A", **columns: Any
) -> list[Order]:
    """Orders for tomorrow, 10 to 16 o'clock, around the node."""
    made = []
    async with database.transaction() as session:
        for number in range(count):
            order = an_order(f"{prefix}{number:03}")
            order.latitude = 38.71 + 0.0005 * (number % 40)
            order.promised_start = order.requested_start = NOON - timedelta(hours=2)
            order.promised_end = order.requested_end = NOON + timedelta(hours=4)
            for name, value in columns.items():
                setattr(order, name, value)
            session.add(order)
            await session.flush()
            session.add(OrderLine(order_id=order.id, sku=sku, quantity=quantity, weight_kg=1.5, volume_l=2.0))
            made.append(order)
    return made


async def run(
    database: Database,
    kind: JobKind,
    arguments: dict[str, Any],
    job: Job | None = None,
    *,
    travel: RoadTravel | None = None,
    asked: asyncio.Event | None = None,
) -> tuple[Job, Any]:
    """Runs a job's handler here and now; the same job again where it is given. `asked`: set to stop it."""
    if job is None:
        async with database.transaction() as session:
            job = await jobs.create(session, kind=kind, arguments=arguments, actor=SYSTEM, now=clock.now())

    async def report(fraction: float, message: str) -> None:
        return None

    tools = Tools(
        database=database,
        settings=settings_for(database, Path("/nonexistent"), "redis://127.0.0.1:1/0"),
        report=report,
        travel=travel,
        asked=asked or asyncio.Event(),
    )
    return job, await HANDLERS[kind](job, tools)


__all__ = ["NOON", "TOMORROW", "a_network", "new_id", "orders", "own_fleet", "run", "third_party"]
