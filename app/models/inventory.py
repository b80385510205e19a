"""Stock: the level of an sku at a node, the ledger whose sum it is, and the deliveries that are still to come in."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint, text
from sqlmodel import Field

from app.models.base import Row, TimedRow, choice


class MovementReason(StrEnum):
    """Why stock moved."""

    COUNT = "COUNT"
    RECEIPT = "RECEIPT"
    ADJUSTMENT = "ADJUSTMENT"
    EXPECT = "EXPECT"
    RESERVE = "RESERVE"
    RELEASE = "RELEASE"
    PICK = "PICK"
    DELIVER = "DELIVER"
    RETURN = "RETURN"
    LOSS = "LOSS"
    TRANSFER = "TRANSFER"


class InventoryLevel(Row, table=True):
    """On hand, reserved and in transit; available is on hand less reserved.

    In transit is what has left the node and is on the way to its doors, or back. `inbound` is what deliveries are still
    to bring to the node, and `inbound_reserved` what of it is promised already.
    """

    __tablename__ = "inventory_levels"
    __table_args__ = (
        UniqueConstraint("node_id", "sku"),
        CheckConstraint(
            "on_hand >= 0 and reserved >= 0 and reserved <= on_hand and in_transit >= 0", name="never_oversold"
        ),
        CheckConstraint("inbound_reserved between 0 and inbound", name="inbound_never_oversold"),
    )

    node_id: uuid.UUID = Field(foreign_key="nodes.id")
    sku: str = Field(index=True)
    on_hand: int = 0
    reserved: int = 0
    in_transit: int = 0
    inbound: int = 0
    inbound_reserved: int = 0
    counted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    version: int = 0


class InventoryMovement(TimedRow, table=True):
    """One line of the ledger."""

    __tablename__ = "inventory_movements"
    __table_args__ = (Index(None, "node_id", "sku"),)

    node_id: uuid.UUID = Field(foreign_key="nodes.id")
    sku: str
    on_hand_delta: int = 0
    reserved_delta: int = 0
    in_transit_delta: int = 0
    inbound_delta: int = 0
    inbound_reserved_delta: int = 0
    reason: MovementReason = Field(sa_type=choice(MovementReason))
    detail: str | None = None
    order_id: uuid.UUID | None = Field(default=None, foreign_key="orders.id", index=True)
    shipment_id: uuid.UUID | None = Field(default=None, foreign_key="shipments.id", index=True)


class InboundDelivery(TimedRow, table=True):
    """So many of an sku that a node expects on a local day; `reference` is the supplier's or the warehouse's.

    `quantity` is still to come, and `reserved` of it is promised to orders; `arrived` has come already.
    """

    __tablename__ = "inbound_deliveries"
    __table_args__ = (
        UniqueConstraint("node_id", "sku", "reference"),
        CheckConstraint("reserved between 0 and quantity and arrived >= 0", name="quantities"),
        Index(None, "sku", "expected_on", postgresql_where=text("quantity > 0")),
    )

    node_id: uuid.UUID = Field(foreign_key="nodes.id")
    sku: str
    reference: str
    expected_on: date
    quantity: int
    reserved: int = 0
    arrived: int = 0
