"""Reading and publishing plans; the board; exceptions."""

import uuid
from collections.abc import AsyncIterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import strawberry

from app.auth.principals import STAFF, Principal
from app.core.database import Session
from app.core.ids import from_global
from app.models import Event
from app.models.base import Json
from app.orchestration.allocations import queries as allocations
from app.orchestration.board import queries as boards
from app.orchestration.corrections import operations as corrections
from app.orchestration.decisions import queries as decisions
from app.orchestration.exceptions import queries as exception_queries
from app.orchestration.nodes import queries as nodes
from app.orchestration.plans import comparing, operations, queries, reassigning
from app.orchestration.plans.reassigning import Move
from app.orchestration.routes import queries as routes
from app.resolvers.mutations import mutation, perform, subscription
from app.schema.allocations import AllocationType
from app.schema.board import BoardType
from app.schema.connections import Connection, PageArguments, connection
from app.schema.context import Info
from app.schema.decisions import DecisionType
from app.schema.exceptions import ExceptionType, ResolveExceptionInput, ResolveExceptionPayload
from app.schema.plans import (
    PlanComparisonType,
    PlanType,
    PublishPlanInput,
    PublishPlanPayload,
    ReassignStopInput,
    ReassignStopPayload,
)
from app.schema.relay import NODE_SOURCES, NodeSource
from app.schema.routes import RouteType

NODE_SOURCES["Plan"] = NodeSource(batch=queries.by_ids, of=PlanType.of)
NODE_SOURCES["Decision"] = NodeSource(batch=decisions.by_ids, of=DecisionType.of)
NODE_SOURCES["Allocation"] = NodeSource(batch=allocations.by_ids, of=AllocationType.of)
NODE_SOURCES["Exception"] = NodeSource(batch=exception_queries.by_ids, of=ExceptionType.of)


@strawberry.type
class PlanQueries:
    """What dispatchers read."""

    @strawberry.field
    async def plan(self, info: Info, id: strawberry.ID) -> PlanType | None:
        """A plan; null where there is none, or none that the viewer may see."""
        row = await info.context.load(queries.by_ids, from_global("Plan", id))
        return None if row is None else PlanType.of(row)

    @strawberry.field
    async def plans(
        self,
        info: Info,
        date: date | None = None,
        node: str | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[PlanType]:
        """Plans of any state, of a local day and a node (by reference) or of all, newest first. Empty but for staff."""
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        context = info.context
        async with context.database.reading() as session:
            page = await queries.listed(session, context.principal, day=date, node=node, **arguments.as_keywords())
        return connection(page, PlanType.of)

    @strawberry.field
    async def compare_plans(self, info: Info, first: strawberry.ID, second: strawberry.ID) -> PlanComparisonType | None:
        """What the second plan has over the first, and which orders it brings otherwise. Null for all but staff."""
        context = info.context
        if not context.principal.is_staff:
            return None
        async with context.database.reading() as session:
            found = await comparing.compare(
                session,
                context.principal,
                first=from_global("Plan", first, field="first"),
                second=from_global("Plan", second, field="second"),
            )
        return PlanComparisonType.of(found)

    @strawberry.field
    async def board(self, info: Info, date: date, node: str | None = None) -> BoardType | None:
        """A local day at a glance, of one node (by reference) or all. Null for all but staff."""
        context = info.context
        if not context.principal.is_staff:
            return None
        async with context.database.reading() as session:
            found = None if node is None else (await nodes.by_references(session, [node])).get(node)
            if node is not None and found is None:
                return None
            zone = ZoneInfo(found.time_zone if found is not None else context.settings.time_zone)
            row = await boards.board(session, day=date, node=found, zone=zone, now=context.now())
        return BoardType.of(row, currency=context.settings.currency)


@strawberry.type
class PlanMutations:
    """What dispatchers do."""

    @mutation(callers=STAFF)
    async def publish_plan(self, info: Info, input: PublishPlanInput) -> PublishPlanPayload:
        """The drivers get the routes. Refused with STALE_VERSION or PLAN_OUTDATED where the day has moved on."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            plan = await operations.publish(
                session,
                plan_id=from_global("Plan", input.plan_id, field="planId"),
                expected_version=input.expected_version,
                actor=actor,
                now=now,
            )
            return {"planId": str(plan.id)}

        async def answer(outcome: Json) -> PublishPlanPayload:
            row = await info.context.load(queries.by_ids, uuid.UUID(outcome["planId"]))
            return PublishPlanPayload(plan=None if row is None else PlanType.of(row))

        return await perform(info, input, payload=PublishPlanPayload, work=work, answer=answer)

    @mutation(callers=STAFF)
    async def reassign_stop(self, info: Info, input: ReassignStopInput) -> ReassignStopPayload:
        """Moves a stop that waits to another published route, or to another place on its own.

        RULES_BROKEN names each rule that is kept now and would not be. Goods in a van stay in it.
        """

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            move = Move(
                stop_id=from_global("Stop", input.stop_id, field="stopId"),
                to_route_id=from_global("Route", input.to_route_id, field="toRouteId"),
                position=input.position,
                expected_version=input.expected_version,
            )
            changed = await reassigning.reassign(session, move=move, actor=actor, now=now)
            return {"routeIds": [str(id) for id in changed]}

        async def answer(outcome: Json) -> ReassignStopPayload:
            rows = [await info.context.load(routes.by_ids, uuid.UUID(id)) for id in outcome["routeIds"]]
            return ReassignStopPayload(routes=[RouteType.of(row) for row in rows if row is not None])

        return await perform(info, input, payload=ReassignStopPayload, work=work, answer=answer)

    @mutation(callers=STAFF)
    async def resolve_exception(self, info: Info, input: ResolveExceptionInput) -> ResolveExceptionPayload:
        """Accepts what a case suggests, which is then carried out, or (accept false) dismisses the case."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            case = await corrections.resolve(
                session,
                case_id=from_global("Exception", input.exception_id, field="exceptionId"),
                accept=input.accept,
                note=input.note,
                actor=actor,
                now=now,
            )
            return {"exceptionId": str(case.id)}

        async def answer(outcome: Json) -> ResolveExceptionPayload:
            row = await info.context.load(exception_queries.by_ids, uuid.UUID(outcome["exceptionId"]))
            return ResolveExceptionPayload(exception=None if row is None else ExceptionType.of(row))

        return await perform(info, input, payload=ResolveExceptionPayload, work=work, answer=answer)


@strawberry.type
class PlanSubscriptions:
    """What dispatchers watch."""

    @subscription(callers=STAFF)
    async def attention_changed(self, info: Info) -> AsyncIterator[ExceptionType]:
        """Each case that is opened or closed from now on."""
        context = info.context
        assert context.live is not None, "subscriptions need live events"

        def concerns(event: Event) -> bool:
            return event.subject_kind == "exception"

        async with context.live.listening(concerns) as events:
            async for event in events:
                row = await context.load(exception_queries.by_ids, event.subject_id)
                if row is not None:
                    yield ExceptionType.of(row)
