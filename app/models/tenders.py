"""Tenders: a shipment offered to a carrier."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import DateTime, Index, text
from sqlmodel import Field

from app.models.base import TimedRow, choice, quoted


class TenderState(StrEnum):
    """What the carrier said."""

    QUEUED = "QUEUED"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"
    ERRORED = "ERRORED"


class Tender(TimedRow, table=True):
    """One offer to one carrier; `place` is its turn among the carriers of the shipment, from 1.

    `counter_accepted_at`: when the price that the carrier asked for instead was agreed to; it is then asked again.
    """

    __tablename__ = "tenders"
    __table_args__ = (
        Index(
            "uq_tenders_one_accepted_per_shipment",
            "shipment_id",
            unique=True,
            postgresql_where=text(f"state = '{TenderState.ACCEPTED.value}'"),
        ),
        Index(
            "uq_tenders_one_open_per_carrier",
            "shipment_id",
            "carrier_id",
            unique=True,
            postgresql_where=text(
                f"state in ({quoted(TenderState.QUEUED, TenderState.OFFERED, TenderState.ACCEPTED)})"
            ),
        ),
        Index(None, "shipment_id"),
        Index(None, "state", "respond_by"),
    )

    shipment_id: uuid.UUID = Field(foreign_key="shipments.id")
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    state: TenderState = Field(default=TenderState.QUEUED, sa_type=choice(TenderState))
    place: int = 1
    offered_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    respond_by: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    responded_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    price_minor: int
    counter_minor: int | None = None
    counter_accepted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    currency: str
    reason: str | None = None
    version: int = 0
