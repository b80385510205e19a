"""Reading drivers. A driver sees itself, a carrier its own drivers, staff everybody."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.core.errors import NotFound
from app.models import Driver
from app.orchestration import reading

SEEING_ALL = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which drivers the viewer sees."""
    if viewer.kind in SEEING_ALL:
        return true()
    if viewer.kind is PrincipalKind.DRIVER:
        return col(Driver.id) == viewer.driver_id
    if viewer.kind is PrincipalKind.CARRIER:
        return col(Driver.carrier_id) == viewer.carrier_id
    return false()


async def check_known(session: AsyncSession, references: Sequence[str], *, field: str) -> None:
    """Refuses references that no driver has."""
    known = set(await session.scalars(select(col(Driver.reference)).where(col(Driver.reference).in_(references))))
    for reference in references:
        if reference not in known:
            raise NotFound("driver", repr(reference), field=field)


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Driver]:
    """The drivers with these keys."""
    return await reading.by_id(session, select(Driver).where(col(Driver.id).in_(ids), visible(viewer)))
