"""Parts of a plan: sealed, solved by whoever is free, solved again where a worker is lost, and stopped with the job."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.core.errors import Refusal
from app.core.ids import to_global
from app.jobs import running, sealing
from app.jobs.handlers import HANDLERS, side_by_side
from app.jobs.queue import Doorbell, QueueName
from app.jobs.sealing import SealBroken
from app.jobs.solving import RoutingTask
from app.jobs.tools import Tools
from app.jobs.workshop import Workshop
from app.models import Job, JobKind, JobState
from app.models.base import Json
from app.models.jobs import SolverPart
from app.orchestration.jobs import operations, parts
from app.solvers.routing.problem import Location, RoutingProblem, TimeWindow, Vehicle, Visit
from app.solvers.stopping import StoppingRule
from tests.client import DISPATCHER, Client, settings_for
from tests.factories.workers import working

STOP = "mutation ($input: StopJobInput!) { stopJob(input: $input) { job { id state } userErrors { code field } } }"


@pytest.fixture
async def workshop(database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    """A worker's tools."""
    doorbell = Doorbell(redis_url)
    yield Workshop.open(database=database, settings=settings_for(database, tmp_path, redis_url), doorbell=doorbell)
    await doorbell.close()


def a_task(number: int) -> RoutingTask:
    places = tuple(Location(latitude=38.7 + 0.01 * at, longitude=-9.1 + number) for at in range(4))
    shift = TimeWindow(start_seconds=0, end_seconds=36_000)
    van = Vehicle(id=f"V{number}", start_location=0, end_location=0, shift=shift, cost_per_metre=0.1)
    visits = tuple(Visit(id=f"S{number}-{at}", location=at, service_seconds=60) for at in range(1, 4))
    problem = RoutingProblem(vehicles=(van,), visits=visits, locations=places)
    return RoutingTask(problem=problem, stop=StoppingRule(iterations=20))


async def a_plan_job(database: Database) -> Job:
    """A job that runs, as far as anybody can see."""
    async with database.transaction() as session:
        job = await operations.create(session, kind=JobKind.PLAN_ROUTES, arguments={}, actor=SYSTEM, now=clock.now())
        job.state, job.leased_until = JobState.RUNNING, clock.wall_now() + timedelta(minutes=5)
        return job


async def solved(workshop: Workshop, job: Job, tasks: list[RoutingTask]) -> list[list[tuple[str, ...]]]:
    """The routes of each task, by number: the visits of each in order."""

    async def report(fraction: float, message: str) -> None:
        return None

    bench = workshop.bench
    tools = Tools(database=bench.database, settings=bench.settings, ring=bench.ring, slots=bench.slots, report=report)
    found = {index: solution async for index, solution in side_by_side.solve(job, tools, tasks)}
    answers = [answer for _, answer in sorted(found.items()) if not isinstance(answer, Refusal)]
    return [[tuple(stop.visit_id for stop in route.stops) for route in answer.routes] for answer in answers]


def test_a_seal_opens_with_its_own_key_only_and_not_when_a_byte_was_changed() -> None:
    sealed = sealing.seal({"stops": [1, 2]}, key="ours")
    assert sealing.unseal(sealed, key="ours") == {"stops": [1, 2]}
    for broken, key in ((sealed, "theirs"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), "ours"), (b"", "ours")):
        with pytest.raises(SealBroken):
            sealing.unseal(broken, key=key)


async def test_the_answers_do_not_depend_on_who_solves_the_parts(workshop: Workshop, database: Database) -> None:
    tasks = [a_task(number) for number in range(3)]
    alone = await solved(workshop, await a_plan_job(database), tasks)
    async with working(QueueName.SOLVER, workshop):
        together = await solved(workshop, await a_plan_job(database), tasks)
    assert alone == together
    assert [len(routes) for routes in alone] == [1, 1, 1]


async def test_a_part_whose_worker_fell_silent_is_solved_again_by_another(
    workshop: Workshop, database: Database
) -> None:
    job = await a_plan_job(database)
    key = workshop.settings.secret_key.get_secret_value()
    async with database.transaction() as session:
        (part,) = await parts.add(
            session, parent_id=job.id, requests=[sealing.seal(a_task(0), key=key)], now=clock.now()
        )
    lost: dict[str, Any] = {"now": clock.now(), "wall": clock.wall_now(), "max_attempts": 4}
    lost["lease"] = timedelta(seconds=-1)
    async with database.transaction() as session:
        claimed = await parts.claim_next(session, parent_id=job.id, **lost)
    assert claimed is not None
    await running.run_part(workshop, str(part))
    async with database.reading() as session:
        done = await session.get_one(Job, part)
        answers = await parts.answers(session, [part])
    assert (done.state, done.attempts, (done.result or {})["stops"]) == (JobState.SUCCEEDED, 2, 3)
    assert len(sealing.unseal(answers[part], key=key).routes) == 1


async def test_what_nobody_waits_for_any_more_is_cancelled_and_forgotten(
    workshop: Workshop, database: Database
) -> None:
    job = await a_plan_job(database)
    async with database.transaction() as session:
        await parts.add(session, parent_id=job.id, requests=[b"one", b"two"], now=clock.now())
        await parts.clear(session, parent_id=job.id, now=clock.now())
    async with database.reading() as session:
        states = list(await session.scalars(select(col(Job.state)).where(col(Job.parent_id) == job.id)))
        assert states == [JobState.CANCELLED, JobState.CANCELLED]
        assert list(await session.scalars(select(SolverPart))) == []


async def test_a_job_that_is_asked_to_stop_hears_of_it_and_ends_with_what_it_has(
    client: Client, workshop: Workshop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()

    async def until_asked(job: Job, tools: Tools) -> Json:
        started.set()
        await tools.asked.wait()
        return {"best": "so far"}

    monkeypatch.setitem(HANDLERS, JobKind.PLAN_ROUTES, until_asked)
    async with database.transaction() as session:
        job = await operations.create(session, kind=JobKind.PLAN_ROUTES, arguments={}, actor=SYSTEM, now=clock.now())
    work = asyncio.create_task(running.run_job(workshop, str(job.id)))
    await started.wait()
    answer = await client.run(STOP, {"input": {"jobId": to_global("Job", job.id)}}, as_=DISPATCHER)
    assert answer["stopJob"]["job"]["state"] == "RUNNING"
    async with asyncio.timeout(30):
        await work
    done = await the_job(database, job.id)
    assert (done.state, done.result) == (JobState.SUCCEEDED, {"best": "so far"})
    assert done.progress_message == "Stopping."
    again = await client.run(STOP, {"input": {"jobId": to_global("Job", job.id)}}, as_=DISPATCHER)
    assert [error["code"] for error in again["stopJob"]["userErrors"]] == ["INVALID_STATE"]


async def test_a_job_that_waits_is_cancelled(client: Client, database: Database) -> None:
    async with database.transaction() as session:
        job = await operations.create(session, kind=JobKind.PLAN_ROUTES, arguments={}, actor=SYSTEM, now=clock.now())
    answer = await client.run(STOP, {"input": {"jobId": to_global("Job", job.id)}}, as_=DISPATCHER)
    assert answer["stopJob"]["job"]["state"] == "CANCELLED"


async def the_job(database: Database, key: uuid.UUID) -> Job:
    async with database.reading() as session:
        return await session.get_one(Job, key)
