"""Milestones from carriers' own systems, whatever way they came: kept once, applied when their shipment is known.

A notice may overtake the answer to the booking that it is about. It waits, then, and is applied with the booking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.carriers.protocol import CarrierEvent
from app.core.ids import new_id
from app.models import (
    Booking,
    Carrier,
    CarrierNotice,
    NoticeSource,
    NoticeState,
    RecordOutcome,
    Severity,
    Shipment,
)
from app.orchestration.bookings import policies
from app.orchestration.bookings.gateways import actor_of
from app.orchestration.events import subjects
from app.orchestration.events.log import Subject
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.shipments import milestones
from app.orchestration.shipments.milestones import Milestone

BATCH = 200


@dataclass(frozen=True, kw_only=True)
class Taken:
    """How many notices were new, known before, applied, still waiting, refused."""

    new: int = 0
    duplicate: int = 0
    applied: int = 0
    waiting: int = 0
    refused: int = 0


async def take(
    session: AsyncSession, carrier: Carrier, events: Sequence[CarrierEvent], *, source: NoticeSource, now: datetime
) -> Taken:
    """Keeps the notices that are new and applies them in the order of their times."""
    once = {event.event_id: event for event in events}
    if not once:
        return Taken()
    statement = insert(CarrierNotice).values([_row(carrier, event, source, now) for event in once.values()])
    kept = await session.scalars(
        statement.on_conflict_do_nothing(index_elements=["carrier_id", "event_id"]).returning(
            col(CarrierNotice.event_id)
        )
    )
    new = set(kept)
    states = await apply(session, carrier, col(CarrierNotice.event_id).in_(new), now=now)
    return Taken(
        new=len(new),
        duplicate=len(events) - len(new),
        applied=states.count(NoticeState.TAKEN),
        waiting=states.count(NoticeState.WAITING),
        refused=states.count(NoticeState.REFUSED),
    )


async def apply(
    session: AsyncSession, carrier: Carrier, which: ColumnElement[bool], *, now: datetime
) -> list[NoticeState]:
    """Applies a carrier's waiting notices as far as their shipments are known; answers their states afterwards."""
    found = list(
        await session.scalars(
            select(CarrierNotice)
            .where(
                col(CarrierNotice.carrier_id) == carrier.id,
                col(CarrierNotice.state) == NoticeState.WAITING,
                which,
            )
            .order_by(col(CarrierNotice.at), col(CarrierNotice.id))
            .limit(BATCH)
            .with_for_update(key_share=True, skip_locked=True)
        )
    )
    for notice in found:
        await _apply_one(session, carrier, notice, now=now)
    await session.flush()
    return [notice.state for notice in found]


async def apply_for(session: AsyncSession, carrier: Carrier, booking: Booking, *, now: datetime) -> None:
    """Applies what came before the booking's own answer did."""
    await apply(
        session,
        carrier,
        or_(
            col(CarrierNotice.reference) == booking.reference,
            col(CarrierNotice.tracking_number) == booking.tracking_number,
        ),
        now=now,
    )


async def give_up_overdue(session: AsyncSession, *, now: datetime) -> int:
    """Refuses the notices whose shipment nobody has known for two days, with an exception; answers how many."""
    found = await session.execute(
        select(CarrierNotice, Carrier)
        .join(Carrier, col(Carrier.id) == col(CarrierNotice.carrier_id))
        .where(
            col(CarrierNotice.state) == NoticeState.WAITING,
            col(CarrierNotice.created_at) < now - policies.NOTICE_WAITS,
        )
        .limit(BATCH)
        .with_for_update(key_share=True, skip_locked=True, of=CarrierNotice)
    )
    rows = found.all()
    for notice, carrier in rows:
        named = notice.tracking_number or notice.reference
        subject = subjects.of_carrier(carrier)
        message = f"{carrier.name} reported {notice.kind.value} of {named}, which no shipment is called."
        await _refuse(session, notice, "SHIPMENT_UNKNOWN", message, subject=subject, now=now)
    return len(rows)


async def _apply_one(session: AsyncSession, carrier: Carrier, notice: CarrierNotice, *, now: datetime) -> None:
    shipment = await _shipment(session, notice)
    if shipment is None:
        return
    subject = subjects.of_shipment(shipment, carrier_id=carrier.id)
    if notice.at > now + policies.FUTURE:
        message = f"{carrier.name} reported {notice.kind.value} for {notice.at.isoformat()}, which has yet to come."
        await _refuse(session, notice, "TIME_IN_FUTURE", message, subject=subject, now=now)
        return
    (result,) = await milestones.report(
        session, milestones=[_milestone(notice, shipment)], actor=actor_of(carrier), now=now
    )
    if result.outcome is RecordOutcome.REFUSED:
        fault = result.errors[0]
        await _refuse(session, notice, fault.code, fault.message, subject=subject, now=now)
        return
    notice.state, notice.error_code, notice.error_message = NoticeState.TAKEN, None, None


async def _shipment(session: AsyncSession, notice: CarrierNotice) -> Shipment | None:
    """The carrier's shipment by either of its names: our reference first, which we chose ourselves."""
    by_booking = select(Shipment).join(Booking, col(Booking.shipment_id) == col(Shipment.id))
    own = (col(Booking.carrier_id) == notice.carrier_id) & (col(Shipment.carrier_id) == notice.carrier_id)
    attempts = []
    if notice.reference is not None:
        attempts.append(by_booking.where(own, col(Booking.reference) == notice.reference))
    if notice.tracking_number is not None:
        attempts.append(by_booking.where(own, col(Booking.tracking_number) == notice.tracking_number))
        attempts.append(
            select(Shipment).where(
                col(Shipment.carrier_id) == notice.carrier_id,
                col(Shipment.carrier_tracking_number) == notice.tracking_number,
            )
        )
    for statement in attempts:
        found: Shipment | None = await session.scalar(statement.order_by(col(Shipment.id).desc()).limit(1))
        if found is not None:
            return found
    return None


async def _refuse(
    session: AsyncSession, notice: CarrierNotice, code: str, message: str, *, subject: Subject, now: datetime
) -> None:
    notice.state, notice.error_code, notice.error_message = NoticeState.REFUSED, code, message
    suggestion = {"action": "INSPECT", "summary": f"{message} Ask the carrier what is so."}
    await exceptions.open_case(
        session,
        Trouble(kind=policies.MILESTONE_REFUSED, severity=Severity.WARNING, subject=subject, suggestion=suggestion),
        now=now,
    )


def _milestone(notice: CarrierNotice, shipment: Shipment) -> Milestone:
    return Milestone(
        event_id=notice.event_id,
        kind=notice.kind,
        at=notice.at,
        shipment_id=shipment.id,
        reason=notice.reason,
        note=notice.note,
        received_by=notice.received_by,
    )


def _row(carrier: Carrier, event: CarrierEvent, source: NoticeSource, now: datetime) -> dict[str, object]:
    return {
        "id": new_id(),
        "created_at": now,
        "carrier_id": carrier.id,
        "event_id": event.event_id,
        "source": source,
        "kind": event.kind,
        "at": event.at,
        "tracking_number": event.tracking_number,
        "reference": event.reference,
        "reason": event.reason,
        "note": event.note,
        "received_by": event.received_by,
        "state": NoticeState.WAITING,
    }
