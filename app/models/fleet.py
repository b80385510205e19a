"""Vehicles, drivers and where they were."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, UniqueConstraint
from sqlmodel import Field

from app.models.base import JSONB, Row, TimedRow


class Vehicle(TimedRow, table=True):
    """A van with its capacities and costs. Amounts are minor units. `kind` is what policies know it by."""

    __tablename__ = "vehicles"
    __table_args__ = (CheckConstraint("max_weight_kg > 0 and max_volume_l > 0", name="capacity"),)

    registration: str = Field(unique=True)
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    node_id: uuid.UUID = Field(foreign_key="nodes.id", index=True)
    kind: str = "van"
    max_weight_kg: float
    max_volume_l: float
    fixed_minor: int = 0
    per_km_minor: int = 0
    per_hour_minor: int = 0
    skills: list[str] = Field(default_factory=list, sa_type=JSONB)
    is_active: bool = True


class Driver(TimedRow, table=True):
    """Who drives. Shift minutes count from local midnight."""

    __tablename__ = "drivers"
    __table_args__ = (CheckConstraint("shift_start_minute < shift_end_minute", name="shift"),)

    reference: str = Field(unique=True)
    name: str
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    vehicle_id: uuid.UUID | None = Field(default=None, foreign_key="vehicles.id", index=True)
    phone: str | None = None
    skills: list[str] = Field(default_factory=list, sa_type=JSONB)
    shift_start_minute: int
    shift_end_minute: int
    is_active: bool = True


class DriverPosition(Row, table=True):
    """Where a driver was, as the device said."""

    __tablename__ = "driver_positions"
    __table_args__ = (UniqueConstraint("driver_id", "at"),)

    driver_id: uuid.UUID = Field(foreign_key="drivers.id")
    at: datetime = Field(sa_type=DateTime(timezone=True))
    latitude: float
    longitude: float
    accuracy_metres: float | None = None
    speed_mps: float | None = None
    heading_degrees: float | None = None
