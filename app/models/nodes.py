"""Fulfilment nodes: where goods leave from."""

from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.models.base import TimedRow, choice


class NodeKind(StrEnum):
    """What a node is."""

    WAREHOUSE = "WAREHOUSE"
    DARK_STORE = "DARK_STORE"
    SHOP = "SHOP"
    HUB = "HUB"


class FulfilmentNode(TimedRow, table=True):
    """A place with stock, opening hours, cut-offs, throughput per hour and cost."""

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
    is_active: bool = True
