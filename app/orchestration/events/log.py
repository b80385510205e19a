"""Appending to the event log, in the transaction that makes the change."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.principals import Principal
from app.models import Event
from app.models.base import Json
from app.orchestration.writing import insert_all


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What an event is about. The optional keys decide who may see it."""

    kind: str
    id: uuid.UUID
    reference: str
    order_id: uuid.UUID | None = None
    carrier_id: uuid.UUID | None = None
    route_id: uuid.UUID | None = None


def append(
    session: AsyncSession,
    *,
    type: str,
    subject: Subject,
    actor: Principal,
    now: datetime,
    summary: str,
    data: Json | None = None,
) -> Event:
    """Adds one event. `type` is `noun.past_tense`; `data` must be plain JSON."""
    event = Event(**entry(type=type, subject=subject, actor=actor, now=now, summary=summary, data=data))
    session.add(event)
    return event


def entry(
    *, type: str, subject: Subject, actor: Principal, now: datetime, summary: str, data: Json | None = None
) -> dict[str, Any]:
    """One event's columns, to be added with many others by `append_all`."""
    return {
        "type": type,
        "at": now,
        "subject_kind": subject.kind,
        "subject_id": subject.id,
        "subject_reference": subject.reference,
        "order_id": subject.order_id,
        "carrier_id": subject.carrier_id,
        "route_id": subject.route_id,
        "actor_kind": actor.actor_kind,
        "actor_name": actor.name,
        "summary": summary,
        "data": data or {},
    }


async def append_all(session: AsyncSession, entries: Sequence[dict[str, Any]]) -> None:
    """Adds events in this order, in one statement."""
    await insert_all(session, Event, entries)
