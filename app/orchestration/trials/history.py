"""What a trial looks back on: the cases of some days, read once. Leaves out what a policy would have made of them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import SQLCoreOperations
from sqlmodel import col

from app.models import (
    AttemptOutcome,
    Carrier,
    Decision,
    DeliveryAttempt,
    Event,
    ExceptionCase,
    FailureReason,
    Message,
    Order,
    Severity,
    Shipment,
    Tender,
    TenderState,
)

MOST_ROWS = 200_000


@dataclass(frozen=True, kw_only=True)
class Span:
    """From `since` to before `until`."""

    since: datetime
    until: datetime

    def holds(self, column: SQLCoreOperations[datetime]) -> ColumnElement[bool]:
        """The condition on a column."""
        return (column >= self.since) & (column < self.until)


@dataclass(frozen=True, kw_only=True)
class FailedAttempt:
    """A visit that failed: the shipment's `number`th."""

    reference: str
    reason: FailureReason
    number: int
    at: datetime
    first_at: datetime


@dataclass(frozen=True, kw_only=True)
class Cancellation:
    """An order that was cancelled, allocated before or not."""

    reference: str
    at: datetime
    was_allocated: bool
    promised_start: datetime | None


@dataclass(frozen=True, kw_only=True)
class PastTender:
    """An offer that is over."""

    reference: str
    carrier: str
    carrier_minutes: int
    tender: Tender


async def failed_attempts(session: AsyncSession, span: Span) -> list[FailedAttempt]:
    """Every failed visit of the span, oldest first."""
    first = (
        select(
            col(DeliveryAttempt.shipment_id).label("shipment_id"), func.min(col(DeliveryAttempt.at)).label("first_at")
        )
        .group_by(col(DeliveryAttempt.shipment_id))
        .subquery()
    )
    found = await session.execute(
        select(DeliveryAttempt, col(Shipment.reference), first.c.first_at)
        .join(Shipment, col(Shipment.id) == col(DeliveryAttempt.shipment_id))
        .join(first, first.c.shipment_id == col(DeliveryAttempt.shipment_id))
        .where(span.holds(col(DeliveryAttempt.at)), col(DeliveryAttempt.outcome) == AttemptOutcome.FAILED)
        .order_by(col(DeliveryAttempt.at))
        .limit(MOST_ROWS)
    )
    return [
        FailedAttempt(
            reference=reference,
            reason=attempt.reason or FailureReason.OTHER,
            number=attempt.number,
            at=attempt.at,
            first_at=first_at,
        )
        for attempt, reference, first_at in found.all()
    ]


async def cancellations(session: AsyncSession, span: Span) -> list[Cancellation]:
    """Every order cancelled in the span, oldest first."""
    found = await session.execute(
        select(col(Event.order_id), col(Event.at), col(Order.reference), col(Order.promised_start))
        .join(Order, col(Order.id) == col(Event.order_id))
        .where(span.holds(col(Event.at)), col(Event.type) == "order.cancelled")
        .order_by(col(Event.at))
        .limit(MOST_ROWS)
    )
    rows = found.all()
    allocated = await _allocated_before(session, [row[0] for row in rows if row[0] is not None])
    return [
        Cancellation(reference=reference, at=at, was_allocated=order_id in allocated, promised_start=promised_start)
        for order_id, at, reference, promised_start in rows
    ]


async def _allocated_before(session: AsyncSession, order_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """The orders of which the last word before the end was that they are allocated."""
    found = await session.execute(
        select(col(Event.order_id), col(Event.type))
        .where(col(Event.order_id).in_(order_ids), col(Event.type).in_(("order.allocated", "order.unallocated")))
        .order_by(col(Event.at), col(Event.position))
    )
    newest = {order_id: type for order_id, type in found.all()}  # noqa: C416  # rows, not pairs
    return {order_id for order_id, type in newest.items() if type == "order.allocated" and order_id is not None}


async def orders(session: AsyncSession, span: Span) -> list[Order]:
    """Every order that came in the span, oldest first."""
    found = await session.scalars(
        select(Order).where(span.holds(col(Order.created_at))).order_by(col(Order.created_at)).limit(MOST_ROWS)
    )
    return list(found)


async def decisions(session: AsyncSession, span: Span) -> list[tuple[Decision, str]]:
    """Every decision about an order in the span, with the order's reference, oldest first."""
    found = await session.execute(
        select(Decision, col(Order.reference))
        .join(Order, col(Order.id) == col(Decision.order_id))
        .where(span.holds(col(Decision.at)))
        .order_by(col(Decision.at))
        .limit(MOST_ROWS)
    )
    return [(decision, reference) for decision, reference in found.all()]


async def tenders(session: AsyncSession, span: Span) -> list[PastTender]:
    """Every offer made in the span that is answered or over, oldest first."""
    ended = (TenderState.ACCEPTED, TenderState.REJECTED, TenderState.EXPIRED)
    found = await session.execute(
        select(Tender, col(Shipment.reference), Carrier)
        .join(Shipment, col(Shipment.id) == col(Tender.shipment_id))
        .join(Carrier, col(Carrier.id) == col(Tender.carrier_id))
        .where(col(Tender.offered_at).is_not(None), span.holds(col(Tender.created_at)), col(Tender.state).in_(ended))
        .order_by(col(Tender.created_at))
        .limit(MOST_ROWS)
    )
    return [
        PastTender(reference=reference, carrier=carrier.name, carrier_minutes=carrier.response_minutes, tender=tender)
        for tender, reference, carrier in found.all()
    ]


async def cases(session: AsyncSession, span: Span) -> list[tuple[str, Severity, str]]:
    """Every exception opened in the span: kind, severity and what it is about."""
    found = await session.execute(
        select(col(ExceptionCase.kind), col(ExceptionCase.severity), col(ExceptionCase.subject_reference))
        .where(span.holds(col(ExceptionCase.opened_at)))
        .order_by(col(ExceptionCase.opened_at))
        .limit(MOST_ROWS)
    )
    return [(row[0], row[1], row[2]) for row in found.all()]


async def messages(session: AsyncSession, span: Span) -> list[tuple[str, str]]:
    """Every message made in the span: its kind, and the order it is about."""
    found = await session.execute(
        select(col(Message.kind), col(Order.reference))
        .join(Order, col(Order.id) == col(Message.order_id))
        .where(span.holds(col(Message.created_at)))
        .order_by(col(Message.created_at))
        .limit(MOST_ROWS)
    )
    return [(row[0], row[1]) for row in found.all()]
