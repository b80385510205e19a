"""The event log, and how far each reader has read."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, text
from sqlmodel import Field, SQLModel

from app.core import clock
from app.models.base import JSONB, Json, Row, choice


class ActorKind(StrEnum):
    """Who did it."""

    STAFF = "STAFF"
    DRIVER = "DRIVER"
    CARRIER = "CARRIER"
    INTEGRATION = "INTEGRATION"
    CHECKOUT = "CHECKOUT"
    CUSTOMER = "CUSTOMER"
    SYSTEM = "SYSTEM"


class Event(Row, table=True):
    """What happened, when, by whom. Append-only. `transaction_id` and `position` give the reading order."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "transaction_id", "position"),)

    position: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False, unique=True)
    )
    transaction_id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"), nullable=False),
    )
    type: str = Field(index=True)
    at: datetime = Field(default_factory=clock.now, sa_type=DateTime(timezone=True))
    subject_kind: str
    subject_id: uuid.UUID = Field(index=True)
    subject_reference: str
    order_id: uuid.UUID | None = Field(default=None, foreign_key="orders.id", index=True)
    carrier_id: uuid.UUID | None = Field(default=None, foreign_key="carriers.id", index=True)
    route_id: uuid.UUID | None = Field(default=None, foreign_key="routes.id", index=True)
    actor_kind: ActorKind = Field(sa_type=choice(ActorKind))
    actor_name: str
    summary: str
    data: Json = Field(default_factory=dict, sa_type=JSONB)


class EventReader(SQLModel, table=True):
    """How far one durable reader has read."""

    __tablename__ = "event_readers"

    name: str = Field(primary_key=True)
    transaction_id: int = Field(default=0, sa_type=BigInteger)
    position: int = Field(default=0, sa_type=BigInteger)
    updated_at: datetime = Field(default_factory=clock.now, sa_type=DateTime(timezone=True))


class Counter(SQLModel, table=True):
    """What the counters reader has counted: a name, a dimension and a day."""

    __tablename__ = "counters"

    name: str = Field(primary_key=True)
    dimension: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    value: int = Field(default=0, sa_type=BigInteger)
