"""Allocations: an order's lines bound to a node, carrier, service and window."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime
from sqlmodel import Field

from app.models.base import JSONB, Json, TimedRow, choice


class AllocationState(StrEnum):
    """How binding it is."""

    PROPOSED = "PROPOSED"
    COMMITTED = "COMMITTED"
    CONSUMED = "CONSUMED"
    RELEASED = "RELEASED"


class Allocation(TimedRow, table=True):
    """One order's lines at one node with one carrier. `lines` holds sku and quantity."""

    __tablename__ = "allocations"
    __table_args__ = (CheckConstraint("window_start < window_end", name="window"),)

    order_id: uuid.UUID = Field(foreign_key="orders.id", index=True)
    node_id: uuid.UUID = Field(foreign_key="nodes.id", index=True)
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    service: str
    window_start: datetime = Field(sa_type=DateTime(timezone=True))
    window_end: datetime = Field(sa_type=DateTime(timezone=True))
    state: AllocationState = Field(default=AllocationState.COMMITTED, sa_type=choice(AllocationState))
    lines: list[Json] = Field(default_factory=list, sa_type=JSONB)
    cost_minor: int = 0
    currency: str
    reserved_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    capacity_date: date
