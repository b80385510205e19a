"""Allocations: an order's lines bound to a node, carrier, service and window."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, text
from sqlmodel import Field

from app.models.base import JSONB, Json, Row, TimedRow, choice


class AllocationState(StrEnum):
    """How binding it is."""

    PROPOSED = "PROPOSED"
    COMMITTED = "COMMITTED"
    CONSUMED = "CONSUMED"
    RELEASED = "RELEASED"


class Allocation(TimedRow, table=True):
    """One order's lines at one node with one carrier. `lines` holds sku and quantity.

    `cost_minor` has the weights of the policy in it; `price_minor` is what the carrier charges.
    """

    __tablename__ = "allocations"
    __table_args__ = (
        CheckConstraint("window_start < window_end", name="window"),
        Index("ix_allocations_due", "reserved_until", postgresql_where=text("state = 'PROPOSED'")),
    )

    order_id: uuid.UUID = Field(foreign_key="orders.id", index=True)
    node_id: uuid.UUID = Field(foreign_key="nodes.id", index=True)
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    service: str
    window_start: datetime = Field(sa_type=DateTime(timezone=True))
    window_end: datetime = Field(sa_type=DateTime(timezone=True))
    state: AllocationState = Field(default=AllocationState.COMMITTED, sa_type=choice(AllocationState))
    lines: list[Json] = Field(default_factory=list, sa_type=JSONB)
    cost_minor: int = 0
    price_minor: int = 0
    currency: str
    reserved_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    capacity_date: date


class BidPrice(Row, table=True):
    """What one more unit of something scarce is worth: left by the last batch, or moved on as it ran out since.

    `resource` names it as the allocation problem does: stock at a node, a node's day, a carrier's day. One row more
    says when prices were worked out, its capacity for how many orders.
    """

    __tablename__ = "bid_prices"

    resource: str = Field(unique=True)
    price_minor: float
    capacity: int
    at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_on: date | None = None
