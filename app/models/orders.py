"""Orders and their lines: the promise to a customer."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint
from sqlmodel import Field

from app.core import clock
from app.models.base import JSONB, Json, Row, TimedRow, choice


class OrderKind(StrEnum):
    """Which way the goods go."""

    DELIVERY = "DELIVERY"
    PICKUP = "PICKUP"
    RETURN = "RETURN"

    @property
    def is_collection(self) -> bool:
        """Whether the goods are at the customer's door, and come to the node."""
        return self is not OrderKind.DELIVERY


class OrderState(StrEnum):
    """How far the promise is kept."""

    RECEIVED = "RECEIVED"
    ALLOCATED = "ALLOCATED"
    IN_FULFILMENT = "IN_FULFILMENT"
    COMPLETED = "COMPLETED"
    PARTIALLY_COMPLETED = "PARTIALLY_COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class ProofKind(StrEnum):
    """What can show that it happened."""

    SIGNATURE = "SIGNATURE"
    PHOTO = "PHOTO"
    PIN = "PIN"
    BARCODE = "BARCODE"
    AGE_CHECK = "AGE_CHECK"
    CASH = "CASH"
    DOCUMENT = "DOCUMENT"


class Channel(StrEnum):
    """A way to reach a person."""

    SMS = "SMS"
    WHATSAPP = "WHATSAPP"
    EMAIL = "EMAIL"
    IN_APP = "IN_APP"


class Order(TimedRow, table=True):
    """The promise to a customer. `reference` is the shop's own."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("priority between 0 and 100", name="priority"),
        CheckConstraint("requested_start < requested_end", name="requested_window"),
        CheckConstraint("promised_start < promised_end", name="promised_window"),
        Index(None, "promised_start"),
    )

    reference: str = Field(unique=True)
    kind: OrderKind = Field(default=OrderKind.DELIVERY, sa_type=choice(OrderKind))
    state: OrderState = Field(default=OrderState.RECEIVED, sa_type=choice(OrderState), index=True)
    service_level: str
    recipient_name: str
    recipient_phone: str | None = None
    recipient_email: str | None = None
    locale: str
    channels: list[str] = Field(default_factory=list, sa_type=JSONB)
    line1: str
    line2: str | None = None
    city: str
    region: str | None = None
    postal_code: str | None = None
    country: str
    latitude: float
    longitude: float
    instructions: str | None = None
    requested_start: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    requested_end: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    promised_start: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    promised_end: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    hold_id: uuid.UUID | None = Field(default=None, foreign_key="holds.id", index=True)
    priority: int = 0
    required_skills: list[str] = Field(default_factory=list, sa_type=JSONB)
    proof_requirements: list[str] = Field(default_factory=list, sa_type=JSONB)
    cash_minor: int | None = None
    currency: str
    service_seconds: int
    attributes: list[Json] = Field(default_factory=list, sa_type=JSONB)
    input_hash: str
    tracking_token_hash: str = Field(unique=True)
    pin: str | None = None
    safe_place: str | None = None
    neighbour: str | None = None
    quiet_start: str | None = None
    quiet_end: str | None = None
    cancel_reason: str | None = None
    unassigned: Json | None = Field(default=None, sa_type=JSONB)
    version: int = 0
    updated_at: datetime = Field(default_factory=clock.now, sa_type=DateTime(timezone=True))


class OrderLine(Row, table=True):
    """So many of one sku."""

    __tablename__ = "order_lines"
    __table_args__ = (
        UniqueConstraint("order_id", "sku"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("delivered_quantity between 0 and quantity", name="delivered"),
    )

    order_id: uuid.UUID = Field(foreign_key="orders.id")
    sku: str
    description: str | None = None
    quantity: int
    delivered_quantity: int = 0
    weight_kg: float
    volume_l: float
