"""Reading the log as a feed and as an order's timeline. Staff and integrations see it; nobody else does."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Event
from app.orchestration import reading
from app.orchestration.events.readers import SETTLED
from app.orchestration.paging import Page, page

SEEING = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which events the viewer sees."""
    return true() if viewer.kind in SEEING else false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Event]:
    """The events with these keys."""
    return await reading.by_id(session, select(Event).where(col(Event.id).in_(ids), visible(viewer)))


async def settled(
    session: AsyncSession, viewer: Principal, *, types: Sequence[str] = (), **arguments: Any
) -> Page[Event]:
    """One page of the log in reading order. An event shows up once no older one can appear any more."""
    statement = select(Event).where(SETTLED, visible(viewer))
    if types:
        statement = statement.where(col(Event.type).in_(types))
    return await page(session, statement, key_columns=[Event.transaction_id, Event.position], **arguments)


async def timelines(
    session: AsyncSession, viewer: Principal, order_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Event]]:
    """What happened to each of these orders, oldest first."""
    found = await session.scalars(
        select(Event)
        .where(col(Event.order_id).in_(order_ids), visible(viewer))
        .order_by(col(Event.at), col(Event.position))
    )
    events: dict[uuid.UUID, list[Event]] = {key: [] for key in order_ids}
    for event in found:
        if event.order_id is not None:
            events[event.order_id].append(event)
    return events
