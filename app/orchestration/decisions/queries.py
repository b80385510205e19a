"""Reading decisions. Staff and integrations see why; nobody else does."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Decision
from app.orchestration import reading

SEEING = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which decisions the viewer sees."""
    return true() if viewer.kind in SEEING else false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Decision]:
    """The decisions with these keys."""
    return await reading.by_id(session, select(Decision).where(col(Decision.id).in_(ids), visible(viewer)))


async def of_orders(
    session: AsyncSession, viewer: Principal, order_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Decision]]:
    """The decisions about these orders, oldest first."""
    found = await session.scalars(
        select(Decision).where(col(Decision.order_id).in_(order_ids), visible(viewer)).order_by(col(Decision.id))
    )
    answer: dict[uuid.UUID, list[Decision]] = {key: [] for key in order_ids}
    for decision in found:
        assert decision.order_id is not None
        answer[decision.order_id].append(decision)
    return answer
