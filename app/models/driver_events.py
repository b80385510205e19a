"""What devices recorded: each event once, whatever was sent twice."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import DateTime
from sqlmodel import Field, SQLModel

from app.core import clock
from app.models.base import JSONB, Json, choice


class RecordOutcome(StrEnum):
    """What became of a recorded event."""

    RECORDED = "RECORDED"
    DUPLICATE = "DUPLICATE"
    REFUSED = "REFUSED"


class DriverEvent(SQLModel, table=True):
    """One event of a device's batch. `at` is the device's time corrected by its clock's skew."""

    __tablename__ = "driver_events"

    event_id: uuid.UUID = Field(primary_key=True)
    driver_id: uuid.UUID = Field(foreign_key="drivers.id", index=True)
    route_id: uuid.UUID | None = Field(default=None, foreign_key="routes.id", index=True)
    stop_id: uuid.UUID | None = Field(default=None, foreign_key="stops.id", index=True)
    kind: str
    at: datetime = Field(sa_type=DateTime(timezone=True))
    device_at: datetime = Field(sa_type=DateTime(timezone=True))
    received_at: datetime = Field(default_factory=clock.now, sa_type=DateTime(timezone=True))
    outcome: RecordOutcome = Field(sa_type=choice(RecordOutcome))
    errors: list[Json] = Field(default_factory=list, sa_type=JSONB)
    payload: Json = Field(default_factory=dict, sa_type=JSONB)
    latitude: float | None = None
    longitude: float | None = None
