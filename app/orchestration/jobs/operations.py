"""Making jobs, and the lease under which a worker runs one.

A lease is machine time: when it runs out, the worker is taken for dead and another one starts the job again.
"""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import NotFound
from app.models import Job, JobKind, JobState
from app.models.base import Json
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.jobs.policies import JobEvent, next_state

STOPPING = "Stopping."


async def create(
    session: AsyncSession,
    *,
    kind: JobKind,
    arguments: Json,
    actor: Principal,
    now: datetime,
    parent_id: uuid.UUID | None = None,
) -> Job:
    """A new job, a part of `parent_id` where that is given. Wake the "solver" queue after the commit."""
    job = Job(kind=kind, arguments=arguments, requested_by=actor.name, created_at=now, parent_id=parent_id)
    session.add(job)
    await session.flush()
    _log(session, job, type="job.queued", actor=actor, now=now)
    return job


async def ensure_queued(session: AsyncSession, *, kind: JobKind, actor: Principal, now: datetime) -> Job:
    """A job of this kind over everything that is due: the one that waits already, or a new one.

    The waiting job is locked, so that no worker starts it before what this transaction changed is there to be seen.
    """
    waiting = await session.scalar(
        select(Job)
        .where(col(Job.kind) == kind, col(Job.state) == JobState.QUEUED, col(Job.arguments) == {})
        .limit(1)
        .with_for_update(key_share=True, skip_locked=True)
    )
    return waiting or await create(session, kind=kind, arguments={}, actor=actor, now=now)


async def claim(
    session: AsyncSession, job_id: uuid.UUID, *, now: datetime, wall: datetime, lease: timedelta, max_attempts: int
) -> Job | None:
    """Takes a job that waits, or whose worker fell silent; None where another worker holds it or it has ended.

    A job that took `max_attempts` workers along fails with WORKER_LOST.
    """
    job = await session.scalar(
        select(Job)
        .where(
            col(Job.id) == job_id,
            or_(
                col(Job.state) == JobState.QUEUED,
                (col(Job.state) == JobState.RUNNING) & (col(Job.leased_until) < wall),
            ),
        )
        .with_for_update(key_share=True, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if job is None:
        return None
    if job.attempts >= max_attempts:
        message = f"The job's worker fell silent {job.attempts} times. Look into the workers' logs and start it again."
        _end(session, job, JobEvent.FAIL, now=now, code="WORKER_LOST", message=message)
        return None
    job.state = next_state(job.state, JobEvent.START)
    job.attempts += 1
    job.leased_until = wall + lease
    job.started_at = job.started_at or now
    return job


async def keep_lease(session: AsyncSession, job_id: uuid.UUID, *, wall: datetime, lease: timedelta) -> Job | None:
    """Lengthens the lease of a job that runs, and answers it; None where it has ended, or was cancelled."""
    job = await _running(session, job_id)
    if job is not None:
        job.leased_until = wall + lease
    return job


async def ask_to_stop(session: AsyncSession, job_id: uuid.UUID, *, actor: Principal, now: datetime) -> Job:
    """A job that waits is cancelled; one that runs ends soon, with the best that it has found so far.

    Asking twice changes nothing. Refuses with INVALID_STATE a job that has ended.
    """
    job = await session.scalar(
        select(Job)
        .where(col(Job.id) == job_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if job is None:
        raise NotFound("job", "with this id", field="jobId")
    if job.state is JobState.RUNNING:
        if job.stop_asked_at is None:
            job.stop_asked_at, job.progress_message = now, STOPPING
            _log(session, job, type="job.stop_asked", actor=actor, now=now)
        return job
    cancel(session, job, now=now)
    return job


def cancel(session: AsyncSession, job: Job, *, now: datetime) -> None:
    """Ends a locked job without a result: one that nobody has started, or a part that nobody waits for."""
    _end(session, job, JobEvent.CANCEL, now=now)


async def progress(session: AsyncSession, job_id: uuid.UUID, *, fraction: float, message: str, now: datetime) -> None:
    """Says how far a running job is: a share from 0 to 1, and a sentence."""
    job = await _running(session, job_id)
    if job is None:
        return
    job.progress_fraction = round(min(1.0, max(0.0, fraction)), 4)
    job.progress_message = message if job.stop_asked_at is None else f"{STOPPING} {message}"
    _log(session, job, type="job.progressed", actor=SYSTEM, now=now, data={"fraction": job.progress_fraction})


async def finish(session: AsyncSession, job_id: uuid.UUID, *, result: Json, now: datetime) -> None:
    """Records that a job succeeded, and with what. Changes nothing where it has ended already."""
    job = await _running(session, job_id)
    if job is not None:
        job.result, job.progress_fraction = result, 1.0
        _end(session, job, JobEvent.SUCCEED, now=now)


async def fail(session: AsyncSession, job_id: uuid.UUID, *, code: str, message: str, now: datetime) -> None:
    """Records that a job failed, and why. Changes nothing where it has ended already."""
    job = await _running(session, job_id)
    if job is not None:
        _end(session, job, JobEvent.FAIL, now=now, code=code, message=message)


def _end(
    session: AsyncSession,
    job: Job,
    event: JobEvent,
    *,
    now: datetime,
    code: str | None = None,
    message: str | None = None,
) -> None:
    job.state = next_state(job.state, event)
    job.error_code, job.error_message = code, message
    job.finished_at, job.leased_until = now, None
    _log(session, job, type="job.finished", actor=SYSTEM, now=now, data={"state": job.state.value, "error": code})


async def _running(session: AsyncSession, job_id: uuid.UUID) -> Job | None:
    found: Job | None = await session.scalar(
        select(Job)
        .where(col(Job.id) == job_id, col(Job.state) == JobState.RUNNING)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return found


def _log(
    session: AsyncSession, job: Job, *, type: str, actor: Principal, now: datetime, data: Json | None = None
) -> None:
    log.append(
        session,
        type=type,
        subject=Subject(kind="job", id=job.id, reference=job.kind.value),
        actor=actor,
        now=now,
        summary=job.progress_message or f"Job {job.kind.value}: {job.state.value}.",
        data=data,
    )
