"""Holds: capacity and stock kept for the time of a checkout."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, text
from sqlmodel import Field

from app.models.base import JSONB, Json, Row, TimedRow, choice, quoted


class HoldState(StrEnum):
    """Whether it is kept."""

    HELD = "HELD"
    CONFIRMED = "CONFIRMED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


class Hold(TimedRow, table=True):
    """A window kept at a price until `expires_at`. `basket` is what for, as orchestration/orders/baskets.py writes it.

    `offer_key` is that of the offer it was made of, which is held once at a time.
    """

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("window_start < window_end", name="window"),
        Index("ix_holds_due", "expires_at", postgresql_where=text("state = 'HELD'")),
        Index(
            "uq_holds_one_per_offer",
            "offer_key",
            unique=True,
            postgresql_where=text(f"state in ({quoted(HoldState.HELD, HoldState.CONFIRMED)})"),
        ),
    )

    offer_key: str
    window_start: datetime = Field(sa_type=DateTime(timezone=True))
    window_end: datetime = Field(sa_type=DateTime(timezone=True))
    basket: Json = Field(default_factory=dict, sa_type=JSONB)
    price_minor: int
    currency: str
    state: HoldState = Field(default=HoldState.HELD, sa_type=choice(HoldState))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))


class HoldPart(Row, table=True):
    """What of a hold leaves from one node by one carrier: sku -> quantity, and a place on each of their days.

    `decision` is why, as the order's decision will tell it.
    """

    __tablename__ = "hold_parts"

    hold_id: uuid.UUID = Field(foreign_key="holds.id", index=True)
    node_id: uuid.UUID = Field(foreign_key="nodes.id", index=True)
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    service: str
    capacity_date: date
    quantities: Json = Field(default_factory=dict, sa_type=JSONB)
    cost_minor: int
    price_minor: int
    decision: Json = Field(default_factory=dict, sa_type=JSONB)
