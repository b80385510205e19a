"""Messages: one text to one person on one channel."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import DateTime, Index, UniqueConstraint, text
from sqlmodel import Field

from app.models.base import TimedRow, choice
from app.models.orders import Channel


class MessageState(StrEnum):
    """How far it got."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    READ = "READ"
    FAILED = "FAILED"
    SUPPRESSED = "SUPPRESSED"


class Message(TimedRow, table=True):
    """One text to one person on one channel, made once per event."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("event_id", "kind", "channel", "address"),
        Index("ix_messages_due", "not_before", postgresql_where=text("state = 'QUEUED'")),
    )

    order_id: uuid.UUID = Field(foreign_key="orders.id", index=True)
    event_id: uuid.UUID = Field(foreign_key="events.id")
    kind: str
    channel: Channel = Field(sa_type=choice(Channel))
    address: str
    locale: str
    subject: str | None = None
    text: str
    html: str | None = None
    state: MessageState = Field(default=MessageState.QUEUED, sa_type=choice(MessageState))
    attempts: int = 0
    not_before: datetime = Field(sa_type=DateTime(timezone=True))
    leased_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    provider_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    sent_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
