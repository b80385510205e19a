"""Jobs: long work that the database remembers, whatever the queue forgets."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import DateTime, LargeBinary
from sqlmodel import Field

from app.models.base import JSONB, Json, Row, TimedRow, choice


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
    SOLVE_PART = "SOLVE_PART"


class Job(TimedRow, table=True):
    """Long work. `leased_until` is machine time: past it, another worker takes over.

    `parent_id`: the job that this one is a part of. `stop_asked_at`: somebody wants it to end with the best so far.
    """

    __tablename__ = "jobs"

    kind: JobKind = Field(sa_type=choice(JobKind))
    state: JobState = Field(default=JobState.QUEUED, sa_type=choice(JobState), index=True)
    arguments: Json = Field(default_factory=dict, sa_type=JSONB)
    requested_by: str
    parent_id: uuid.UUID | None = Field(default=None, foreign_key="jobs.id", index=True)
    stop_asked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    attempts: int = 0
    leased_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    progress_fraction: float = 0.0
    progress_message: str | None = None
    started_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    finished_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    result: Json | None = Field(default=None, sa_type=JSONB)
    error_code: str | None = None
    error_message: str | None = None


class SolverPart(Row, table=True):
    """What one job of kind SOLVE_PART solves, and its answer: sealed by the deployment's key, gone with the parent."""

    __tablename__ = "solver_parts"

    job_id: uuid.UUID = Field(foreign_key="jobs.id", unique=True)
    request: bytes = Field(sa_type=LargeBinary)
    answer: bytes | None = Field(default=None, sa_type=LargeBinary)
