"""Stock: the level of an sku at a node, and the ledger whose sum it is."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint
from sqlmodel import Field

from app.models.base import Row, TimedRow, choice


class MovementReason(StrEnum):
    """Why stock moved."""

    COUNT = "COUNT"
    RECEIPT = "RECEIPT"
    ADJUSTMENT = "ADJUSTMENT"
    RESERVE = "RESERVE"
    RELEASE = "RELEASE"
    PICK = "PICK"
    DELIVER = "DELIVER"
    RETURN = "RETURN"
    LOSS = "LOSS"
    TRANSFER = "TRANSFER"


class InventoryLevel(Row, table=True):
    """On hand, reserved and in transit; available is on hand less reserved."""

    __tablename__ = "inventory_levels"
    __table_args__ = (
        UniqueConstraint("node_id", "sku"),
        CheckConstraint(
            "on_hand >= 0 and reserved >= 0 and reserved <= on_hand and in_transit >= 0", name="never_oversold"
        ),
    )

    node_id: uuid.UUID = Field(foreign_key="nodes.id")
    sku: str = Field(index=True)
    on_hand: int = 0
    reserved: int = 0
    in_transit: int = 0
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
    reason: MovementReason = Field(sa_type=choice(MovementReason))
    detail: str | None = None
    order_id: uuid.UUID | None = Field(default=None, foreign_key="orders.id", index=True)
    shipment_id: uuid.UUID | None = Field(default=None, foreign_key="shipments.id", index=True)
