"""Questionnaires as data, and the answers to them."""

import uuid

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from app.models.base import JSONB, Json, TimedRow


class Questionnaire(TimedRow, table=True):
    """Questions as data, versioned."""

    __tablename__ = "questionnaires"
    __table_args__ = (
        UniqueConstraint("name", "version"),
        Index("uq_questionnaires_one_current", "name", unique=True, postgresql_where=text("is_current")),
    )

    name: str
    version: int
    questions: list[Json] = Field(default_factory=list, sa_type=JSONB)
    is_current: bool = True


class Feedback(TimedRow, table=True):
    """One order's answers, with the carrier and driver they speak of. `score` is 0 to 1."""

    __tablename__ = "feedback"
    __table_args__ = (CheckConstraint("score between 0 and 1", name="score"),)

    order_id: uuid.UUID = Field(foreign_key="orders.id", unique=True)
    questionnaire_id: uuid.UUID = Field(foreign_key="questionnaires.id", index=True)
    carrier_id: uuid.UUID | None = Field(default=None, foreign_key="carriers.id", index=True)
    driver_id: uuid.UUID | None = Field(default=None, foreign_key="drivers.id", index=True)
    answers: list[Json] = Field(default_factory=list, sa_type=JSONB)
    score: float | None = None
    comment: str | None = None
