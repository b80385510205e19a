"""Reading jobs. Staff see them all; nobody else sees any."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Job, JobKind, JobState
from app.orchestration import reading


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which jobs the viewer sees."""
    return true() if viewer.kind in STAFF | {PrincipalKind.SYSTEM} else false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Job]:
    """The jobs with these keys."""
    return await reading.by_id(session, select(Job).where(col(Job.id).in_(ids), visible(viewer)))


async def due(session: AsyncSession, *, kinds: Sequence[JobKind], now: datetime) -> list[Job]:
    """The jobs that wait, or whose worker fell silent by machine time `now`; oldest first."""
    found = await session.scalars(
        select(Job)
        .where(
            col(Job.kind).in_(kinds),
            or_(
                col(Job.state) == JobState.QUEUED,
                (col(Job.state) == JobState.RUNNING) & (col(Job.leased_until) < now),
            ),
        )
        .order_by(col(Job.id))
    )
    return list(found)
