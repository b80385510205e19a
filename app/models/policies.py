"""Policies: the rules of one vertical, as versioned data."""

from datetime import datetime

from sqlalchemy import DateTime, UniqueConstraint
from sqlmodel import Field

from app.core import clock
from app.models.base import JSONB, Json, Row


class Policy(Row, table=True):
    """One version of a policy; the newest version of a name is in force."""

    __tablename__ = "policies"
    __table_args__ = (UniqueConstraint("name", "version"),)

    name: str
    version: int
    vertical: str
    document: Json = Field(default_factory=dict, sa_type=JSONB)
    updated_at: datetime = Field(default_factory=clock.now, sa_type=DateTime(timezone=True))
    updated_by: str
