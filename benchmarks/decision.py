"""One order at a time through the platform: processor and wall time, and statements, of each decision.

    python -m benchmarks.decision --orders 200 --nodes 12 --carriers 5 --json

Starts a real PostgreSQL in a folder of its own and decides single-line orders one after another, each in a transaction
of its own, by the function that the mutation `allocateOrder` calls. Every node reaches every door, so that an order has
nodes x carriers ways. Processor time is that of this process and of the server's backends, which the kernel counts in
nanoseconds (Linux only). The first decisions, which fill caches, are left out.
"""

import argparse
import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import event, func, select, text
from sqlmodel import SQLModel, col

from app.asgi import ensure_defaults
from app.auth.principals import SYSTEM
from app.core import clock, migrations
from app.core.collecting import collect_rarely
from app.core.database import Database, Session
from app.core.embedded import servers
from app.core.ids import new_id
from app.models import BidPrice, Carrier, CarrierKind, Order, OrderState, Tender, TenderMode
from app.models.base import Json
from app.orchestration.allocations import deciding
from app.orchestration.allocations.queries import Memory
from app.orchestration.writing import insert_all
from benchmarks import fleet, fleet_day
from benchmarks.fleet_day import FleetDay

# Decisions that fill the caches of both processes.
WARMING_UP = 20
# The day of fleet_day.py on a tenth of its plane: from every node to every door in time.
PLANE_SHARE = 0.1
FARTHEST_METRES = 500_000
# What the carriers that are asked charge: as much as the own fleet and less, so that most orders are tendered.
BASE_MINOR, PER_KM_MINOR = (60, 160), (3, 9)
# What the last batch left: a unit of a good at a node is worth something at every other node.
PRICED_SHARE, PRICE_MINOR = 0.5, 80.0
SHARES = (50, 90, 99, 100)
YARD, HARDLY_LONGER = 5_000, 1.15
NANOSECONDS_A_MILLISECOND = 1e6


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one decision took, in milliseconds, how many statements it sent, and what the yardstick took after it."""

    process: float
    database: float
    wall: float
    statements: int
    yardstick: float


class Statements:
    """Counts what is sent to the database, savepoints included; begin and commit are not."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._sent)

    def _sent(self, *_: Any) -> None:
        self.count += 1


def asked(draw: np.random.Generator, number: int) -> Json:
    """A carrier that wants to be asked."""
    return {
        "id": new_id(),
        "reference": f"C{number}",
        "name": f"Carrier {number}",
        "kind": CarrierKind.THIRD_PARTY,
        "tender_mode": TenderMode.ASK,
        "services": ["STANDARD"],
        "skills": ["COLD"],
        "zone_radius_metres": FARTHEST_METRES,
        "base_minor": int(draw.integers(*BASE_MINOR)),
        "per_km_minor": int(draw.integers(*PER_KM_MINOR)),
        "max_weight_kg": 1_000.0,
        "response_minutes": 30,
        "cutoff_minute": 1_440,
        "daily_limit": 100_000,
    }


def drawn_together(day: FleetDay) -> None:
    """Moves nodes and doors closer, so that each node can serve each door."""
    centre = day.nodes[0]
    middle = {name: centre[name] for name in ("latitude", "longitude")}
    for row in [*day.nodes, *day.orders]:
        for name, value in middle.items():
            row[name] = value + (row[name] - value) * PLANE_SHARE
    day.carrier["zone_radius_metres"] = FARTHEST_METRES


def prices(draw: np.random.Generator, day: FleetDay) -> list[Json]:
    """Prices as a batch leaves them."""
    return [
        {
            "id": new_id(),
            "resource": f"stock|{level['node_id']}|{level['sku']}",
            "price_minor": float(draw.exponential(PRICE_MINOR)),
            "capacity": level["on_hand"],
            "at": clock.now(),
        }
        for level in day.levels
        if draw.random() < PRICED_SHARE
    ]


async def write(database: Database, arguments: argparse.Namespace, *, secret: str) -> FleetDay:
    """The network, the orders and the prices."""
    draw = np.random.default_rng(arguments.seed)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    count = arguments.orders + WARMING_UP
    day = fleet_day.build(orders=count, nodes=arguments.nodes, day=tomorrow, seed=arguments.seed, secret=secret)
    drawn_together(day)
    rows: list[tuple[type[SQLModel], list[Json]]] = [
        (Carrier, [asked(draw, number) for number in range(1, arguments.carriers)]),
        (BidPrice, prices(draw, day)),
    ]

    async def work(session: Session) -> None:
        for model, of_model in rows:
            await insert_all(session, model, of_model)

    await database.run(work)
    await fleet.write(database, day)
    return day


async def backends(database: Database) -> list[int]:
    """The processes that serve this one."""
    async with database.reading() as session:
        found = await session.scalars(text("select pid from pg_stat_activity where backend_type = 'client backend'"))
        return list(found)


def milliseconds_of(processes: Collection[int]) -> float:
    """The processor time of other processes so far."""
    total = 0.0
    for process in processes:
        with suppress(OSError):
            total += int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / NANOSECONDS_A_MILLISECOND
    return total


async def decide_all(database: Database, day: FleetDay) -> list[Cost]:
    """Decides the orders in turn."""
    memory, statements, costs = Memory(), Statements(database), []
    for row in day.orders:

        async def work(session: Session, reference: str = row["reference"]) -> Order:
            return await deciding.decide_by_reference(
                session, reference=reference, actor=SYSTEM, memory=memory, now=clock.now()
            )

        serving = await backends(database)
        sent, in_database = statements.count, milliseconds_of(serving)
        began, used = time.perf_counter(), time.process_time()
        await database.run(work)
        used, took = time.process_time() - used, time.perf_counter() - began
        costs.append(
            Cost(
                process=used * 1_000,
                database=milliseconds_of(serving) - in_database,
                wall=took * 1_000,
                statements=statements.count - sent,
                yardstick=yardstick(),
            )
        )
    return costs[WARMING_UP:]


def yardstick() -> float:
    """What a fixed piece of work takes, in milliseconds: how much slower others make this machine right now."""
    used = time.process_time()
    sum(len(str(number)) for number in range(YARD))
    return (time.process_time() - used) * 1_000


def while_free(costs: Sequence[Cost]) -> list[Cost]:
    """The decisions before and after which the yardstick took hardly longer than it ever does."""
    least = min(cost.yardstick for cost in costs)
    return [cost for before, cost in pairwise(costs) if max(before.yardstick, cost.yardstick) <= least * HARDLY_LONGER]


def shares(values: list[float]) -> Json:
    """The percentiles."""
    return {f"p{share}": round(float(np.percentile(values, share)), 2) for share in SHARES}


async def measure(arguments: argparse.Namespace, found: servers.Servers) -> Json:
    """The whole run."""
    database = Database(found.database_url)
    await database.run(ensure_defaults)
    day = await write(database, arguments, secret=found.secret_key)
    costs = await decide_all(database, day)
    async with database.reading() as session:
        allocated = await session.scalar(select(func.count()).where(col(Order.state) == OrderState.ALLOCATED))
        tendered = await session.scalar(select(func.count()).select_from(Tender))
    await database.close()
    return {
        "orders": arguments.orders,
        "nodes": arguments.nodes,
        "carriers": arguments.carriers,
        "allocated": allocated,
        "tendered": tendered,
        "statements": shares([float(cost.statements) for cost in costs]),
        "processorMilliseconds": shares([cost.process + cost.database for cost in costs]),
        "ofTheProcess": shares([cost.process for cost in costs]),
        "ofTheDatabase": shares([cost.database for cost in costs]),
        "wallMilliseconds": shares([cost.wall for cost in costs]),
        "whileFree": {
            "decisions": len(free := while_free(costs)),
            "processorMilliseconds": shares([cost.process + cost.database for cost in free or costs]),
        },
        "yardstick": {
            "least": round(min(cost.yardstick for cost in costs), 2),
            **shares([cost.yardstick for cost in costs]),
        },
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "loadAverage": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Reads the arguments, runs, prints, and writes JSON where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--nodes", type=int, default=12)
    parser.add_argument("--carriers", type=int, default=5, help="an own fleet, and others that are asked by tender")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", nargs="?", const="-", help="a file for the result, or nothing for the terminal")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="doorstep-decision-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with servers.running(folder, durable=True, environment={}) as found:
            migrations.upgrade(found.database_url)
            collect_rarely()
            report = asyncio.run(measure(arguments, found))
    fleet.publish(report, arguments.json)


if __name__ == "__main__":
    main()
