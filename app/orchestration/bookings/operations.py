"""Booking as the database sees it: claim under a lease, then record what the carrier answered.

The call itself is made between two transactions, by app/jobs. A worker that dies in between leaves the row due again
when its lease runs out; the gateway then knows that an earlier try may have reached the carrier.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVarTuple

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.carriers.protocol import Receipt
from app.core.errors import NotFound
from app.models import (
    Booking,
    BookingState,
    Carrier,
    CarrierGateway,
    GatewayKind,
    Severity,
    Shipment,
    ShipmentState,
)
from app.models.base import Json
from app.orchestration.bookings import interchanges, notices, policies
from app.orchestration.bookings.consignments import Errand, errands
from app.orchestration.bookings.policies import BookingEvent
from app.orchestration.events import log, subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.shipments import operations as shipments

Found = TypeVarTuple("Found")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a call did not do what it should. `retry_after_seconds` is the carrier's own wish.

    `is_outcome_unknown`: it may have done all the same, and no gateway has had its say about that.
    """

    code: str
    message: str
    may_pass: bool
    is_outcome_unknown: bool = False
    retry_after_seconds: float | None = None


async def carriers_due(session: AsyncSession, *, wall: datetime) -> list[uuid.UUID]:
    """The carriers that have bookings to make or to call off."""
    found = await session.scalars(_due(select(col(Booking.carrier_id)).distinct(), wall=wall))
    return list(found)


async def claim_due(
    session: AsyncSession, *, carrier_id: uuid.UUID, now: datetime, wall: datetime, lease: timedelta, limit: int
) -> list[Errand]:
    """Takes bookings of a carrier that are due and that nobody else is working on. Leases live in machine time."""
    rows = await session.execute(
        _due(select(Booking, CarrierGateway), wall=wall)
        .where(col(Booking.carrier_id) == carrier_id)
        .order_by(col(Booking.id))
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True, of=Booking)
        .execution_options(populate_existing=True)
    )
    bookings, unknown, numbers = list[Booking](), set[uuid.UUID](), dict[uuid.UUID, int]()
    for booking, gateway in rows.all():
        if booking.attempts and booking.error_code is None:
            unknown.add(booking.id)
        booking.leased_until, booking.error_code, booking.error_message = wall + lease, None, None
        booking.attempts += 1
        bookings.append(booking)
        if gateway.kind is GatewayKind.EDI:
            numbers[booking.id] = await interchanges.number_for(session, booking, gateway, now=now)
    await session.flush()
    return await errands(session, bookings, control_numbers=numbers, unknown=unknown)


def _due(statement: Select[*Found], *, wall: datetime) -> Select[*Found]:
    return statement.join(CarrierGateway, col(CarrierGateway.carrier_id) == col(Booking.carrier_id)).where(
        col(Booking.state).in_(policies.DUE),
        or_(col(Booking.leased_until).is_(None), col(Booking.leased_until) < wall),
        col(CarrierGateway.is_active).is_(True),
    )


async def record_booked(
    session: AsyncSession,
    booking: Booking,
    receipt: Receipt,
    *,
    label_key: str | None,
    label_fault: str | None = None,
    track_after: timedelta | None,
    now: datetime,
) -> None:
    """The carrier has it, or (EDI) was sent it. A booking that was called off meanwhile keeps its number for that.

    `label_fault`: why there will be no label; the booking stands all the same.
    """
    shipment, row = await _locked(session, booking.id)
    await interchanges.mark_written(session, row)
    if row.state not in policies.DUE:
        return
    if receipt.tracking_number and await _is_taken(session, shipment, row, receipt.tracking_number):
        message = f"The carrier gave {receipt.tracking_number} to another shipment already. Ask it which is right."
        await _fail(session, shipment, row, Failure(code="TRACKING_NUMBER_TAKEN", message=message, may_pass=False), now)
        return
    row.tracking_number = receipt.tracking_number or row.tracking_number
    row.carrier_booking_id, row.leased_until = receipt.booking_id or row.carrier_booking_id, None
    if label_key is not None and receipt.label is not None:
        row.label_key, row.label_content_type = label_key, receipt.label.content_type
    if receipt.price is not None:
        row.price_minor, row.currency = receipt.price.minor, receipt.price.currency
    if row.state is BookingState.CANCELLING:
        row.attempts = 0
        return
    if not receipt.is_confirmed:
        _move(row, BookingEvent.SEND, now=now)
        return
    await confirm(session, shipment, row, track_after=track_after, now=now)
    if label_fault is not None:
        await _open_case(session, shipment, policies.LABEL_MISSING, label_fault, now=now)


async def confirm(
    session: AsyncSession, shipment: Shipment, booking: Booking, *, track_after: timedelta | None, now: datetime
) -> None:
    """The carrier said yes: the shipment takes its number and price over. Both rows are locked."""
    if booking.state is BookingState.BOOKED:
        return
    _move(booking, BookingEvent.CONFIRM, now=now)
    booking.booked_at = now
    booking.track_due_at = None if track_after is None else now + track_after
    if shipment.carrier_id == booking.carrier_id:
        shipment.carrier_tracking_number = booking.tracking_number or shipment.carrier_tracking_number
        if booking.price_minor is not None and booking.currency == shipment.currency:
            shipment.actual_minor = booking.price_minor
    _log(session, shipment, booking, "booking.booked", now=now, data={"trackingNumber": booking.tracking_number})
    await exceptions.settle(
        session, kind=policies.BOOKING_FAILED, subject_id=shipment.id, resolution="The carrier booked it.", now=now
    )
    await session.flush()
    carrier = await session.get(Carrier, booking.carrier_id)
    assert carrier is not None, "carriers are never deleted"
    await notices.apply_for(session, carrier, booking, now=now)


async def record_cancelled(session: AsyncSession, booking: Booking, *, now: datetime) -> None:
    """The carrier gave it up."""
    shipment, row = await _locked(session, booking.id)
    if row.state is not BookingState.CANCELLING:
        return
    await interchanges.mark_written(session, row)
    _move(row, BookingEvent.END, now=now)
    row.ended_at, row.leased_until, row.track_due_at = now, None, None
    _log(session, shipment, row, "booking.cancelled", now=now, data={})


async def record_failure(
    session: AsyncSession, booking: Booking, failure: Failure, *, now: datetime, wall: datetime
) -> None:
    """Another try later, or FAILED for good and an exception.

    Says nothing where the lease ran out and another worker is trying already: that one's answer counts.
    """
    shipment, row = await _locked(session, booking.id)
    if row.state not in policies.DUE or row.attempts != booking.attempts:
        return
    row.error_code, row.error_message = (None if failure.is_outcome_unknown else failure.code), failure.message
    wait = policies.retry_after(row.attempts, wish_seconds=failure.retry_after_seconds) if failure.may_pass else None
    if wait is not None:
        row.leased_until = wall + wait
        return
    if row.state is BookingState.CANCELLING and booking.state is BookingState.QUEUED:
        # It was called off while it was being made, and it was not made: nothing is left to call off.
        _move(row, BookingEvent.END, now=now)
        row.ended_at, row.leased_until = now, None
        return
    await _fail(session, shipment, row, failure, now)


async def decline(
    session: AsyncSession, shipment: Shipment, booking: Booking, *, reason: str, is_tendered: bool, now: datetime
) -> None:
    """The carrier said no. A tender goes on by its own rules; what was simply assigned needs a person."""
    _move(booking, BookingEvent.DECLINE, now=now)
    booking.ended_at, booking.error_code, booking.error_message = now, "CARRIER_DECLINED", reason
    _log(session, shipment, booking, "booking.declined", now=now, data={"reason": reason})
    if not is_tendered:
        await _open_case(session, shipment, policies.BOOKING_FAILED, f"The carrier declined: {reason}", now=now)


async def fail(session: AsyncSession, booking_id: uuid.UUID, failure: Failure, *, now: datetime) -> None:
    """A booking that had gone out turned out not to stand (an EDI 997 that rejects it)."""
    shipment, row = await _locked(session, booking_id)
    if row.state in policies.LIVE or row.state is BookingState.CANCELLING:
        await _fail(session, shipment, row, failure, now)


async def retry(session: AsyncSession, *, reference: str, actor: Principal, now: datetime) -> Booking:
    """A person has put right what was wrong: the booking is due again. Refuses one that has not failed."""
    found = await session.scalar(select(Booking).where(col(Booking.reference) == reference))
    if found is None:
        raise NotFound("booking", repr(reference), field="reference")
    shipment, row = await _locked(session, found.id)
    row.state = policies.next_state(row, BookingEvent.RETRY)
    row.attempts, row.leased_until, row.version = 0, None, row.version + 1
    row.error_code = row.error_message = row.ended_at = None
    _log(session, shipment, row, "booking.retried", now=now, data={}, actor=actor)
    return row


async def lock_by_reference(
    session: AsyncSession, *, carrier_id: uuid.UUID, reference: str
) -> tuple[Shipment, Booking] | None:
    """A carrier's booking by what the carrier calls it, locked after its order and shipment."""
    found = await session.scalar(
        select(Booking).where(col(Booking.reference) == reference, col(Booking.carrier_id) == carrier_id)
    )
    return None if found is None else await _locked(session, found.id)


async def _locked(session: AsyncSession, booking_id: uuid.UUID) -> tuple[Shipment, Booking]:
    found = await session.scalar(
        select(Shipment)
        .join(Booking, col(Booking.shipment_id) == col(Shipment.id))
        .where(col(Booking.id) == booking_id)
    )
    assert found is not None, "a booking has a shipment"
    _, shipment = await shipments.lock(session, found)
    row = await session.scalar(
        select(Booking)
        .where(col(Booking.id) == booking_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    assert row is not None, "bookings are never deleted"
    return shipment, row


async def _is_taken(session: AsyncSession, shipment: Shipment, booking: Booking, number: str) -> bool:
    other = await session.scalar(
        select(col(Shipment.id)).where(
            col(Shipment.carrier_id) == booking.carrier_id,
            col(Shipment.carrier_tracking_number) == number,
            col(Shipment.id) != shipment.id,
        )
    )
    return other is not None


async def _fail(session: AsyncSession, shipment: Shipment, booking: Booking, failure: Failure, now: datetime) -> None:
    is_cancellation = booking.state is BookingState.CANCELLING
    _move(booking, BookingEvent.FAIL, now=now)
    booking.ended_at, booking.leased_until, booking.track_due_at = now, None, None
    booking.error_code, booking.error_message = failure.code, failure.message
    _log(session, shipment, booking, "booking.failed", now=now, data={"code": failure.code, "message": failure.message})
    if not is_cancellation and shipment.state is ShipmentState.CANCELLED:
        return
    kind = policies.CANCELLATION_FAILED if is_cancellation else policies.BOOKING_FAILED
    await _open_case(session, shipment, kind, failure.message, now=now)


async def _open_case(session: AsyncSession, shipment: Shipment, kind: str, why: str, *, now: datetime) -> None:
    action, what = "REALLOCATE", "Correct it and book it again, or give the shipment to another carrier."
    if kind == policies.CANCELLATION_FAILED:
        action, what = "INSPECT", "Cancel it with the carrier by hand, or it will come to collect."
    elif kind == policies.LABEL_MISSING:
        action, what = "INSPECT", "The booking stands; print its label in the carrier's portal."
    subject = subjects.of_shipment(shipment)
    suggestion: Json = {"action": action, "summary": f"{why[:400]} {what}"}
    trouble = Trouble(
        kind=kind, severity=Severity.CRITICAL, subject=subject, node_id=shipment.node_id, suggestion=suggestion
    )
    await exceptions.open_case(session, trouble, now=now)


def _move(booking: Booking, event: BookingEvent, *, now: datetime) -> None:
    booking.state = policies.next_state(booking, event)
    booking.version += 1
    if booking.state not in policies.DUE:
        booking.leased_until = None


def _log(
    session: AsyncSession,
    shipment: Shipment,
    booking: Booking,
    type: str,
    *,
    now: datetime,
    data: Json,
    actor: Principal = SYSTEM,
) -> None:
    happened = type.partition(".")[2]
    log.append(
        session,
        type=type,
        subject=subjects.of_shipment(shipment, carrier_id=booking.carrier_id),
        actor=actor,
        now=now,
        summary=f"The carrier's booking {booking.reference} was {happened}.",
        data={"booking": booking.reference, **{name: value for name, value in data.items() if value is not None}},
    )
