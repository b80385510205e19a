"""Reading exceptions. Staff see them all; nobody else sees any."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import ExceptionCase, ExceptionState
from app.orchestration import reading
from app.orchestration.paging import Page, page


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which cases the viewer sees."""
    return true() if viewer.kind in STAFF | {PrincipalKind.SYSTEM} else false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, ExceptionCase]:
    """The cases with these keys."""
    return await reading.by_id(session, select(ExceptionCase).where(col(ExceptionCase.id).in_(ids), visible(viewer)))


async def open_page(
    session: AsyncSession, viewer: Principal, *, node_id: uuid.UUID | None = None, **arguments: Any
) -> Page[ExceptionCase]:
    """One page of the open cases, newest first."""
    statement = select(ExceptionCase).where(col(ExceptionCase.state) == ExceptionState.OPEN, visible(viewer))
    if node_id is not None:
        statement = statement.where(col(ExceptionCase.node_id) == node_id)
    return await page(session, statement, key_columns=[ExceptionCase.id], descending=True, **arguments)
