"""Reading fulfilment nodes. Every signed-in caller sees them; the checkout and strangers see none."""

import uuid
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal, PrincipalKind
from app.models import FulfilmentNode
from app.orchestration import reading
from app.orchestration.paging import Page, page

BLIND = frozenset({PrincipalKind.ANONYMOUS, PrincipalKind.CHECKOUT})


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which nodes the viewer sees."""
    return false() if viewer.kind in BLIND else true()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, FulfilmentNode]:
    """The nodes with these keys."""
    return await reading.by_id(session, select(FulfilmentNode).where(col(FulfilmentNode.id).in_(ids), visible(viewer)))


async def by_references(session: AsyncSession, references: Collection[str]) -> dict[str, FulfilmentNode]:
    """The nodes with these references, for operations."""
    found = await session.scalars(select(FulfilmentNode).where(col(FulfilmentNode.reference).in_(references)))
    return {node.reference: node for node in found}


async def active(session: AsyncSession) -> list[FulfilmentNode]:
    """Every node that works, by reference."""
    return list(
        await session.scalars(
            select(FulfilmentNode).where(col(FulfilmentNode.is_active)).order_by(col(FulfilmentNode.reference))
        )
    )


async def local_today(session: AsyncSession, *, reference: str | None, now: datetime) -> date:
    """Today at the node with this reference; without one, where the day is youngest of all active nodes."""
    statement = select(col(FulfilmentNode.time_zone)).distinct()
    if reference is None:
        statement = statement.where(col(FulfilmentNode.is_active))
    else:
        statement = statement.where(col(FulfilmentNode.reference) == reference)
    zones = await session.scalars(statement)
    return min((now.astimezone(ZoneInfo(zone)).date() for zone in zones), default=now.date())


async def listed(session: AsyncSession, viewer: Principal, **arguments: Any) -> Page[FulfilmentNode]:
    """One page of the nodes, by reference."""
    return await page(
        session, select(FulfilmentNode).where(visible(viewer)), key_columns=[FulfilmentNode.reference], **arguments
    )
