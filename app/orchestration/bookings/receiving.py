"""What EDI files mean: answers to load tenders, milestones, acknowledgements. One file is one unit of work.

A control number that was read before changes nothing. A set that cannot be used is refused alone, in our 997 and with
an exception; the others land.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.carriers.edi import replies, x12
from app.carriers.edi.document import EdiDocument
from app.carriers.edi.replies import SetUnreadable, TenderResponse, Verdict
from app.carriers.edi.x12 import Group, Interchange, TransactionSet
from app.core.database import savepoint
from app.core.errors import Refusal
from app.models import (
    Booking,
    BookingState,
    Carrier,
    CarrierGateway,
    NoticeSource,
    Severity,
    Shipment,
    Tender,
    TenderState,
)
from app.orchestration.bookings import interchanges, notices, operations, policies
from app.orchestration.bookings.gateways import actor_of, next_control_number
from app.orchestration.bookings.operations import Failure
from app.orchestration.bookings.policies import BookingEvent
from app.orchestration.events import subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.tenders import operations as tenders


class FileOutcome(StrEnum):
    """What became of a file."""

    READ = "READ"
    DUPLICATE = "DUPLICATE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The file at hand, and whose it is."""

    carrier: Carrier
    gateway: CarrierGateway
    document: EdiDocument
    now: datetime


@dataclass(kw_only=True)
class Received:
    """What became of a file, and of each of its groups' sets."""

    outcome: FileOutcome
    verdicts: list[tuple[Group, list[Verdict]]] = field(default_factory=list)


async def receive(
    session: AsyncSession,
    carrier: Carrier,
    gateway: CarrierGateway,
    document: EdiDocument,
    *,
    text: str,
    name: str,
    now: datetime,
) -> Received:
    """Takes over one file. Never raises for what the carrier wrote: what cannot be used opens an exception."""
    reading = Reading(carrier=carrier, gateway=gateway, document=document, now=now)
    try:
        interchange = x12.read(text)
    except x12.InterchangeUnreadable as error:
        return await _refused(session, reading, name, str(error))
    if (fault := _foreign(document, interchange)) is not None:
        return await _refused(session, reading, name, fault)
    digest = hashlib.sha256(text.encode()).hexdigest()
    codes = sorted({one.code for group in interchange.groups for one in group.sets})
    number = interchange.control_number
    if not await interchanges.record_read(
        session, carrier, control_number=number, purpose=" ".join(codes), name=name, sha256=digest, now=now
    ):
        if await interchanges.hash_of(session, carrier, control_number=number) != digest:
            return await _refused(session, reading, name, f"Its control number {number} is another file's already.")
        return Received(outcome=FileOutcome.DUPLICATE)
    received = Received(outcome=FileOutcome.READ)
    for group in interchange.groups:
        received.verdicts.append((group, await _read_group(session, reading, group, interchange.faults, name)))
    await _acknowledge(session, reading, received)
    return received


def _foreign(document: EdiDocument, interchange: Interchange) -> str | None:
    """Why a file is not from this carrier to us."""
    if interchange.sender_id != document.carrier.id:
        return f"It comes from {interchange.sender_id!r}, not from {document.carrier.id!r}."
    if interchange.receiver_id != document.us.id:
        return f"It goes to {interchange.receiver_id!r}, not to {document.us.id!r}."
    return None


async def _read_group(
    session: AsyncSession, reading: Reading, group: Group, faults: Sequence[str], name: str
) -> list[Verdict]:
    if faults:
        await _refused(session, reading, name, " ".join(faults[:3]))
    return [await _read_set(session, reading, one, name, is_sound=not faults) for one in group.sets]


async def _read_set(
    session: AsyncSession, reading: Reading, transaction: TransactionSet, name: str, *, is_sound: bool
) -> Verdict:
    is_accepted = is_sound
    if is_sound:
        try:
            async with savepoint(session):
                await HANDLERS.get(transaction.code, _unknown)(session, reading, transaction)
        except IntegrityError:
            is_accepted = False
            why = f"{transaction.code} {transaction.control_number} gives a number that another shipment has."
            await _refused(session, reading, name, why)
        except (SetUnreadable, Refusal) as error:
            is_accepted = False
            await _refused(session, reading, name, f"{transaction.code} {transaction.control_number}: {error}")
    return Verdict(code=transaction.code, control_number=transaction.control_number, is_accepted=is_accepted)


async def _unknown(session: AsyncSession, reading: Reading, transaction: TransactionSet) -> None:
    raise SetUnreadable(f"Sets of kind {transaction.code} are not exchanged. Send 990, 214 and 997.")


async def _respond(session: AsyncSession, reading: Reading, transaction: TransactionSet) -> None:
    """A 990: the tender is accepted or rejected, or a booking confirmed or declined."""
    response = replies.read_990(transaction)
    found = await operations.lock_by_reference(session, carrier_id=reading.carrier.id, reference=response.reference)
    if found is None:
        raise SetUnreadable(f"No load {response.reference!r} was sent to {reading.carrier.name}.")
    shipment, booking = found
    if booking.state not in {BookingState.QUEUED, BookingState.SENT}:
        return  # the same answer again, or one that came after the load was called off
    tender = None if booking.tender_id is None else await session.get(Tender, booking.tender_id)
    is_open = tender is not None and tender.state is TenderState.OFFERED
    if response.is_accepted:
        await _accept(session, reading, response, shipment, booking, tender if is_open else None)
        return
    reason = response.reason or "declined by EDI"
    await operations.decline(session, shipment, booking, reason=reason, is_tendered=tender is not None, now=reading.now)
    if tender is not None and is_open:
        await session.flush()
        await tenders.reject(
            session, tender_id=tender.id, reason=reason, actor=actor_of(reading.carrier), now=reading.now
        )


async def _accept(
    session: AsyncSession,
    reading: Reading,
    response: TenderResponse,
    shipment: Shipment,
    booking: Booking,
    tender: Tender | None,
) -> None:
    booking.tracking_number = response.tracking_number or booking.tracking_number or booking.reference
    if tender is None:
        await operations.confirm(session, shipment, booking, track_after=None, now=reading.now)
        return
    try:
        async with savepoint(session):
            await tenders.accept(
                session,
                tender_id=tender.id,
                carrier_tracking_number=booking.tracking_number,
                actor=actor_of(reading.carrier),
                now=reading.now,
            )
    except Refusal as refusal:
        # Too late: the offer is over. The carrier thinks it has the load, and is told that it has not.
        booking.state = policies.next_state(booking, BookingEvent.CALL_OFF)
        booking.attempts, booking.leased_until = 0, None
        booking.error_message = refusal.message
        return
    await session.refresh(shipment)
    await operations.confirm(session, shipment, booking, track_after=None, now=reading.now)


async def _status(session: AsyncSession, reading: Reading, transaction: TransactionSet) -> None:
    """A 214: milestones."""
    events = replies.read_214(transaction, reading.document.words)
    await notices.take(session, reading.carrier, events, source=NoticeSource.EDI, now=reading.now)


async def _acknowledged(session: AsyncSession, reading: Reading, transaction: TransactionSet) -> None:
    """A 997: the carrier could read a file of ours, or could not."""
    acknowledgement = replies.read_997(transaction)
    row = await interchanges.acknowledge(session, reading.carrier, acknowledgement, now=reading.now)
    if row is None:
        raise SetUnreadable(f"No group {acknowledgement.control_number} was sent to {reading.carrier.name}.")
    if acknowledgement.is_accepted or row.booking_id is None:
        return
    faults = "; ".join(acknowledgement.errors) or "it named no fault"
    message = f"{reading.carrier.name} rejected the file {row.file_name}: {faults}."
    await session.flush()
    await operations.fail(
        session, row.booking_id, Failure(code="EDI_REJECTED", message=message, may_pass=False), now=reading.now
    )


HANDLERS: Mapping[str, Callable[[AsyncSession, Reading, TransactionSet], Awaitable[None]]] = {
    "990": _respond,
    "214": _status,
    "997": _acknowledged,
}


async def _acknowledge(session: AsyncSession, reading: Reading, received: Received) -> None:
    """Our own 997 for each group but those that are acknowledgements themselves."""
    if not reading.document.sends_acknowledgements:
        return
    for group, verdicts in received.verdicts:
        if group.functional_id == x12.GROUP_OF["997"]:
            continue
        number = await next_control_number(session, reading.gateway.id)
        content = replies.acknowledgement(reading.document, group, verdicts, control_number=number, made_at=reading.now)
        await interchanges.queue_content(
            session,
            reading.carrier.id,
            code=interchanges.ACKNOWLEDGEMENT,
            purpose=interchanges.ACKNOWLEDGEMENT,
            control_number=number,
            content=content,
            now=reading.now,
        )


async def _refused(session: AsyncSession, reading: Reading, name: str, why: str) -> Received:
    return await refuse(session, reading.carrier, name=name, why=why, now=reading.now)


async def refuse(session: AsyncSession, carrier: Carrier, *, name: str, why: str, now: datetime) -> Received:
    """Opens an exception about a file that cannot be used."""
    subject = subjects.of_carrier(carrier)
    suggestion = {"action": "INSPECT", "summary": f"The EDI file {name[:80]} cannot be used: {why[:400]}"}
    await exceptions.open_case(
        session,
        Trouble(kind=policies.FILE_REFUSED, severity=Severity.WARNING, subject=subject, suggestion=suggestion),
        now=now,
    )
    return Received(outcome=FileOutcome.REFUSED)
