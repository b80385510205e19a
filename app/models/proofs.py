"""Proofs of delivery, and the uploads behind them."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime
from sqlmodel import Field

from app.models.base import TimedRow, choice
from app.models.orders import ProofKind


class UploadState(StrEnum):
    """Whether the file is there."""

    PENDING = "PENDING"
    RECEIVED = "RECEIVED"


class Upload(TimedRow, table=True):
    """A file announced with its size, type and hash, and then sent."""

    __tablename__ = "uploads"
    __table_args__ = (CheckConstraint("size_bytes > 0", name="size"),)

    driver_id: uuid.UUID | None = Field(default=None, foreign_key="drivers.id", index=True)
    kind: ProofKind = Field(sa_type=choice(ProofKind))
    content_type: str
    size_bytes: int
    sha256: str
    state: UploadState = Field(default=UploadState.PENDING, sa_type=choice(UploadState))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    received_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class Proof(TimedRow, table=True):
    """What shows that it happened, with time, place and hash."""

    __tablename__ = "proofs"

    order_id: uuid.UUID = Field(foreign_key="orders.id", index=True)
    stop_id: uuid.UUID = Field(foreign_key="stops.id", index=True)
    event_id: uuid.UUID = Field(index=True)
    kind: ProofKind = Field(sa_type=choice(ProofKind))
    captured_at: datetime = Field(sa_type=DateTime(timezone=True))
    upload_id: uuid.UUID | None = Field(default=None, foreign_key="uploads.id", index=True)
    value: str | None = None
    sha256: str | None = None
    latitude: float | None = None
    longitude: float | None = None
