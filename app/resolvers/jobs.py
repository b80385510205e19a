"""Starting long work, and following it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import strawberry

from app.auth.principals import STAFF, Principal
from app.core.database import Session
from app.core.errors import NotFound, Refusal
from app.core.ids import from_global, to_global
from app.models import JobKind
from app.models.base import Json
from app.orchestration.drivers import queries as drivers
from app.orchestration.jobs import operations, queries
from app.orchestration.jobs.policies import TERMINAL
from app.orchestration.nodes import queries as nodes
from app.orchestration.plans.horizon import planned_days
from app.resolvers.mutations import Work, mutation, perform, subscription
from app.schema.context import Info
from app.schema.jobs import AllocateOrdersInput, JobPayload, JobType, PlanRoutesInput, StopJobInput
from app.schema.relay import NODE_SOURCES, NodeSource

NODE_SOURCES["Job"] = NodeSource(batch=queries.by_ids, of=JobType.of)
LONGEST_SEARCH_SECONDS = 1_800
MOST_DAYS = 14
POLL_SECONDS = 0.5


@strawberry.type
class JobQueries:
    """Long work."""

    @strawberry.field
    async def job(self, info: Info, id: strawberry.ID) -> JobType | None:
        """A job; null where there is none, or none that the viewer may see."""
        row = await info.context.load(queries.by_ids, from_global("Job", id))
        return None if row is None else JobType.of(row)


@strawberry.type
class JobMutations:
    """Work that takes longer than a request."""

    @mutation(callers=STAFF)
    async def allocate_orders(self, info: Info, input: AllocateOrdersInput) -> JobPayload:
        """Finds a node, a carrier and a window for every order that waits."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            return await _create(session, JobKind.ALLOCATE_ORDERS, input.to_arguments(), actor=actor, now=now)

        return await _perform(info, input, work)

    @mutation(callers=STAFF)
    async def plan_routes(self, info: Info, input: PlanRoutesInput) -> JobPayload:
        """Plans the own fleet's routes of a day; with `publish`, the drivers get them at once.

        Days before today, in the node's time zone, are refused with DATE_INVALID, or left out of several days.
        """

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            if input.seconds is not None and not 1 <= input.seconds <= LONGEST_SEARCH_SECONDS:
                raise Refusal(
                    "SECONDS_INVALID",
                    f"A search of {input.seconds} seconds cannot be. Send 1 to {LONGEST_SEARCH_SECONDS}.",
                    field="seconds",
                )
            if not 1 <= input.days <= MOST_DAYS:
                raise Refusal(
                    "DAYS_INVALID",
                    f"A plan over {input.days} days cannot be. Send 1 to {MOST_DAYS}.",
                    field="days",
                )
            if input.node is not None and input.node not in await nodes.by_references(session, [input.node]):
                raise NotFound("node", repr(input.node), field="node")
            today = await nodes.local_today(session, reference=input.node, now=now)
            first, days = planned_days(input.date, input.days, today=today)
            if input.replan and (not input.publish or input.days != 1):
                raise Refusal(
                    "REPLAN_INVALID",
                    "A published day is replanned at once, and one day at a time. Send publish: true and days: 1, not"
                    f" publish: {str(input.publish).lower()} and days: {input.days}.",
                    field="replan",
                )
            await drivers.check_known(session, input.without_drivers, field="withoutDrivers")
            arguments = input.to_arguments() | {"date": first.isoformat(), "days": days}
            return await _create(session, JobKind.PLAN_ROUTES, arguments, actor=actor, now=now)

        return await _perform(info, input, work)

    @mutation(callers=STAFF)
    async def stop_job(self, info: Info, input: StopJobInput) -> JobPayload:
        """Ends long work early. Refused with INVALID_STATE where it has ended."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            key = from_global("Job", input.job_id, field="jobId")
            job = await operations.ask_to_stop(session, key, actor=actor, now=now)
            return {"jobId": to_global("Job", job.id)}

        return await _perform(info, input, work)


@strawberry.type
class JobSubscriptions:
    """Following long work."""

    @subscription(callers=STAFF)
    async def job_progress(self, info: Info, id: strawberry.ID) -> AsyncIterator[JobType]:
        """The job as it is now, and again at every step until it has ended."""
        context, key, shown = info.context, from_global("Job", id), None
        while True:
            row = await context.load(queries.by_ids, key)
            if row is None:
                raise NotFound("job", repr(id))
            step = (row.state, row.progress_fraction, row.progress_message)
            if step != shown:
                shown = step
                yield JobType.of(row)
            if row.state in TERMINAL:
                return
            await asyncio.sleep(POLL_SECONDS)
            context.forget()


async def _create(session: Session, kind: JobKind, arguments: Json, *, actor: Principal, now: datetime) -> Json:
    job = await operations.create(session, kind=kind, arguments=arguments, actor=actor, now=now)
    return {"jobId": to_global("Job", job.id)}


async def _perform(info: Info, input: object, work: Work) -> JobPayload:
    async def answer(outcome: Json) -> JobPayload:
        row = await info.context.load(queries.by_ids, from_global("Job", outcome["jobId"]))
        return JobPayload(job=None if row is None else JobType.of(row))

    return await perform(info, input, payload=JobPayload, work=work, answer=answer, wake=("solver",))
