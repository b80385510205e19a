"""Decisions: what was chosen automatically, over what, and why. Recorded for good."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import DateTime
from sqlmodel import Field

from app.core import clock
from app.models.base import JSONB, Json, Row, choice


class DecisionKind(StrEnum):
    """What was decided."""

    ALLOCATION = "ALLOCATION"
    TENDER = "TENDER"
    ROUTE = "ROUTE"
    REROUTE = "REROUTE"
    REATTEMPT = "REATTEMPT"
    WINDOW = "WINDOW"


class Decision(Row, table=True):
    """`chosen` and `alternatives` hold node, carrier, window, cost and its breakdown; a loser also why it lost."""

    __tablename__ = "decisions"

    kind: DecisionKind = Field(sa_type=choice(DecisionKind))
    at: datetime = Field(default_factory=clock.now, sa_type=DateTime(timezone=True))
    order_id: uuid.UUID | None = Field(default=None, foreign_key="orders.id", index=True)
    shipment_id: uuid.UUID | None = Field(default=None, foreign_key="shipments.id", index=True)
    plan_id: uuid.UUID | None = Field(default=None, foreign_key="plans.id", index=True)
    automatic: bool = True
    policy_name: str | None = None
    policy_version: int | None = None
    model_name: str | None = None
    model_version: str | None = None
    chosen: Json | None = Field(default=None, sa_type=JSONB)
    alternatives: list[Json] = Field(default_factory=list, sa_type=JSONB)
    gap: float | None = None
    overridden_by: str | None = None
