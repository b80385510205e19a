"""Carriers, own fleet and 3PL: their services, their contracts, and their capacity by day."""

import uuid
from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from app.models.base import JSONB, Json, Row, TimedRow, choice


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


class CarrierService(TimedRow, table=True):
    """What a carrier offers under one name. orchestration/carriers/documents.py says what the document may hold.

    A service of `carriers.services` without a row of its own is reached and paid as the carrier's columns say.
    """

    __tablename__ = "carrier_services"
    __table_args__ = (UniqueConstraint("carrier_id", "code"),)

    carrier_id: uuid.UUID = Field(foreign_key="carriers.id")
    code: str
    document: Json = Field(default_factory=dict, sa_type=JSONB)
    is_active: bool = True


class CarrierContract(TimedRow, table=True):
    """How many shipments a carrier is promised, or takes at most, in a span of days; `booked` counts them."""

    __tablename__ = "carrier_contracts"
    __table_args__ = (
        CheckConstraint("valid_from <= valid_until", name="validity"),
        CheckConstraint("minimum_shipments >= 0 and shortfall_minor >= 0", name="minimum"),
        CheckConstraint("booked >= 0 and (maximum_shipments is null or booked <= maximum_shipments)", name="booked"),
    )

    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    reference: str = Field(unique=True)
    valid_from: date
    valid_until: date
    services: list[str] = Field(default_factory=list, sa_type=JSONB)
    minimum_shipments: int = 0
    maximum_shipments: int | None = None
    shortfall_minor: int = 0
    booked: int = 0


class CarrierCapacity(Row, table=True):
    """How many shipments a carrier takes on one day, and how many are booked: of one service, or of all ("")."""

    __tablename__ = "carrier_capacities"
    __table_args__ = (
        UniqueConstraint("carrier_id", "date", "service"),
        CheckConstraint("booked >= 0 and booked <= daily_limit", name="booked"),
    )

    carrier_id: uuid.UUID = Field(foreign_key="carriers.id")
    date: date
    service: str = ""
    booked: int = 0
    daily_limit: int
