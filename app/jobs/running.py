"""Runs one job under a lease, so that a killed worker's job is taken up by another."""

import asyncio
import uuid
from contextlib import suppress
from datetime import timedelta

import structlog

from app.core import clock
from app.core.errors import Refusal
from app.jobs.handlers import HANDLERS
from app.jobs.tools import Tools
from app.jobs.workshop import Workshop
from app.models import Job
from app.orchestration.jobs import operations

LEASE = timedelta(seconds=15)
HEARTBEAT_SECONDS = 4
# A job that took its worker along this often is broken itself.
MAX_ATTEMPTS = 4
log = structlog.get_logger(__name__)


async def run_job(workshop: Workshop, job_id: str) -> None:
    """Claims the job, works, and records how it ended. Does nothing where another worker holds it."""
    async with workshop.database.transaction() as session:
        job = await operations.claim(
            session,
            uuid.UUID(job_id),
            now=clock.now(),
            wall=clock.wall_now(),
            lease=LEASE,
            max_attempts=MAX_ATTEMPTS,
        )
    if job is None:
        return
    heartbeat = asyncio.create_task(_keep_lease(workshop, job))
    try:
        await _work(workshop, job)
    finally:
        heartbeat.cancel()
        with suppress(asyncio.CancelledError):
            await heartbeat


async def _work(workshop: Workshop, job: Job) -> None:
    async def report(fraction: float, message: str) -> None:
        async with workshop.database.transaction() as session:
            await operations.progress(session, job.id, fraction=fraction, message=message, now=clock.now())

    tools = Tools(database=workshop.database, settings=workshop.settings, report=report)
    code: str | None = None
    try:
        result = await HANDLERS[job.kind](job, tools)
    except Refusal as refusal:
        code, message = refusal.code, refusal.message
    except Exception as error:
        log.exception("job.failed", job=str(job.id), kind=job.kind)
        code, message = "INTERNAL_ERROR", f"The job failed with {type(error).__name__}; the log names job {job.id}."
    async with workshop.database.transaction() as session:
        if code is None:
            await operations.finish(session, job.id, result=result, now=clock.now())
        else:
            await operations.fail(session, job.id, code=code, message=message, now=clock.now())


async def _keep_lease(workshop: Workshop, job: Job) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        async with workshop.database.transaction() as session:
            await operations.keep_lease(session, job.id, wall=clock.wall_now(), lease=LEASE)
