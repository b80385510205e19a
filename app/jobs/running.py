"""Runs one job under a lease, so that a killed worker's job is taken up by another."""

import uuid

from app.core import clock
from app.jobs.handlers import HANDLERS
from app.jobs.holding import LEASE, MAX_ATTEMPTS, hold
from app.jobs.workshop import Workshop
from app.orchestration.jobs import operations


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
    if job is not None:
        await hold(workshop.bench, job, HANDLERS[job.kind])


async def run_part(workshop: Workshop, job_id: str) -> None:
    """Runs a part of a job once this machine has a slot for it; until then another machine may take it."""
    async with workshop.bench.slots:
        await run_job(workshop, job_id)


__all__ = ["LEASE", "MAX_ATTEMPTS", "run_job", "run_part"]
