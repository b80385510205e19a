"""Holds: capacity and stock kept for the time of a checkout."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, text
from sqlmodel import Field

from app.models.base import JSONB, Json, TimedRow, choice


class HoldState(StrEnum):
    """Whether it is kept."""

    HELD = "HELD"
    CONFIRMED = "CONFIRMED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


class Hold(TimedRow, table=True):
    """What is kept, for which window, until when."""

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("window_start < window_end", name="window"),
        Index("ix_holds_due", "expires_at", postgresql_where=text("state = 'HELD'")),
    )

    node_id: uuid.UUID = Field(foreign_key="nodes.id", index=True)
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    service: str
    window_start: datetime = Field(sa_type=DateTime(timezone=True))
    window_end: datetime = Field(sa_type=DateTime(timezone=True))
    lines: list[Json] = Field(default_factory=list, sa_type=JSONB)
    price_minor: int
    currency: str
    state: HoldState = Field(default=HoldState.HELD, sa_type=choice(HoldState))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
