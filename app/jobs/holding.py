"""Works on a claimed job under its lease, and records how it ended.

The lease is renewed while the work goes on. Work whose job was cancelled meanwhile, or was ended by another worker, is
dropped; a job that somebody asked to stop hears of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from app.core import clock
from app.core.errors import Refusal
from app.jobs.tools import Bench, Tools
from app.models import Job
from app.models.base import Json
from app.orchestration.jobs import operations

LEASE = timedelta(seconds=15)
HEARTBEAT_SECONDS = 2
# A job that took its worker along this often is broken itself.
MAX_ATTEMPTS = 4
log = structlog.get_logger(__name__)

Handler = Callable[[Job, Tools], Awaitable[Json]]


async def hold(bench: Bench, job: Job, handler: Handler) -> None:
    """Lets the handler work, and records its result or its failure."""
    asked = asyncio.Event()
    if job.stop_asked_at is not None:
        asked.set()
    working = asyncio.create_task(_work(bench, job, handler, asked))
    heartbeat = asyncio.create_task(_keep_lease(bench, job, asked, working))
    try:
        await asyncio.wait({working})
        if not working.cancelled():
            working.result()
    finally:
        for task in (heartbeat, working):
            task.cancel()
        await asyncio.gather(heartbeat, working, return_exceptions=True)


async def _work(bench: Bench, job: Job, handler: Handler, asked: asyncio.Event) -> None:
    async def report(fraction: float, message: str) -> None:
        async with bench.database.transaction() as session:
            await operations.progress(session, job.id, fraction=fraction, message=message, now=clock.now())

    tools = Tools(
        database=bench.database,
        settings=bench.settings,
        ring=bench.ring,
        travel=bench.travel,
        slots=bench.slots,
        report=report,
        asked=asked,
    )
    code: str | None = None
    try:
        result = await handler(job, tools)
    except Refusal as refusal:
        code, message = refusal.code, refusal.message
    except Exception as error:
        log.exception("job.failed", job=str(job.id), kind=job.kind)
        code, message = "INTERNAL_ERROR", f"The job failed with {type(error).__name__}; the log names job {job.id}."
    async with bench.database.transaction() as session:
        if code is None:
            await operations.finish(session, job.id, result=result, now=clock.now())
        else:
            await operations.fail(session, job.id, code=code, message=message, now=clock.now())


async def _keep_lease(bench: Bench, job: Job, asked: asyncio.Event, working: asyncio.Task[None]) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        async with bench.database.transaction() as session:
            held = await operations.keep_lease(session, job.id, wall=clock.wall_now(), lease=LEASE)
        if held is None:
            working.cancel()
            return
        if held.stop_asked_at is not None:
            asked.set()
