"""Decisions: what was chosen automatically, over what, and why. Recorded for good."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, DateTime
from sqlmodel import Field

from app.core import clock
from app.models.base import JSONB, Json, Row, choice

# In the place of a model's name: a person chose.
BY_HAND = "by-hand"


class DecisionKind(StrEnum):
    """What was decided."""

    ALLOCATION = "ALLOCATION"
    TENDER = "TENDER"
    ROUTE = "ROUTE"
    REROUTE = "REROUTE"
    REATTEMPT = "REATTEMPT"
    WINDOW = "WINDOW"


class Decision(Row, table=True):
    """`chosen` and `alternatives` hold node, carrier, window, cost and its breakdown; a loser also why it lost.

    `bound_minor` is proved: no answer to the whole run could cost less; `objective_minor` is what its answer costs.
    `detail` holds what else was known: the run, the goods, the prices. `overrides_id` is the decision that a person
    replaced by this one.
    """

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
    bound_minor: int | None = Field(default=None, sa_type=BigInteger)
    objective_minor: int | None = Field(default=None, sa_type=BigInteger)
    detail: Json = Field(default_factory=dict, sa_type=JSONB)
    overridden_by: str | None = None
    overrides_id: uuid.UUID | None = Field(default=None, foreign_key="decisions.id", index=True)
