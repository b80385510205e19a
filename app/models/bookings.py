"""Carrier gateways, the bookings made through them, the files exchanged with them, and what they notified us of.

A gateway's document names its secrets; it never holds them (`DOORSTEP_CARRIER_SECRETS` does).
"""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint, text
from sqlmodel import Field

from app.core import clock
from app.models.base import JSONB, Json, TimedRow, choice, quoted
from app.models.shipments import FailureReason, MilestoneKind


class GatewayKind(StrEnum):
    """How a carrier is spoken to."""

    OWN_FLEET = "OWN_FLEET"
    REST = "REST"
    EDI = "EDI"
    KARRIO = "KARRIO"


class BookingState(StrEnum):
    """How far a carrier has taken a shipment over."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    BOOKED = "BOOKED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"


class NoticeState(StrEnum):
    """What became of a carrier's notice."""

    WAITING = "WAITING"
    TAKEN = "TAKEN"
    REFUSED = "REFUSED"


class NoticeSource(StrEnum):
    """How it came."""

    WEBHOOK = "WEBHOOK"
    EDI = "EDI"
    POLL = "POLL"


class InterchangeDirection(StrEnum):
    """Who wrote the file."""

    IN = "IN"
    OUT = "OUT"


class InterchangeState(StrEnum):
    """How far an EDI file got: ours until it is acknowledged, theirs until it is read."""

    QUEUED = "QUEUED"
    WRITTEN = "WRITTEN"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    READ = "READ"


class CarrierGateway(TimedRow, table=True):
    """How one carrier is spoken to: a kind, and a document that app/carriers validates."""

    __tablename__ = "carrier_gateways"

    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", unique=True)
    kind: GatewayKind = Field(sa_type=choice(GatewayKind))
    document: Json = Field(default_factory=dict, sa_type=JSONB)
    is_active: bool = True
    last_control_number: int = 0
    version: int = 1
    updated_at: datetime = Field(default_factory=clock.now, sa_type=DateTime(timezone=True))


class Booking(TimedRow, table=True):
    """A shipment as its carrier has it. The row is the queue: `leased_until` is machine time, also between tries."""

    __tablename__ = "bookings"
    __table_args__ = (
        Index(
            "uq_bookings_one_live_per_carrier",
            "shipment_id",
            "carrier_id",
            unique=True,
            postgresql_where=text(f"state in ({quoted(BookingState.QUEUED, BookingState.SENT, BookingState.BOOKED)})"),
        ),
        Index(None, "shipment_id"),
        Index(
            "ix_bookings_due",
            "leased_until",
            postgresql_where=text(f"state in ({quoted(BookingState.QUEUED, BookingState.CANCELLING)})"),
        ),
        Index(
            "ix_bookings_to_track",
            "track_due_at",
            postgresql_where=text(f"state = {quoted(BookingState.BOOKED)}"),
        ),
        CheckConstraint("attempts >= 0", name="attempts"),
    )

    shipment_id: uuid.UUID = Field(foreign_key="shipments.id")
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    tender_id: uuid.UUID | None = Field(default=None, foreign_key="tenders.id", index=True)
    reference: str = Field(unique=True)
    state: BookingState = Field(default=BookingState.QUEUED, sa_type=choice(BookingState))
    attempts: int = 0
    leased_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    track_due_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    tracking_number: str | None = None
    carrier_booking_id: str | None = None
    label_key: str | None = None
    label_content_type: str | None = None
    price_minor: int | None = None
    currency: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    booked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    version: int = 0


class Interchange(TimedRow, table=True):
    """One EDI file. `control_number` is the envelope's own; it is never used twice in one direction."""

    __tablename__ = "interchanges"
    __table_args__ = (
        UniqueConstraint("carrier_id", "direction", "control_number"),
        Index(None, "booking_id", "purpose"),
        Index("ix_interchanges_to_write", "carrier_id", postgresql_where=text("state = 'QUEUED'")),
    )

    carrier_id: uuid.UUID = Field(foreign_key="carriers.id")
    direction: InterchangeDirection = Field(sa_type=choice(InterchangeDirection))
    control_number: int
    purpose: str
    booking_id: uuid.UUID | None = Field(default=None, foreign_key="bookings.id")
    state: InterchangeState = Field(sa_type=choice(InterchangeState))
    file_name: str
    content: str | None = None
    sha256: str | None = None
    errors: list[Json] = Field(default_factory=list, sa_type=JSONB)
    acknowledged_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class CarrierNotice(TimedRow, table=True):
    """One milestone as a carrier's own system told it; WAITING until its shipment is known here."""

    __tablename__ = "carrier_notices"
    __table_args__ = (
        UniqueConstraint("carrier_id", "event_id"),
        Index("ix_carrier_notices_waiting", "carrier_id", postgresql_where=text("state = 'WAITING'")),
    )

    carrier_id: uuid.UUID = Field(foreign_key="carriers.id")
    event_id: str
    source: NoticeSource = Field(sa_type=choice(NoticeSource))
    kind: MilestoneKind = Field(sa_type=choice(MilestoneKind))
    at: datetime = Field(sa_type=DateTime(timezone=True))
    tracking_number: str | None = None
    reference: str | None = None
    reason: FailureReason | None = Field(default=None, sa_type=choice(FailureReason))
    note: str | None = None
    received_by: str | None = None
    state: NoticeState = Field(default=NoticeState.WAITING, sa_type=choice(NoticeState))
    error_code: str | None = None
    error_message: str | None = None
