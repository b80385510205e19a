"""Jobs: the database remembers them, whatever becomes of a worker or of the queue."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import select, update
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.core.errors import Refusal
from app.core.ids import to_global
from app.jobs import running, sweeps, worker
from app.jobs.handlers import HANDLERS, Handler
from app.jobs.queue import Doorbell, QueueName
from app.jobs.tools import Tools
from app.jobs.workshop import Workshop
from app.models import Event, Job, JobKind, JobState
from app.models.base import Json
from app.orchestration.jobs import operations
from app.solvers import process
from app.solvers.process import SolverCrashed
from tests.client import DISPATCHER, Client, settings_for
from tests.documents import documents
from tests.factories.workers import working

KIND = JobKind.ALLOCATE_ORDERS


@pytest.fixture
async def workshop(database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    """A worker's tools."""
    doorbell = Doorbell(redis_url)
    yield Workshop.open(database=database, settings=settings_for(database, tmp_path, redis_url), doorbell=doorbell)
    await doorbell.close()


class Work:
    """A handler that remembers its runs; `blocked` keeps it at its work until it is cancelled."""

    def __init__(self, *, fails_with: Exception | None = None, blocked: bool = False) -> None:
        self.fails_with = fails_with
        self.blocked = blocked
        self.runs = 0
        self.started = asyncio.Event()

    async def __call__(self, job: Job, tools: Tools) -> Json:
        self.runs += 1
        await tools.report(0.5, "Half of it is done.")
        self.started.set()
        if self.blocked:
            await asyncio.Event().wait()
        if self.fails_with is not None:
            raise self.fails_with
        return {"run": self.runs}


def does(monkeypatch: pytest.MonkeyPatch, work: Handler) -> None:
    """Lets `work` be what a job of this kind does."""
    monkeypatch.setitem(HANDLERS, KIND, work)


async def a_job(database: Database) -> str:
    async with database.transaction() as session:
        job = await operations.create(session, kind=KIND, arguments={}, actor=SYSTEM, now=clock.now())
    return str(job.id)


async def the_job(database: Database) -> Job:
    async with database.reading() as session:
        return (await session.scalars(select(Job))).one()


async def told(database: Database) -> list[tuple[str, Any]]:
    """The job's events, and what they say."""
    async with database.reading() as session:
        rows = await session.scalars(select(Event).order_by(col(Event.position)))
        return [(row.type, row.data) for row in rows]


async def let_the_lease_run_out(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(Job).values(leased_until=clock.wall_now() - timedelta(seconds=1)))


async def killed_at_work(workshop: Workshop, job_id: str, work: Work) -> None:
    """A worker that takes the job and dies in the middle of it."""
    task = asyncio.create_task(running.run_job(workshop, job_id))
    await work.started.wait()
    work.started.clear()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_job_runs_once_and_keeps_its_result(
    workshop: Workshop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    does(monkeypatch, work)
    job_id = await a_job(database)
    await asyncio.gather(*(running.run_job(workshop, job_id) for _ in range(3)))
    await running.run_job(workshop, job_id)
    job = await the_job(database)
    assert (job.state, job.attempts, job.result, job.leased_until) == (JobState.SUCCEEDED, 1, {"run": 1}, None)
    assert (work.runs, job.progress_fraction, job.finished_at is not None) == (1, 1.0, True)
    assert await told(database) == [
        ("job.queued", {}),
        ("job.progressed", {"fraction": 0.5}),
        ("job.finished", {"state": "SUCCEEDED", "error": None}),
    ]


async def test_progress_can_be_read_while_the_job_runs(
    client: Client, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(blocked=True)
    does(monkeypatch, work)
    job_id = await a_job(client.database)
    task = asyncio.create_task(running.run_job(workshop, job_id))
    await work.started.wait()
    [query] = [text for (_, name), text in documents().items() if name == "Job"]
    found = (await client.run(query, {"id": to_global("Job", (await the_job(client.database)).id)}, as_=DISPATCHER))[
        "job"
    ]
    assert (found["state"], found["progress"]) == ("RUNNING", {"fraction": 0.5, "message": "Half of it is done."})
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_job_whose_worker_died_is_run_again_by_another_and_finishes_once(
    workshop: Workshop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(blocked=True)
    does(monkeypatch, work)
    job_id = await a_job(database)
    await killed_at_work(workshop, job_id, work)
    assert (await the_job(database)).state is JobState.RUNNING
    await running.run_job(workshop, job_id)  # the lease still holds
    assert work.runs == 1
    await let_the_lease_run_out(database)
    work.blocked = False
    await asyncio.gather(*(running.run_job(workshop, job_id) for _ in range(2)))
    job = await the_job(database)
    assert (job.state, job.attempts, job.result) == (JobState.SUCCEEDED, 2, {"run": 2})
    assert [type for type, _ in await told(database)].count("job.finished") == 1


async def test_a_job_that_takes_its_workers_along_fails_with_a_code(
    workshop: Workshop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(blocked=True)
    does(monkeypatch, work)
    job_id = await a_job(database)
    for _ in range(running.MAX_ATTEMPTS):
        await killed_at_work(workshop, job_id, work)
        await let_the_lease_run_out(database)
    await running.run_job(workshop, job_id)
    job = await the_job(database)
    assert (job.state, job.error_code, work.runs) == (JobState.FAILED, "WORKER_LOST", running.MAX_ATTEMPTS)
    assert job.error_message is not None
    assert "fell silent 4 times" in job.error_message
    assert (await told(database))[-1] == ("job.finished", {"state": "FAILED", "error": "WORKER_LOST"})


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (Refusal("NO_STOCK", "There is no stock of APPLE."), "NO_STOCK", "There is no stock of APPLE."),
        (ValueError("a secret detail"), "INTERNAL_ERROR", "The job failed with ValueError; the log names job {}."),
    ],
)
async def test_a_refusal_becomes_the_jobs_error_and_a_fault_of_ours_says_no_more_than_it_should(
    workshop: Workshop, database: Database, monkeypatch: pytest.MonkeyPatch, failure: Exception, code: str, message: str
) -> None:
    does(monkeypatch, Work(fails_with=failure))
    job_id = await a_job(database)
    await running.run_job(workshop, job_id)
    job = await the_job(database)
    assert (job.state, job.error_code, job.error_message) == (JobState.FAILED, code, message.format(job_id))
    assert (await told(database))[-1] == ("job.finished", {"state": "FAILED", "error": code})


async def test_a_worker_that_lost_its_lease_cannot_end_the_job_a_second_time(
    workshop: Workshop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    runs: list[int] = []

    async def slow_then_quick(job: Job, tools: Tools) -> Json:
        runs.append(job.attempts)
        if job.attempts == 1:
            await gate.wait()
        return {"attempt": job.attempts}

    does(monkeypatch, slow_then_quick)
    job_id = await a_job(database)
    slow = asyncio.create_task(running.run_job(workshop, job_id))
    while not runs:  # noqa: ASYNC110  # the handler's own beginning
        await asyncio.sleep(0.01)
    await let_the_lease_run_out(database)
    await running.run_job(workshop, job_id)
    gate.set()
    await slow
    job = await the_job(database)
    assert (runs, job.state, job.result) == ([1, 2], JobState.SUCCEEDED, {"attempt": 2})
    assert [type for type, _ in await told(database)].count("job.finished") == 1


async def test_a_wiped_queue_costs_no_job(
    workshop: Workshop, database: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    does(monkeypatch, work)
    await a_job(database)
    await workshop.doorbell.ring(QueueName.SOLVER)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()  # this test's own part of the server
    async with working(QueueName.SOLVER, workshop):
        await finished(database)
    assert ((await the_job(database)).state, work.runs) == (JobState.SUCCEEDED, 1)


async def test_a_sweep_enqueues_what_waits_or_fell_silent_and_nothing_else(
    workshop: Workshop, database: Database, redis_url: str
) -> None:
    job_id = await a_job(database)
    async with Redis.from_url(redis_url) as redis:
        key = "doorstep:solver"
        for _ in range(2):
            await sweeps.start_due_jobs(workshop)
        assert await redis.zrange(key, 0, -1) == [f"job:{job_id}:0".encode()]
        async with database.transaction() as session:
            held = clock.wall_now() + timedelta(minutes=1)
            await session.execute(update(Job).values(state=JobState.RUNNING, attempts=1, leased_until=held))
        await redis.flushdb()
        await sweeps.start_due_jobs(workshop)
        assert await redis.zrange(key, 0, -1) == []
        await let_the_lease_run_out(database)
        await sweeps.start_due_jobs(workshop)
        assert await redis.zrange(key, 0, -1) == [f"job:{job_id}:1".encode()]


async def test_a_stopped_worker_leaves_its_job_to_the_next(
    workshop: Workshop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(blocked=True)
    does(monkeypatch, work)
    await a_job(database)
    async with working(QueueName.SOLVER, workshop):
        await work.started.wait()
    assert (await the_job(database)).state is JobState.RUNNING
    await let_the_lease_run_out(database)
    work.blocked = False
    async with working(QueueName.SOLVER, workshop):
        await finished(database)
    job = await the_job(database)
    assert (job.state, job.attempts, work.runs) == (JobState.SUCCEEDED, 2, 2)


@pytest.mark.parametrize(("name", "warmed"), [(QueueName.SOLVER, 1), (QueueName.NOTIFY, 0)])
async def test_a_worker_that_solves_compiles_the_engine_as_it_starts(
    monkeypatch: pytest.MonkeyPatch, name: QueueName, warmed: int
) -> None:
    commands: list[list[str]] = []

    async def run_child(command: list[str], request: bytes, **_: Any) -> bytes:
        commands.append(command)
        return b""

    monkeypatch.setattr(process, "run_child", run_child)
    await worker.get_ready(name)
    assert [command[1:] for command in commands] == [["-m", "app.solvers.routing.warming"]] * warmed


async def test_a_worker_whose_engine_cannot_be_compiled_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run_child(command: list[str], request: bytes, **_: Any) -> bytes:
        raise SolverCrashed("There is no compiler.")

    monkeypatch.setattr(process, "run_child", run_child)
    await worker.get_ready(QueueName.SOLVER)
    assert "There is no compiler." in capsys.readouterr().out


async def finished(database: Database) -> None:
    """Returns once the job has ended."""
    async with asyncio.timeout(60):
        while (await the_job(database)).finished_at is None:  # noqa: ASYNC110  # the worker's own doing
            await asyncio.sleep(0.05)
