"""arq's workers: one process per queue, each sweeping for what is due there.

    default   the event log's readers, and what time alone makes due (an offer that nobody answered)
    solver    jobs: allocation and planning; the prices of what is scarce; and, on a second key, parts of large
              problems, as many at once as this machine has slots for a solve; each solve in a subprocess of its own
    notify    messages; carriers: bookings, milestones asked for, EDI files

An arq job here is only ever a wake-up. Killing a worker loses nothing: leases run out, and the next sweep of any other
worker of that queue takes the work up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import structlog
from arq import cron, func
from arq.connections import RedisSettings
from arq.typing import WorkerCoroutine
from arq.worker import Worker
from redis.exceptions import RedisError

from app.jobs import pricing, queue, running, sweeps
from app.jobs.queue import QueueName
from app.jobs.workshop import Workshop
from app.solvers import process
from app.solvers.process import SolverFailed

EVERY_SECOND = set(range(60))
TIDY_MINUTE = 17  # of every hour
PRICES_SECOND = 30  # of every minute
# A job may take this long before arq cancels it; the solver's own limit is far below.
JOB_TIMEOUT_SECONDS = 3_600
# Compiling the routing engine on a new machine; loading it takes a second.
WARM_UP_SECONDS = 600.0
# What is nearly done when a worker ends may finish; the rest is taken up by another when its lease runs out.
GRACE_SECONDS = 1
log = structlog.get_logger(__name__)

Sweep = Callable[[Workshop], Awaitable[None]]
SWEEPS: dict[QueueName, Sweep] = {
    QueueName.DEFAULT: sweeps.carry_events,
    QueueName.SOLVER: sweeps.start_due_jobs,
    QueueName.NOTIFY: sweeps.reach_out,
}
CONCURRENCY = {QueueName.DEFAULT: 4, QueueName.SOLVER: 4, QueueName.NOTIFY: 4}


def build(name: QueueName, workshop: Workshop) -> Worker:
    """The arq worker of one queue."""

    async def sweep(_: dict[Any, Any]) -> None:
        await SWEEPS[name](workshop)

    async def run_job(_: dict[Any, Any], job_id: str) -> None:
        await running.run_job(workshop, job_id)

    async def tidy_up(_: dict[Any, Any]) -> None:
        await sweeps.tidy_up(workshop)

    async def refresh_prices(_: dict[Any, Any]) -> None:
        await pricing.refresh(workshop)

    cron_jobs = [cron(cast("WorkerCoroutine", sweep), name=f"cron:{name}", second=EVERY_SECOND, keep_result=0)]
    if name is QueueName.DEFAULT:
        cron_jobs.append(cron(cast("WorkerCoroutine", tidy_up), name="cron:tidy_up", minute={TIDY_MINUTE}))
    if name is QueueName.SOLVER:
        # Under one id, so that one worker at a time works prices out, however long it takes.
        refresh = cast("WorkerCoroutine", refresh_prices)
        cron_jobs.append(cron(refresh, name="cron:prices", job_id="cron:prices", second={PRICES_SECOND}, keep_result=0))
    return _worker(
        workshop,
        functions=[
            func(cast("WorkerCoroutine", sweep), name="sweep", keep_result=0),
            func(cast("WorkerCoroutine", run_job), name="run_job", keep_result=0),
        ],
        cron_jobs=cron_jobs,
        queue_name=queue.key_of(name),
        max_jobs=CONCURRENCY[name],
    )


def build_parts(workshop: Workshop) -> Worker:
    """The arq worker of the solver's parts: it takes no more than it can solve, and leaves the rest to others."""

    async def run_part(_: dict[Any, Any], job_id: str) -> None:
        await running.run_part(workshop, job_id)

    return _worker(
        workshop,
        functions=[func(cast("WorkerCoroutine", run_part), name="run_part", keep_result=0)],
        queue_name=queue.parts_key(),
        max_jobs=workshop.settings.solver_processes,
    )


def _worker(workshop: Workshop, **rest: Any) -> Worker:
    return Worker(
        **rest,
        redis_settings=RedisSettings.from_dsn(workshop.settings.redis_url),
        job_serializer=queue.serialise,
        job_deserializer=queue.deserialise,
        job_timeout=JOB_TIMEOUT_SECONDS,
        poll_delay=0.05,
        health_check_interval=10,
        max_tries=1,
        handle_signals=False,
    )


async def run(name: QueueName, workshop: Workshop) -> None:
    """Works until cancelled, and again after every loss of Redis."""
    builds: list[Callable[[Workshop], Worker]] = [partial(build, name)]
    if name is QueueName.SOLVER:
        builds.append(build_parts)
    async with asyncio.TaskGroup() as group:
        for each in builds:
            group.create_task(_keep_running(name, partial(each, workshop)))


async def get_ready(name: QueueName) -> None:
    """What a worker does beside its first work: who solves compiles the engine, so that no plan waits for that."""
    if name is not QueueName.SOLVER:
        return
    try:
        await process.warm_up(limit_seconds=WARM_UP_SECONDS)
    except SolverFailed as failure:
        log.warning("worker.not_warm", error=str(failure))


async def _keep_running(name: QueueName, make: Callable[[], Worker]) -> None:
    while True:
        worker = make()
        work = asyncio.create_task(worker.main())
        try:
            await asyncio.shield(work)
        except (RedisError, OSError) as error:
            log.warning("worker.redis_lost", queue=name, error=str(error))
            await asyncio.sleep(1)
        finally:
            await _close(worker, work)


async def _close(worker: Worker, work: asyncio.Task[None]) -> None:
    """Lets the worker end by itself, then ends its tasks, whatever they end with, and its connections.

    A poll that is cancelled in the middle of a transaction leaves its connection open; arq's own `close` gives up at
    the first task that was cancelled, or failed, and leaves all of them open.
    """
    worker.burst, worker.max_burst_jobs = True, 0  # this poll is the last, and starts nothing more
    await asyncio.wait([work, *worker.tasks.values()], timeout=GRACE_SECONDS)
    tasks = [work, *worker.tasks.values()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if worker.pool is not None:
        await worker.pool.aclose(close_connection_pool=True)
