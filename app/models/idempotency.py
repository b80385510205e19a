"""First answers to mutations that carried an idempotency key."""

from datetime import datetime

from sqlalchemy import DateTime
from sqlmodel import Field, SQLModel

from app.core import clock
from app.models.base import JSONB, Json


class IdempotentCall(SQLModel, table=True):
    """What a caller's key first asked and was answered."""

    __tablename__ = "idempotent_calls"

    caller: str = Field(primary_key=True)
    operation: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    input_hash: str
    outcome: Json = Field(default_factory=dict, sa_type=JSONB)
    at: datetime = Field(default_factory=clock.now, sa_type=DateTime(timezone=True))
