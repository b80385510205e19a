"""Reading holds. Staff, shops and checkouts see them: who knows a hold's id may ask for it."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Hold, HoldPart
from app.orchestration import reading

SEEING = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.CHECKOUT, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which holds the viewer sees."""
    return true() if viewer.kind in SEEING else false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Hold]:
    """The holds with these keys."""
    return await reading.by_id(session, select(Hold).where(col(Hold.id).in_(ids), visible(viewer)))


async def locked(session: AsyncSession, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Hold]:
    """The holds with these keys, locked in their order and read afresh: before orders, stock and capacity."""
    return await reading.by_id(
        session,
        select(Hold)
        .where(col(Hold.id).in_(ids))
        .order_by(col(Hold.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True),
    )


async def parts_of(session: AsyncSession, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[HoldPart]]:
    """The parts of these holds, in the order in which they were decided."""
    statement = select(col(HoldPart.hold_id), HoldPart).where(col(HoldPart.hold_id).in_(ids))
    return await reading.grouped(session, statement.order_by(col(HoldPart.id)), ids)
