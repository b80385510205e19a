"""A whole fleet's day, from orders in the database to saved plans: seconds a stage, memory, what workers bring.

    python -m benchmarks.fleet --orders 100000 --nodes 12 --json

Starts real servers in a folder of its own. The stages are the product's own: rows in the database, the allocation job,
the planning job of all nodes, whose every answer the checker has passed before it is saved. Times for other numbers of
workers than this machine has cores are simulated from the measured parts, and marked so.
"""

import argparse
import asyncio
import contextlib
import heapq
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from sqlalchemy import func, select, text
from sqlmodel import SQLModel, col

from app.asgi import ensure_defaults
from app.auth.principals import SYSTEM
from app.core import clock, migrations
from app.core.collecting import collect_rarely
from app.core.database import Database, Session
from app.core.embedded import servers
from app.core.settings import Settings
from app.jobs.handlers import HANDLERS
from app.jobs.holding import hold
from app.jobs.tools import Bench
from app.models import (
    Allocation,
    Carrier,
    Driver,
    FulfilmentNode,
    InventoryLevel,
    InventoryMovement,
    Job,
    JobKind,
    JobState,
    Order,
    OrderLine,
    Plan,
    Product,
    Route,
    Shipment,
    ShipmentLine,
    Stop,
    Vehicle,
)
from app.models.base import Json
from app.orchestration.jobs import operations as jobs
from app.orchestration.writing import insert_all
from benchmarks import fleet_day
from benchmarks.fleet_day import FleetDay

console = Console(stderr=True, highlight=False)
LOOK_EVERY_SECONDS = 0.5
WORKERS = (1, 2, 4, 8, 12)
LEASE = timedelta(seconds=60)
KIBIBYTES_A_MEBIBYTE = 1_024


@dataclass
class Stages:
    """Wall and processor seconds of each stage; the processor's are this process's and its children's."""

    wall: dict[str, float] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def measured(self, name: str) -> AsyncIterator[None]:
        """Times a block."""
        began, used = time.perf_counter(), _processor_seconds()
        yield
        self.wall[name] = round(time.perf_counter() - began, 2)
        self.processor[name] = round(_processor_seconds() - used, 2)
        console.print(f"{name}: {self.wall[name]} s wall, {self.processor[name]} s processor")


class Memory(threading.Thread):
    """Watches the memory of this process and all below it; shared pages are counted once, by their share."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mib = 0
        self._is_over = threading.Event()

    def run(self) -> None:
        """Looks until it is stopped."""
        while not self._is_over.wait(LOOK_EVERY_SECONDS):
            self.peak_mib = max(self.peak_mib, sum(_proportional_kib(pid) for pid in _family()) // KIBIBYTES_A_MEBIBYTE)

    def stop(self) -> int:
        """The peak."""
        self._is_over.set()
        return self.peak_mib


def _family() -> list[int]:
    """This process and its descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    family = [os.getpid()]
    for pid in family:
        family += [child for child, parent in parents.items() if parent == pid]
    return family


def _proportional_kib(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


async def write(database: Database, day: FleetDay) -> None:
    """All rows of the day, and the statistics that the planner of the database needs."""
    tables: list[tuple[type[SQLModel], Sequence[Json]]] = [
        (FulfilmentNode, day.nodes),
        (Carrier, [day.carrier]),
        (Product, day.products),
        (InventoryLevel, day.levels),
        (InventoryMovement, day.movements),
        (Vehicle, day.vehicles),
        (Driver, day.drivers),
        (Order, day.orders),
        (OrderLine, day.lines),
    ]

    async def work(session: Session) -> None:
        for model, rows in tables:
            await insert_all(session, model, rows)

    await database.run(work)
    async with database.transaction() as session:
        await session.execute(text("analyze"))


async def assign(database: Database, day: FleetDay) -> Json:
    """Shipments without an allocation, to measure planning alone."""
    allocations, shipments, lines = fleet_day.assigned(day)

    async def work(session: Session) -> None:
        await insert_all(session, Allocation, allocations)
        await insert_all(session, Shipment, shipments)
        await insert_all(session, ShipmentLine, lines)

    await database.run(work)
    return {"isSkipped": True}


async def run_job(bench: Bench, kind: JobKind, arguments: Json) -> Job:
    """Runs a job here, as a worker does; fails where it fails."""
    async with bench.database.transaction() as session:
        made = await jobs.create(session, kind=kind, arguments=arguments, actor=SYSTEM, now=clock.now())
    async with bench.database.transaction() as session:
        claimed = await jobs.claim(
            session, made.id, now=clock.now(), wall=clock.wall_now(), lease=LEASE, max_attempts=1
        )
    assert claimed is not None, "nobody else takes it"
    await hold(bench, claimed, HANDLERS[kind])
    async with bench.database.reading() as session:
        done = await session.get_one(Job, made.id)
    if done.state is not JobState.SUCCEEDED:
        raise SystemExit(f"{kind.value} ended {done.state.value}: {done.error_code} {done.error_message}")
    return done


async def counted(database: Database) -> Json:
    """What is in the database at the end."""
    async with database.reading() as session:
        found = {
            name: await session.scalar(select(func.count()).select_from(model))
            for name, model in (("orders", Order), ("shipments", Shipment), ("routes", Route), ("stops", Stop))
        }
        plans = list(await session.scalars(select(Plan).order_by(col(Plan.id))))
    return {
        **found,
        "plans": len(plans),
        "unassigned": sum(len(plan.unassigned) for plan in plans),
        "costMinor": sum(plan.cost_minor for plan in plans),
        "distanceKm": round(sum(plan.distance_metres for plan in plans) / 1_000),
        "solver": plans[0].solver if plans else None,
    }


async def part_seconds(database: Database, job: Job) -> list[float]:
    """How long each part of the plan took to solve, in the order in which they were taken."""
    async with database.reading() as session:
        rows = await session.scalars(select(Job).where(col(Job.parent_id) == job.id).order_by(col(Job.id)))
        return [
            (part.finished_at - part.started_at).total_seconds()
            for part in rows
            if part.started_at is not None and part.finished_at is not None
        ]


def makespan(parts: Sequence[float], *, workers: int) -> float:
    """When the last part ends, each taken in turn by the first worker that is free."""
    free = [0.0] * workers
    for seconds in parts:
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


async def measure(arguments: argparse.Namespace, found: servers.Servers, folder: Path) -> Json:
    """The whole run."""
    settings = Settings(
        database_url=found.database_url,
        redis_url=found.redis_url,
        secret_key=found.secret_key,  # type: ignore[arg-type]  # pydantic makes it a secret
        data=folder,
        solver_processes=arguments.cores,
    )
    database = Database(settings.database_url)
    await database.run(ensure_defaults)
    bench = Bench(database=database, settings=settings, slots=asyncio.Semaphore(arguments.cores))
    stages, memory = Stages(), Memory()
    memory.start()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    build = partial(fleet_day.build, orders=arguments.orders, nodes=arguments.nodes, day=tomorrow)
    day = build(seed=arguments.seed, secret=settings.secret_key.get_secret_value())
    async with stages.measured("orders in the database"):
        await write(database, day)
    async with stages.measured("allocation"):
        if arguments.allocated:
            allocation = await assign(database, day)
        else:
            allocation = (await run_job(bench, JobKind.ALLOCATE_ORDERS, {})).result
    async with stages.measured("planning and saving"):
        planning = await run_job(
            bench, JobKind.PLAN_ROUTES, {"date": tomorrow.isoformat(), "seconds": arguments.seconds}
        )
    result = await counted(database)
    parts = await part_seconds(database, planning)
    await database.close()
    total = sum(stages.wall.values())
    rest = total - makespan(parts, workers=arguments.cores)
    return {
        "orders": arguments.orders,
        "nodes": arguments.nodes,
        "cores": arguments.cores,
        "searchSeconds": arguments.seconds,
        "seconds": {**stages.wall, "total": round(total, 2)},
        "processorSeconds": stages.processor,
        "planningSeconds": (planning.result or {}).get("seconds"),
        "peakMiB": memory.stop(),
        "allocation": allocation,
        "result": result,
        "everyPlanChecked": True,  # the planning job refuses to save what the checker finds fault with
        "byWorkers": [
            {
                "workers": workers,
                "seconds": round(rest + makespan(parts, workers=workers), 1),
                "isSimulated": workers != arguments.cores,
            }
            for workers in WORKERS
        ],
    }


def publish(report: Json, target: str | None) -> None:
    """Writes the report as JSON: to a file, or, where none is named, to the terminal."""
    words = json.dumps(report, indent=2) + "\n"
    if target is not None and target != "-":
        Path(target).write_text(words)
    else:
        sys.stdout.write(words)


def main() -> None:
    """Reads the arguments, runs, prints, and writes JSON where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=90.0, help="how long two cores search for routes")
    parser.add_argument("--cores", type=int, default=2, help="how many parts are solved side by side here")
    parser.add_argument("--allocated", action="store_true", help="skip the allocation: measure planning alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", nargs="?", const="-", help="a file for the result, or nothing for the terminal")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="doorstep-fleet-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with servers.running(folder, durable=False, environment={}) as found:
            migrations.upgrade(found.database_url)
            collect_rarely()
            report = asyncio.run(measure(arguments, found, folder))
    publish(report, arguments.json)


if __name__ == "__main__":
    main()
