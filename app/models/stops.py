"""Stops: one visit on a route, and the shipments it serves."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.base import Row, choice
from app.models.shipments import FailureReason


class StopKind(StrEnum):
    """What is done there."""

    DELIVERY = "DELIVERY"
    PICKUP = "PICKUP"
    RETURN = "RETURN"

    @property
    def is_collection(self) -> bool:
        """Whether goods come on board there."""
        return self is not StopKind.DELIVERY


class StopState(StrEnum):
    """How far the visit is."""

    PENDING = "PENDING"
    EN_ROUTE = "EN_ROUTE"
    ARRIVED = "ARRIVED"
    DEPARTED = "DEPARTED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


class StopOutcome(StrEnum):
    """How it ended."""

    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"


class Handover(StrEnum):
    """Who or what took the goods."""

    RECIPIENT = "RECIPIENT"
    HOUSEHOLD = "HOUSEHOLD"
    NEIGHBOUR = "NEIGHBOUR"
    RECEPTION = "RECEPTION"
    SAFE_PLACE = "SAFE_PLACE"
    LOCKER = "LOCKER"


class Stop(Row, table=True):
    """One visit on a route."""

    __tablename__ = "stops"
    __table_args__ = (
        UniqueConstraint("route_id", "sequence", deferrable=True, initially="DEFERRED"),
        CheckConstraint("outcome is null or state in ('ARRIVED', 'DEPARTED')", name="outcome_of_a_visit"),
    )

    route_id: uuid.UUID = Field(foreign_key="routes.id")
    order_id: uuid.UUID = Field(foreign_key="orders.id", index=True)
    sequence: int
    kind: StopKind = Field(default=StopKind.DELIVERY, sa_type=choice(StopKind))
    state: StopState = Field(default=StopState.PENDING, sa_type=choice(StopState))
    outcome: StopOutcome | None = Field(default=None, sa_type=choice(StopOutcome))
    reason: FailureReason | None = Field(default=None, sa_type=choice(FailureReason))
    latitude: float
    longitude: float
    window_start: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    window_end: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    planned_arrival: datetime = Field(sa_type=DateTime(timezone=True))
    drive_seconds: int = 0
    drive_metres: int = 0
    service_seconds: int
    eta_expected: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    eta_earliest: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    eta_latest: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    arrived_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    departed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    handover: Handover | None = Field(default=None, sa_type=choice(Handover))
    received_by: str | None = None
    note: str | None = None
    cash_minor: int | None = None
    version: int = 0


class StopShipment(SQLModel, table=True):
    """A shipment that a stop serves."""

    __tablename__ = "stop_shipments"

    stop_id: uuid.UUID = Field(foreign_key="stops.id", primary_key=True)
    shipment_id: uuid.UUID = Field(foreign_key="shipments.id", index=True, primary_key=True)
