"""Jobs: long work that the database remembers, whatever the queue forgets."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import DateTime
from sqlmodel import Field

from app.models.base import JSONB, Json, TimedRow, choice


class JobState(StrEnum):
    """How far it is."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class JobKind(StrEnum):
    """What is worked on."""

    ALLOCATE_ORDERS = "ALLOCATE_ORDERS"
    PLAN_ROUTES = "PLAN_ROUTES"


class Job(TimedRow, table=True):
    """Long work. `lease_until` is machine time: past it, another worker takes over."""

    __tablename__ = "jobs"

    kind: JobKind = Field(sa_type=choice(JobKind))
    state: JobState = Field(default=JobState.QUEUED, sa_type=choice(JobState), index=True)
    arguments: Json = Field(default_factory=dict, sa_type=JSONB)
    requested_by: str
    attempts: int = 0
    leased_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    progress_fraction: float = 0.0
    progress_message: str | None = None
    started_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    finished_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    result: Json | None = Field(default=None, sa_type=JSONB)
    error_code: str | None = None
    error_message: str | None = None
