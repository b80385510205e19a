"""Reading questionnaires, answers, and what they say of carriers and drivers."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Feedback, Order, Questionnaire
from app.orchestration.feedback import policies
from app.orchestration.orders.queries import visible

SEE_ALL = STAFF | {PrincipalKind.SYSTEM}


@dataclass(frozen=True, kw_only=True)
class Rating:
    """The mean score, 0 to 1, and how many answers it comes from."""

    mean: float
    count: int


async def current(session: AsyncSession, name: str = policies.STANDARD_NAME) -> Questionnaire | None:
    """The questionnaire in force."""
    statement = select(Questionnaire).where(col(Questionnaire.name) == name, col(Questionnaire.is_current))
    return await session.scalar(statement)


async def by_order_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Feedback]:
    """The answers to these orders."""
    found = await session.scalars(
        select(Feedback)
        .join(Order, col(Order.id) == col(Feedback.order_id))
        .where(col(Feedback.order_id).in_(ids), visible(viewer))
    )
    return {row.order_id: row for row in found}


async def ratings_of_carriers(
    session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Rating]:
    """How customers rate carriers. Staff see them all, a carrier sees its own."""
    own = [key for key in ids if viewer.kind in SEE_ALL or key == viewer.carrier_id]
    return await _ratings(session, Feedback.carrier_id, own)


async def ratings_of_drivers(
    session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Rating]:
    """How customers rate drivers. Staff see them all, a driver sees its own."""
    own = [key for key in ids if viewer.kind in SEE_ALL or key == viewer.driver_id]
    return await _ratings(session, Feedback.driver_id, own)


async def _ratings(
    session: AsyncSession, column: uuid.UUID | None, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Rating]:
    rows = await session.execute(
        select(col(column), func.avg(Feedback.score), func.count())
        .where(col(column).in_(ids), col(Feedback.score).is_not(None))
        .group_by(col(column))
    )
    return {key: Rating(mean=float(mean), count=count) for key, mean, count in rows if key is not None}
