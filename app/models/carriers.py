"""Carriers, own fleet and 3PL, and their capacity by day."""

import uuid
from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from app.models.base import JSONB, Row, TimedRow, choice


class CarrierKind(StrEnum):
    """Whose vans they are."""

    OWN_FLEET = "OWN_FLEET"
    THIRD_PARTY = "THIRD_PARTY"


class TenderMode(StrEnum):
    """Whether a carrier is asked or told."""

    AUTOMATIC = "AUTOMATIC"
    ASK = "ASK"


class Carrier(TimedRow, table=True):
    """A carrier with its rate card and zone. Amounts are minor units."""

    __tablename__ = "carriers"
    __table_args__ = (CheckConstraint("daily_limit >= 0", name="daily_limit"),)

    reference: str = Field(unique=True)
    name: str
    kind: CarrierKind = Field(default=CarrierKind.THIRD_PARTY, sa_type=choice(CarrierKind))
    tender_mode: TenderMode = Field(default=TenderMode.ASK, sa_type=choice(TenderMode))
    services: list[str] = Field(default_factory=list, sa_type=JSONB)
    skills: list[str] = Field(default_factory=list, sa_type=JSONB)
    zone_radius_metres: int
    base_minor: int = 0
    per_km_minor: int = 0
    per_kg_minor: int = 0
    max_weight_kg: float
    response_minutes: int
    cutoff_minute: int
    daily_limit: int
    grams_co2_per_km: int = 0
    is_active: bool = True


class CarrierCapacity(Row, table=True):
    """How many shipments a carrier takes on one day, and how many are booked."""

    __tablename__ = "carrier_capacities"
    __table_args__ = (
        UniqueConstraint("carrier_id", "date"),
        CheckConstraint("booked >= 0 and booked <= daily_limit", name="booked"),
    )

    carrier_id: uuid.UUID = Field(foreign_key="carriers.id")
    date: date
    booked: int = 0
    daily_limit: int
