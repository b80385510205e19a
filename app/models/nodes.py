"""Fulfilment nodes: where goods leave from, and how many shipments they handle by day."""

import uuid
from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from app.models.base import JSONB, Json, Row, TimedRow, choice


class NodeKind(StrEnum):
    """What a node is."""

    WAREHOUSE = "WAREHOUSE"
    DARK_STORE = "DARK_STORE"
    SHOP = "SHOP"
    HUB = "HUB"


class FulfilmentNode(TimedRow, table=True):
    """A place with stock, opening hours, cut-offs, throughput per hour and cost.

    `calendar` says on which days it opens otherwise, or not at all, and which services leave by another cut-off;
    orchestration/nodes/documents.py says what it may hold. `goods_kinds`: what it can keep; empty: everything.
    """

    __tablename__ = "nodes"
    __table_args__ = (
        CheckConstraint("throughput_per_hour > 0", name="throughput"),
        CheckConstraint("opens_minute >= 0 and closes_minute <= 1440 and opens_minute < closes_minute", name="hours"),
    )

    reference: str = Field(unique=True)
    name: str
    kind: NodeKind = Field(default=NodeKind.WAREHOUSE, sa_type=choice(NodeKind))
    line1: str
    city: str
    postal_code: str | None = None
    country: str
    latitude: float
    longitude: float
    time_zone: str
    opens_minute: int = 0
    closes_minute: int
    cutoff_minute: int
    throughput_per_hour: int
    handling_minor: int = 0
    handling_per_unit_minor: int = 0
    goods_kinds: list[str] = Field(default_factory=list, sa_type=JSONB)
    calendar: Json = Field(default_factory=dict, sa_type=JSONB)
    is_active: bool = True


class NodeCapacity(Row, table=True):
    """How many shipments a node handles on one local day, and how many are booked."""

    __tablename__ = "node_capacities"
    __table_args__ = (
        UniqueConstraint("node_id", "date"),
        CheckConstraint("booked >= 0 and booked <= daily_limit", name="booked"),
    )

    node_id: uuid.UUID = Field(foreign_key="nodes.id")
    date: date
    booked: int = 0
    daily_limit: int
