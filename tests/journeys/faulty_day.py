"""A small simulated day on a platform of its own, while its workers are killed and its queue is wiped.

`python -m tests.journeys.faulty_day FOLDER` leaves the platform's data there, and faults.json: what was done to it.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from redis.asyncio import Redis

from app.core import clock, migrations
from app.core.embedded import platform
from app.core.embedded.platform import Platform
from app.simulator import demo
from app.simulator.day import Day, Pace
from app.simulator.demo import Scenario

ORDERS, SEED, SPEED = 40, 5, 700.0
PASSWORD = "only for this day"
LOOK_SECONDS = 0.25
STATE_OF_JOB = "select state from jobs where kind = $1 order by created_at limit 1"
UNFINISHED = "select count(*) from jobs where state in ('QUEUED', 'RUNNING')"
# The workers may end when no job waits, nothing due is unsent, and each reader stands at the log's end.
UNSENT = "select count(*) from messages where state = 'QUEUED' and not_before <= $1"
UNREAD = """
select count(*) from event_readers as reader
where exists (select from events where (transaction_id, position) > (reader.transaction_id, reader.position))
"""
MOVING = """
select count(*) from shipments where state in ('PENDING', 'TENDERED', 'PLANNED', 'PICKED_UP', 'OUT_FOR_DELIVERY')
"""


@dataclass
class Faults:
    """Hits the platform at moments that the database shows; remembers what was hit, and what was found there."""

    running: Platform
    database: asyncpg.Connection
    done: list[str] = field(default_factory=list)

    async def inject(self) -> None:
        """Everything that is done to the platform, in the order of the day.

        The senders are hit early: what one held when it died waits a minute of machine time for its lease.
        """
        await self._until("select exists (select from events where type = 'order.allocated')")
        self._kill("default")
        self._kill("notify")
        await self._wipe_queue()
        await self._until("select exists (select from jobs where kind = 'PLAN_ROUTES' and state = 'RUNNING')")
        self._kill("solver")
        state = await self.database.fetchval(STATE_OF_JOB, "PLAN_ROUTES")
        self.done.append(f"the plan was {state}")
        await self._until("select exists (select from events where type = 'route.published')")
        self._kill("notify")
        await self._until("select exists (select from events where type = 'shipment.out_for_delivery')")
        self._kill("default")
        await self._until("select count(*) > 10 from events where type = 'shipment.delivered'")
        await self._wipe_queue()
        self._kill("solver")

    async def _until(self, question: str) -> None:
        while not await self.database.fetchval(question):  # noqa: ASYNC110 - another process's rows have no event
            await asyncio.sleep(LOOK_SECONDS / 5)

    def _kill(self, queue: str) -> None:
        child = self.running.child(f"worker {queue}")
        child.kill()
        child.wait()
        self.done.append(f"killed {queue}")

    async def _wipe_queue(self) -> None:
        async with Redis.from_url(self.running.environment["REDIS_URL"]) as queue:
            await queue.flushall()
        self.done.append("wiped the queue")


async def drive(running: Platform, scenario: Scenario) -> dict[str, Any]:
    """Runs the day and the faults side by side; answers when nothing is left to do."""
    database = await asyncpg.connect(running.environment["DATABASE_URL"])
    faults = Faults(running, database)
    watcher = asyncio.create_task(_watch(running))
    access = await demo.first_accounts(running, password=PASSWORD)
    day = Day(
        scenario.city,
        url=running.url,
        access=access,
        pace=scenario.pace,
        seed=SEED,
        say=lambda text: print(text, flush=True),
        enrol=lambda: demo.enrol(running, scenario.city, password=PASSWORD),
    )
    injecting = asyncio.create_task(faults.inject())
    report = await day.run()
    injecting.cancel()
    await asyncio.wait([injecting])  # it may be asking the database: two cannot at once
    ended_at = clock.now()
    await _quiet(lambda: database.fetchval(UNFINISHED))
    await _quiet(lambda: database.fetchval(UNSENT, ended_at))
    await _quiet(lambda: database.fetchval(UNREAD))
    moving = await database.fetchval(MOVING)
    watcher.cancel()
    await database.close()
    sent = len(day.shop.tracking_tokens)
    return {"done": faults.done, "report": report, "sent": sent, "endedAt": ended_at.isoformat(), "moving": moving}


async def _watch(running: Platform) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for name in running.watch():
            print(f"started again: {name}", flush=True)


async def _quiet(count: Callable[[], Awaitable[int]]) -> None:
    while await count():  # noqa: ASYNC110 - another process's rows have no event
        await asyncio.sleep(LOOK_SECONDS)


def small_day() -> Scenario:
    """Begins early: a job that lost its worker waits for its lease in machine time, hours of this day."""
    found = demo.small_city(orders=ORDERS, seed=SEED, speed=SPEED)
    starts = datetime.combine(found.city.day, time(0, 0), found.city.zone)
    return replace(found, starts=starts, pace=Pace(late_orders_at=time(12, 0), ends_at=time(23, 30), plan_seconds=3))


def main(folder: Path) -> None:
    """The day from its first process to its last."""
    scenario = small_day()
    simulated = clock.starting_at(scenario.starts, speed=scenario.speed)
    clock.use(simulated)
    settings = scenario.settings | {"DOORSTEP_ACCESS_TOKEN_MINUTES": str(timedelta(hours=12) // timedelta(minutes=1))}
    with platform.running(
        folder, migrate=migrations.upgrade, clock=simulated.to_environment(), settings=settings
    ) as running:
        found = asyncio.run(drive(running, scenario))
    (folder / "faults.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
