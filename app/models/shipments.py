"""Shipments: goods from one node by one carrier, their lines and their attempts."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint
from sqlmodel import Field

from app.models.base import JSONB, Json, Row, TimedRow, choice


class ShipmentState(StrEnum):
    """Where the goods are."""

    PENDING = "PENDING"
    TENDERED = "TENDERED"
    ASSIGNED = "ASSIGNED"
    PLANNED = "PLANNED"
    PICKED_UP = "PICKED_UP"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    DELIVERED = "DELIVERED"
    PARTIALLY_DELIVERED = "PARTIALLY_DELIVERED"
    ATTEMPT_FAILED = "ATTEMPT_FAILED"
    RETURNING = "RETURNING"
    RETURNED = "RETURNED"
    LOST = "LOST"
    CANCELLED = "CANCELLED"


class AttemptOutcome(StrEnum):
    """How a visit to the door ended."""

    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"


class FailureReason(StrEnum):
    """Why it did not succeed; orchestration/shipments/failures.py says who answers for it."""

    NOT_HOME = "NOT_HOME"
    BUSINESS_CLOSED = "BUSINESS_CLOSED"
    REFUSED = "REFUSED"
    ID_CHECK_FAILED = "ID_CHECK_FAILED"
    UNDER_AGE = "UNDER_AGE"
    PAYMENT_NOT_RECEIVED = "PAYMENT_NOT_RECEIVED"
    PIN_MISMATCH = "PIN_MISMATCH"
    MOVED = "MOVED"
    ADDRESS_NOT_FOUND = "ADDRESS_NOT_FOUND"
    ACCESS_RESTRICTED = "ACCESS_RESTRICTED"
    NO_PARKING = "NO_PARKING"
    SAFE_PLACE_UNAVAILABLE = "SAFE_PLACE_UNAVAILABLE"
    DANGEROUS = "DANGEROUS"
    DAMAGED = "DAMAGED"
    MISSING = "MISSING"
    WRONG_ITEM = "WRONG_ITEM"
    TEMPERATURE_BREACH = "TEMPERATURE_BREACH"
    OUT_OF_TIME = "OUT_OF_TIME"
    VEHICLE_BREAKDOWN = "VEHICLE_BREAKDOWN"
    DRIVER_UNAVAILABLE = "DRIVER_UNAVAILABLE"
    CAPACITY_EXCEEDED = "CAPACITY_EXCEEDED"
    MISROUTED = "MISROUTED"
    NOT_READY = "NOT_READY"
    BAD_DATA = "BAD_DATA"
    WEATHER = "WEATHER"
    ROAD_CLOSED = "ROAD_CLOSED"
    SECURITY = "SECURITY"
    OTHER = "OTHER"


class MilestoneKind(StrEnum):
    """What a carrier reports."""

    PICKED_UP = "PICKED_UP"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    DELIVERED = "DELIVERED"
    ATTEMPT_FAILED = "ATTEMPT_FAILED"
    RETURNED = "RETURNED"
    LOST = "LOST"


class Shipment(TimedRow, table=True):
    """Goods from one node by one carrier to one door."""

    __tablename__ = "shipments"
    __table_args__ = (
        CheckConstraint("window_start < window_end", name="window"),
        Index(None, "carrier_id", "carrier_tracking_number", unique=True),
        Index(None, "node_id", "state"),
    )

    reference: str = Field(unique=True)
    order_id: uuid.UUID = Field(foreign_key="orders.id", index=True)
    allocation_id: uuid.UUID | None = Field(default=None, foreign_key="allocations.id", index=True)
    node_id: uuid.UUID = Field(foreign_key="nodes.id", index=True)
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    service: str
    state: ShipmentState = Field(default=ShipmentState.PENDING, sa_type=choice(ShipmentState), index=True)
    window_start: datetime = Field(sa_type=DateTime(timezone=True))
    window_end: datetime = Field(sa_type=DateTime(timezone=True))
    not_before: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    weight_kg: float = 0.0
    volume_l: float = 0.0
    estimated_minor: int = 0
    actual_minor: int | None = None
    currency: str
    carrier_tracking_number: str | None = None
    eta_expected: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    eta_earliest: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    eta_latest: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    attempt_count: int = 0
    delivered_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    version: int = 0


class ShipmentLine(Row, table=True):
    """So many of one sku in a shipment."""

    __tablename__ = "shipment_lines"
    __table_args__ = (
        UniqueConstraint("shipment_id", "sku"),
        CheckConstraint("quantity > 0 and delivered_quantity between 0 and quantity", name="quantity"),
    )

    shipment_id: uuid.UUID = Field(foreign_key="shipments.id")
    sku: str
    description: str | None = None
    quantity: int
    delivered_quantity: int = 0


class DeliveryAttempt(Row, table=True):
    """One visit to the door and how it ended."""

    __tablename__ = "delivery_attempts"
    __table_args__ = (UniqueConstraint("shipment_id", "number"),)

    shipment_id: uuid.UUID = Field(foreign_key="shipments.id")
    number: int
    outcome: AttemptOutcome = Field(sa_type=choice(AttemptOutcome))
    reason: FailureReason | None = Field(default=None, sa_type=choice(FailureReason))
    note: str | None = None
    at: datetime = Field(sa_type=DateTime(timezone=True))
    stop_id: uuid.UUID | None = Field(default=None, foreign_key="stops.id", index=True)
    driver_id: uuid.UUID | None = Field(default=None, foreign_key="drivers.id", index=True)


class CarrierMilestone(TimedRow, table=True):
    """A milestone that a carrier reported, kept so that the same one twice changes nothing."""

    __tablename__ = "carrier_milestones"
    __table_args__ = (UniqueConstraint("carrier_id", "event_id"),)

    carrier_id: uuid.UUID = Field(foreign_key="carriers.id")
    event_id: str
    shipment_id: uuid.UUID | None = Field(default=None, foreign_key="shipments.id", index=True)
    kind: str
    at: datetime = Field(sa_type=DateTime(timezone=True))
    outcome: str
    errors: list[Json] = Field(default_factory=list, sa_type=JSONB)
