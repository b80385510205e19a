"""The parts of a job: solved side by side, by whichever worker is free, each under a lease of its own.

A part is a job of kind SOLVE_PART with its request and answer in `solver_parts`. Where its worker falls silent, another
one solves it again, as any job. The parts' bytes go when the parent has what it needs of them.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.models import Job, JobKind, JobState
from app.models.jobs import SolverPart
from app.orchestration import reading
from app.orchestration.jobs import operations
from app.orchestration.jobs.policies import TERMINAL


async def add(
    session: AsyncSession, *, parent_id: uuid.UUID, requests: Sequence[bytes], now: datetime
) -> list[uuid.UUID]:
    """A part per request, in their order. Wake the workers after the commit."""
    keys = []
    for request in requests:
        job = await operations.create(
            session, kind=JobKind.SOLVE_PART, arguments={}, actor=SYSTEM, now=now, parent_id=parent_id
        )
        session.add(SolverPart(job_id=job.id, request=request))
        keys.append(job.id)
    await session.flush()
    return keys


async def claim_next(
    session: AsyncSession,
    *,
    parent_id: uuid.UUID,
    now: datetime,
    wall: datetime,
    lease: timedelta,
    max_attempts: int,
) -> Job | None:
    """The first of the parent's parts that waits, or whose worker fell silent; None where there is none."""
    found = await session.scalar(
        select(col(Job.id))
        .where(
            col(Job.parent_id) == parent_id,
            or_(
                col(Job.state) == JobState.QUEUED,
                (col(Job.state) == JobState.RUNNING) & (col(Job.leased_until) < wall),
            ),
        )
        .order_by(col(Job.id))
        .limit(1)
        .with_for_update(key_share=True, skip_locked=True)
    )
    if found is None:
        return None
    return await operations.claim(session, found, now=now, wall=wall, lease=lease, max_attempts=max_attempts)


async def request_of(session: AsyncSession, job_id: uuid.UUID) -> bytes | None:
    """What a part is asked; None where its parent no longer waits for it."""
    found: bytes | None = await session.scalar(select(col(SolverPart.request)).where(col(SolverPart.job_id) == job_id))
    return found


async def answer(session: AsyncSession, job_id: uuid.UUID, *, found: bytes) -> None:
    """Keeps a part's answer, for the parent to fetch."""
    await session.execute(update(SolverPart).where(col(SolverPart.job_id) == job_id).values(answer=found))


async def states(session: AsyncSession, keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, Job]:
    """How far the parts are."""
    return await reading.by_id(
        session, select(Job).where(col(Job.id).in_(keys)).execution_options(populate_existing=True)
    )


async def answers(session: AsyncSession, keys: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, bytes]:
    """The answers that are there."""
    found = await session.execute(
        select(col(SolverPart.job_id), col(SolverPart.answer)).where(
            col(SolverPart.job_id).in_(keys), col(SolverPart.answer).is_not(None)
        )
    )
    return {job_id: sealed for job_id, sealed in found.all() if sealed is not None}


async def ask_to_stop(session: AsyncSession, *, parent_id: uuid.UUID, now: datetime) -> None:
    """Asks every part that runs to end with the best so far; one that nobody has begun is cancelled."""
    for job in await _open(session, parent_id):
        job.stop_asked_at = job.stop_asked_at or now
        if job.state is JobState.QUEUED:
            operations.cancel(session, job, now=now)


async def clear(session: AsyncSession, *, parent_id: uuid.UUID, now: datetime) -> None:
    """Forgets the parent's parts: what waits or runs is cancelled, and all requests and answers are deleted."""
    for job in await _open(session, parent_id):
        operations.cancel(session, job, now=now)
    mine = select(col(Job.id)).where(col(Job.parent_id) == parent_id)
    await session.execute(delete(SolverPart).where(col(SolverPart.job_id).in_(mine)))


async def _open(session: AsyncSession, parent_id: uuid.UUID) -> list[Job]:
    """The parent's parts that wait or run, locked."""
    rows = await session.scalars(
        select(Job)
        .where(col(Job.parent_id) == parent_id, col(Job.state).not_in(TERMINAL))
        .order_by(col(Job.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(rows)
