"""Reading uploads: a driver its own, staff all."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Upload
from app.orchestration import reading


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which uploads the viewer sees."""
    if viewer.kind in STAFF | {PrincipalKind.SYSTEM}:
        return true()
    if viewer.kind is PrincipalKind.DRIVER:
        return col(Upload.driver_id) == viewer.driver_id
    return false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Upload]:
    """The uploads with these keys."""
    return await reading.by_id(session, select(Upload).where(col(Upload.id).in_(ids), visible(viewer)))
