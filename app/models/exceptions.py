"""Exceptions: something that needs a correction before the customer feels it."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import DateTime, Index, text
from sqlmodel import Field

from app.core import clock
from app.models.base import JSONB, Json, Row, choice


class ExceptionState(StrEnum):
    """Who dealt with it."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"
    DISMISSED = "DISMISSED"


class Severity(StrEnum):
    """How soon it hurts."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class ExceptionCase(Row, table=True):
    """One case; at most one open case of a kind per subject."""

    __tablename__ = "exceptions"
    __table_args__ = (
        Index(
            "uq_exceptions_one_open_per_subject",
            "kind",
            "subject_id",
            unique=True,
            postgresql_where=text("state = 'OPEN'"),
        ),
    )

    kind: str
    severity: Severity = Field(sa_type=choice(Severity))
    subject_kind: str
    subject_id: uuid.UUID
    subject_reference: str
    node_id: uuid.UUID | None = Field(default=None, foreign_key="nodes.id", index=True)
    state: ExceptionState = Field(default=ExceptionState.OPEN, sa_type=choice(ExceptionState))
    opened_at: datetime = Field(default_factory=clock.now, sa_type=DateTime(timezone=True))
    due_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    predicted_lateness_seconds: int | None = None
    probability: float | None = None
    suggestion: Json | None = Field(default=None, sa_type=JSONB)
    resolution: str | None = None
    resolved_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    resolved_by: str | None = None
