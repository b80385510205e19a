"""Plans: one node's routes of one day, as one answer of the solver."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import DateTime, Index
from sqlmodel import Field

from app.models.base import JSONB, Json, TimedRow, choice


class PlanState(StrEnum):
    """Whether it is driven."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    SUPERSEDED = "SUPERSEDED"
    DISCARDED = "DISCARDED"


class Plan(TimedRow, table=True):
    """One answer of the solver. `unassigned` holds shipment ids with reasons and the cheapest relaxation."""

    __tablename__ = "plans"
    __table_args__ = (Index(None, "date"),)

    node_id: uuid.UUID | None = Field(default=None, foreign_key="nodes.id", index=True)
    date: date
    state: PlanState = Field(default=PlanState.DRAFT, sa_type=choice(PlanState))
    version: int
    job_id: uuid.UUID | None = Field(default=None, foreign_key="jobs.id", index=True)
    cost_minor: int = 0
    currency: str
    distance_metres: int = 0
    duration_seconds: int = 0
    solver: str
    solve_seconds: float = 0.0
    iterations: int | None = None
    bound_minor: int | None = None
    unassigned: list[Json] = Field(default_factory=list, sa_type=JSONB)
    published_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
