"""What each carrier did on each lane, day by day: counts, from which punctuality is learned."""

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from app.models.base import Row


class LaneDay(Row, table=True):
    """The deliveries of one day on one lane: a service of a carrier, from a node, to an area."""

    __tablename__ = "lane_days"
    __table_args__ = (
        UniqueConstraint("date", "carrier_id", "lane"),
        CheckConstraint("deliveries > 0 and in_time between 0 and deliveries", name="counts"),
    )

    date: date
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    lane: str
    deliveries: int
    in_time: int
    late_seconds: float
    late_seconds_squared: float
