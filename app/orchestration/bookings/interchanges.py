"""EDI files as rows: their control numbers, what is to be written, what was acknowledged."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.carriers.edi.gateway import file_name
from app.carriers.edi.load_tender import CANCELLATION, ORIGINAL
from app.carriers.edi.replies import Acknowledgement
from app.core.ids import new_id
from app.models import (
    Booking,
    BookingState,
    Carrier,
    CarrierGateway,
    Interchange,
    InterchangeDirection,
    InterchangeState,
)
from app.orchestration import reading
from app.orchestration.bookings.gateways import next_control_number

ACKNOWLEDGEMENT = "997"


def purpose_of(booking: Booking) -> str:
    """What the next file about a booking says."""
    return f"204-{CANCELLATION if booking.state is BookingState.CANCELLING else ORIGINAL}"


async def number_for(session: AsyncSession, booking: Booking, gateway: CarrierGateway, *, now: datetime) -> int:
    """The control number of a booking's next file: the one that an interrupted try took, or a new one."""
    purpose = purpose_of(booking)
    taken = await session.scalar(
        select(col(Interchange.control_number)).where(
            col(Interchange.booking_id) == booking.id,
            col(Interchange.purpose) == purpose,
            col(Interchange.state) == InterchangeState.QUEUED,
        )
    )
    if taken is not None:
        return int(taken)
    number = await next_control_number(session, gateway.id)
    session.add(
        Interchange(
            carrier_id=gateway.carrier_id,
            direction=InterchangeDirection.OUT,
            control_number=number,
            purpose=purpose,
            booking_id=booking.id,
            state=InterchangeState.QUEUED,
            file_name=file_name("204", number),
            created_at=now,
        )
    )
    await session.flush()
    return number


async def mark_written(session: AsyncSession, booking: Booking) -> None:
    """The files about a booking lie in the carrier's folder."""
    await session.execute(
        update(Interchange)
        .where(
            col(Interchange.booking_id) == booking.id,
            col(Interchange.state) == InterchangeState.QUEUED,
            col(Interchange.content).is_(None),
        )
        .values(state=InterchangeState.WRITTEN)
    )


async def queue_content(
    session: AsyncSession,
    carrier_id: uuid.UUID,
    *,
    code: str,
    purpose: str,
    control_number: int,
    content: str,
    now: datetime,
    booking_id: uuid.UUID | None = None,
) -> None:
    """A file of ours whose content is ready, to be written after the commit."""
    session.add(
        Interchange(
            carrier_id=carrier_id,
            direction=InterchangeDirection.OUT,
            control_number=control_number,
            purpose=purpose,
            booking_id=booking_id,
            state=InterchangeState.QUEUED,
            file_name=file_name(code, control_number),
            content=content,
            created_at=now,
        )
    )
    await session.flush()


async def states_of(session: AsyncSession, booking: Booking) -> dict[str, InterchangeState]:
    """How far the files about a booking got, by purpose."""
    return await reading.by_key(
        session,
        select(col(Interchange.purpose), col(Interchange.state))
        .where(col(Interchange.booking_id) == booking.id)
        .order_by(col(Interchange.id)),
    )


async def to_write(session: AsyncSession, *, limit: int) -> Sequence[tuple[Interchange, Carrier, CarrierGateway]]:
    """The files whose content is ready, oldest first. Two workers may write one twice: it is the same file."""
    found = await session.execute(
        select(Interchange, Carrier, CarrierGateway)
        .join(Carrier, col(Carrier.id) == col(Interchange.carrier_id))
        .join(CarrierGateway, col(CarrierGateway.carrier_id) == col(Carrier.id))
        .where(
            col(Interchange.state) == InterchangeState.QUEUED,
            col(Interchange.content).is_not(None),
            col(CarrierGateway.is_active).is_(True),
        )
        .order_by(col(Interchange.id))
        .limit(limit)
    )
    return [(interchange, carrier, gateway) for interchange, carrier, gateway in found.all()]


async def record_written(session: AsyncSession, interchange_id: uuid.UUID) -> None:
    """A file lies in the carrier's folder."""
    await session.execute(
        update(Interchange)
        .where(col(Interchange.id) == interchange_id, col(Interchange.state) == InterchangeState.QUEUED)
        .values(state=InterchangeState.WRITTEN)
    )


async def record_read(
    session: AsyncSession, carrier: Carrier, *, control_number: int, purpose: str, name: str, sha256: str, now: datetime
) -> bool:
    """Keeps that a file was read; False where one with its control number was read before."""
    kept = await session.scalar(
        insert(Interchange)
        .values(
            id=new_id(),
            created_at=now,
            carrier_id=carrier.id,
            direction=InterchangeDirection.IN,
            control_number=control_number,
            purpose=purpose,
            state=InterchangeState.READ,
            file_name=name,
            sha256=sha256,
            errors=[],
        )
        .on_conflict_do_nothing(index_elements=["carrier_id", "direction", "control_number"])
        .returning(col(Interchange.id))
    )
    return kept is not None


async def hash_of(session: AsyncSession, carrier: Carrier, *, control_number: int) -> str | None:
    """The hash of the file that was read under a control number."""
    found: str | None = await session.scalar(
        select(col(Interchange.sha256)).where(
            col(Interchange.carrier_id) == carrier.id,
            col(Interchange.direction) == InterchangeDirection.IN,
            col(Interchange.control_number) == control_number,
        )
    )
    return found


async def acknowledge(
    session: AsyncSession, carrier: Carrier, acknowledgement: Acknowledgement, *, now: datetime
) -> Interchange | None:
    """Matches a 997 with the file of ours that it is about; None where we wrote none with this number."""
    row: Interchange | None = await session.scalar(
        select(Interchange)
        .where(
            col(Interchange.carrier_id) == carrier.id,
            col(Interchange.direction) == InterchangeDirection.OUT,
            col(Interchange.control_number) == acknowledgement.control_number,
        )
        .with_for_update(key_share=True)
    )
    if row is None:
        return None
    row.state = InterchangeState.ACCEPTED if acknowledgement.is_accepted else InterchangeState.REJECTED
    row.acknowledged_at, row.errors = now, [{"fault": fault} for fault in acknowledgement.errors]
    return row
