"""Solves the parts of a job side by side: here as slots are free, and on every other worker machine that has some.

The parts are rows. Whoever is free takes the next one under a lease, so that a lost part is solved again. Each part
says itself how long to search and from which seed: how many workers there are changes the time, not the answers.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from app.core import clock
from app.core.errors import Refusal
from app.jobs import sealing, solving
from app.jobs.holding import LEASE, MAX_ATTEMPTS, hold
from app.jobs.solve_part import handle as solve_part
from app.jobs.solving import RoutingTask
from app.jobs.tools import Tools
from app.models import Job, JobState
from app.orchestration.jobs import parts
from app.orchestration.jobs.policies import TERMINAL
from app.solvers.routing.solution import RoutingSolution

LOOK_EVERY_SECONDS = 0.25
TELL_EVERY_LOOKS = 4
STOPPED = "STOPPED"


async def solve(
    job: Job, tools: Tools, tasks: Sequence[RoutingTask]
) -> AsyncIterator[tuple[int, RoutingSolution | Refusal]]:
    """Each task's index and answer, as they come, or why there is none: the others go on.

    A single task is solved here, with all of this machine's slots. Once the job is asked to stop, a part that nobody
    has begun is refused with STOPPED: to begin it takes longer than whoever asked wants to wait.
    """
    if len(tasks) == 1:
        yield 0, await _alone(tools, tasks[0])
        return
    await _forget(tools, job)  # what an earlier worker of this job has left
    key = tools.settings.secret_key.get_secret_value()
    async with tools.database.transaction() as session:
        requests = [sealing.seal(task, key=key) for task in tasks]
        keys = await parts.add(session, parent_id=job.id, requests=requests, now=clock.now())
    await tools.ring()
    helpers: set[asyncio.Task[None]] = set()
    try:
        async for index, sealed in _answers(job, tools, keys, [len(task.problem.visits) for task in tasks], helpers):
            yield index, sealed if isinstance(sealed, Refusal) else sealing.unseal(sealed, key=key)
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
    await _forget(tools, job)


async def _alone(tools: Tools, task: RoutingTask) -> RoutingSolution | Refusal:
    stop = replace(task.stop, threads=tools.settings.solver_processes)
    async with tools.slots:
        try:
            return await solving.search(replace(task, stop=stop), asked=tools.asked, report=tools.report)
        except Refusal as refusal:
            return refusal


async def _answers(
    job: Job, tools: Tools, keys: Sequence[uuid.UUID], sizes: Sequence[int], helpers: set[asyncio.Task[None]]
) -> AsyncIterator[tuple[int, bytes | Refusal]]:
    """The parts' answers as they come, helping along meanwhile."""
    open_parts, is_told, looks = set(keys), False, 0
    while open_parts:
        if tools.asked.is_set() and not is_told:
            async with tools.database.transaction() as session:
                await parts.ask_to_stop(session, parent_id=job.id, now=clock.now())
            is_told = True
        await _help(job, tools, helpers)
        async with tools.database.reading() as session:
            found = await parts.states(session, keys)
            ended = [part for part in keys if part in open_parts and found[part].state in TERMINAL]
            answers = await parts.answers(session, ended)
        for part in ended:
            open_parts.discard(part)
            yield keys.index(part), answers[part] if part in answers else _refusal(found[part])
        if looks % TELL_EVERY_LOOKS == 0:
            await _tell(tools, [found[part] for part in keys], sizes)
        looks += 1
        if open_parts:
            await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _help(job: Job, tools: Tools, helpers: set[asyncio.Task[None]]) -> None:
    """Takes parts while this machine has slots for them."""
    while not tools.slots.locked():
        await tools.slots.acquire()
        try:
            async with tools.database.transaction() as session:
                part = await parts.claim_next(
                    session,
                    parent_id=job.id,
                    now=clock.now(),
                    wall=clock.wall_now(),
                    lease=LEASE,
                    max_attempts=MAX_ATTEMPTS,
                )
        except BaseException:
            tools.slots.release()
            raise
        if part is None:
            tools.slots.release()
            return
        helper = asyncio.create_task(hold(tools, part, solve_part))
        helpers.add(helper)
        helper.add_done_callback(lambda _: tools.slots.release())
        helper.add_done_callback(helpers.discard)


def _refusal(part: Job) -> Refusal:
    """Why a part has no answer."""
    if part.state is JobState.CANCELLED and part.stop_asked_at is not None:
        return Refusal(STOPPED, "The job was stopped before this was begun. Nothing was changed; plan it again.")
    return Refusal(
        part.error_code or "PART_CANCELLED",
        part.error_message or "A part of the problem was cancelled. Nothing was changed. Start the job again.",
    )


async def _tell(tools: Tools, found: Sequence[Job], sizes: Sequence[int]) -> None:
    share = sum(size * part.progress_fraction for part, size in zip(found, sizes, strict=True)) / max(1, sum(sizes))
    done = sum(part.state is JobState.SUCCEEDED for part in found)
    await tools.report(share, f"{done} of {len(found)} parts are solved.")


async def _forget(tools: Tools, job: Job) -> None:
    async with tools.database.transaction() as session:
        await parts.clear(session, parent_id=job.id, now=clock.now())
