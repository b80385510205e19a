"""What a driver's device sends: events in batches, positions, and files."""

import uuid
from datetime import datetime

import strawberry

from app.auth.principals import Principal, PrincipalKind
from app.core import clock
from app.core.database import Session
from app.models import RecordOutcome
from app.orchestration.driver_events import operations as recording
from app.orchestration.driver_events.operations import Recorded
from app.orchestration.drivers import operations as drivers
from app.orchestration.routes import queries as routes
from app.orchestration.uploads import arrivals, operations, queries
from app.resolvers.mutations import Json, mutation, perform
from app.schema.context import Info
from app.schema.driver_events import (
    DriverEventResultType,
    RecordDriverEventsInput,
    RecordDriverEventsPayload,
    ReportPositionsInput,
    ReportPositionsPayload,
)
from app.schema.errors import UserErrorType
from app.schema.routes import RouteType
from app.schema.uploads import CreateUploadInput, CreateUploadPayload, UploadType

DRIVERS = frozenset({PrincipalKind.DRIVER})


@strawberry.type
class DriverEventMutations:
    """The only ways in which a driver records anything."""

    @mutation(callers=DRIVERS)
    async def record_driver_events(self, info: Info, input: RecordDriverEventsInput) -> RecordDriverEventsPayload:
        """Takes a batch, however late: each event once, in the order of their times; refusals leave the others be."""
        events = [event.to_event() for event in input.events]
        await arrivals.confirm(
            info.context.database, info.context.blobs, arrivals.named_by(events), actor=info.context.principal
        )

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            results = await recording.record(session, events=events, sent_at=input.sent_at, actor=actor, now=now)
            touched = [result.route_id for result in results if result.route_id is not None]
            return {
                "results": [_to_json(result) for result in results],
                "routeId": str(touched[-1]) if touched else None,
            }

        async def answer(outcome: Json) -> RecordDriverEventsPayload:
            key = outcome["routeId"]
            route = None if key is None else await info.context.load(routes.by_ids, uuid.UUID(key))
            return RecordDriverEventsPayload(
                results=[_result(result) for result in outcome["results"]],
                route=None if route is None else RouteType.of(route),
            )

        return await perform(info, input, payload=RecordDriverEventsPayload, work=work, answer=answer)

    @mutation(callers=DRIVERS)
    async def report_positions(self, info: Info, input: ReportPositionsInput) -> ReportPositionsPayload:
        """Keeps where the device was. A position that is sent twice counts once."""
        positions = [position.to_position() for position in input.positions]

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            return {"accepted": await drivers.report_positions(session, positions=positions, actor=actor, now=now)}

        async def answer(outcome: Json) -> ReportPositionsPayload:
            return ReportPositionsPayload(accepted=outcome["accepted"])

        return await perform(info, input, payload=ReportPositionsPayload, work=work, answer=answer)

    @mutation(callers=DRIVERS)
    async def create_upload(self, info: Info, input: CreateUploadInput) -> CreateUploadPayload:
        """Announces a proof's file, and answers where to PUT it."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            upload = await operations.announce(
                session,
                kind=input.kind,
                content_type=input.content_type,
                size_bytes=input.bytes,
                sha256=input.sha256,
                actor=actor,
                now=now,
                wall_now=clock.wall_now(),
            )
            return {"uploadId": str(upload.id)}

        async def answer(outcome: Json) -> CreateUploadPayload:
            row = await info.context.load(queries.by_ids, uuid.UUID(outcome["uploadId"]))
            if row is None or info.context.blobs is None:
                return CreateUploadPayload()
            url = await info.context.blobs.signed_put_url(
                operations.key_of(row),
                content_type=row.content_type,
                size_bytes=row.size_bytes,
                sha256=row.sha256,
                expires_at=row.expires_at,
                now=clock.wall_now(),
            )
            return CreateUploadPayload(upload=UploadType.of(row, url=url))

        return await perform(info, input, payload=CreateUploadPayload, work=work, answer=answer)


def _to_json(result: Recorded) -> Json:
    return {
        "eventId": str(result.event_id),
        "outcome": result.outcome.value,
        "errors": [[error.code, error.message, error.field] for error in result.errors],
    }


def _result(result: Json) -> DriverEventResultType:
    return DriverEventResultType(
        event_id=uuid.UUID(result["eventId"]),
        outcome=RecordOutcome(result["outcome"]),
        errors=[UserErrorType(code=code, message=message, field=field) for code, message, field in result["errors"]],
    )
