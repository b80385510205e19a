"""A carrier's answers to tenders, and what it reports of its shipments."""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime

import strawberry

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.core.database import Session
from app.core.errors import UserError
from app.core.ids import from_global
from app.models import Event, RecordOutcome
from app.models.base import Json
from app.orchestration.shipments import milestones
from app.orchestration.shipments import queries as shipments
from app.orchestration.tenders import operations, queries
from app.resolvers.mutations import mutation, perform, subscription
from app.schema.context import Info
from app.schema.errors import UserErrorType
from app.schema.relay import NODE_SOURCES, NodeSource
from app.schema.shipments import (
    ReportShipmentEventsInput,
    ReportShipmentEventsPayload,
    ShipmentEventResultType,
    ShipmentType,
)
from app.schema.tenders import AcceptTenderInput, RejectTenderInput, TenderPayload, TenderType

CARRIERS = frozenset({PrincipalKind.CARRIER})

NODE_SOURCES["Tender"] = NodeSource(batch=queries.by_ids, of=TenderType.of)
NODE_SOURCES["Shipment"] = NodeSource(batch=shipments.by_ids, of=ShipmentType.of)


@strawberry.type
class TenderMutations:
    """What carriers say."""

    @mutation(callers=CARRIERS | STAFF)
    async def accept_tender(self, info: Info, input: AcceptTenderInput) -> TenderPayload:
        """Takes the shipment. Refused with TENDER_EXPIRED after respondBy, with INVALID_STATE once it was answered."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            tender = await operations.accept(
                session,
                tender_id=from_global("Tender", input.tender_id, field="tenderId"),
                carrier_tracking_number=input.carrier_tracking_number,
                actor=actor,
                now=now,
            )
            return {"tenderId": str(tender.id)}

        async def answer(outcome: Json) -> TenderPayload:
            return await _tender(info, outcome)

        return await perform(info, input, payload=TenderPayload, work=work, answer=answer)

    @mutation(callers=CARRIERS | STAFF)
    async def reject_tender(self, info: Info, input: RejectTenderInput) -> TenderPayload:
        """Declines the shipment; it goes to another carrier."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            counter = input.counter_price
            tender = await operations.reject(
                session,
                tender_id=from_global("Tender", input.tender_id, field="tenderId"),
                reason=input.reason,
                counter_minor=counter.to_money(field="counterPrice").minor if counter else None,
                actor=actor,
                now=now,
            )
            return {"tenderId": str(tender.id)}

        async def answer(outcome: Json) -> TenderPayload:
            return await _tender(info, outcome)

        return await perform(info, input, payload=TenderPayload, work=work, answer=answer, wake=("solver",))

    @mutation(callers=CARRIERS)
    async def report_shipment_events(self, info: Info, input: ReportShipmentEventsInput) -> ReportShipmentEventsPayload:
        """Takes milestones over, each once, in any order; one that cannot be answers its own errors."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            given = [
                event.to_milestone(
                    None
                    if event.shipment_id is None
                    else from_global("Shipment", event.shipment_id, field=f"events.{index}.shipmentId")
                )
                for index, event in enumerate(input.events)
            ]
            results = await milestones.report(session, milestones=given, actor=actor, now=now)
            return {"results": [_kept(result) for result in results]}

        async def answer(outcome: Json) -> ReportShipmentEventsPayload:
            return ReportShipmentEventsPayload(results=[await _result(info, kept) for kept in outcome["results"]])

        return await perform(info, input, payload=ReportShipmentEventsPayload, work=work, answer=answer)


@strawberry.type
class TenderSubscriptions:
    """What carriers wait for."""

    @subscription(callers=CARRIERS)
    async def tender_offered(self, info: Info) -> AsyncIterator[TenderType]:
        """Each tender that is offered to the carrier from now on."""
        context, carrier_id = info.context, info.context.principal.carrier_id
        assert context.live is not None, "subscriptions need live events"

        def concerns(event: Event) -> bool:
            return event.type == "tender.offered" and event.carrier_id == carrier_id

        async with context.live.listening(concerns) as events:
            async for event in events:
                row = await context.load(queries.by_ids, event.subject_id)
                if row is not None:
                    yield TenderType.of(row)


async def _tender(info: Info, outcome: Json) -> TenderPayload:
    row = await info.context.load(queries.by_ids, uuid.UUID(outcome["tenderId"]))
    return TenderPayload(tender=None if row is None else TenderType.of(row))


def _kept(result: milestones.MilestoneResult) -> Json:
    return {
        "eventId": result.event_id,
        "outcome": result.outcome.value,
        "shipmentId": result.shipment_id and str(result.shipment_id),
        "errors": [[error.code, error.message, error.field] for error in result.errors],
    }


async def _result(info: Info, kept: Json) -> ShipmentEventResultType:
    key = kept["shipmentId"]
    row = await info.context.load(shipments.by_ids, uuid.UUID(key)) if key else None
    return ShipmentEventResultType(
        event_id=kept["eventId"],
        outcome=RecordOutcome(kept["outcome"]),
        errors=[
            UserErrorType.of(UserError(code=code, message=message, field=field))
            for code, message, field in kept["errors"]
        ],
        shipment=None if row is None else ShipmentType.of(row),
    )
