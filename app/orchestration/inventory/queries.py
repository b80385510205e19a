"""Reading stock. Staff and integrations see it; nobody else does."""

import uuid
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, false, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import FulfilmentNode, InboundDelivery, InventoryLevel
from app.orchestration import reading
from app.orchestration.paging import Page, page

SEEING = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which levels the viewer sees."""
    return true() if viewer.kind in SEEING else false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, InventoryLevel]:
    """The levels with these keys."""
    return await reading.by_id(session, select(InventoryLevel).where(col(InventoryLevel.id).in_(ids), visible(viewer)))


async def listed(
    session: AsyncSession, viewer: Principal, *, node: str | None, sku: str | None, **arguments: Any
) -> Page[InventoryLevel]:
    """One page of the levels, of one node or one sku where these are given."""
    statement = select(InventoryLevel).where(visible(viewer))
    if node is not None:
        statement = statement.join(FulfilmentNode, col(FulfilmentNode.id) == col(InventoryLevel.node_id)).where(
            col(FulfilmentNode.reference) == node
        )
    if sku is not None:
        statement = statement.where(col(InventoryLevel.sku) == sku)
    return await page(session, statement, key_columns=[InventoryLevel.id], **arguments)


async def inbound_by_node(
    session: AsyncSession, skus: Collection[str], *, since: date
) -> dict[uuid.UUID, dict[str, list[tuple[date, int]]]]:
    """What is to come of these skus and is not promised yet: node -> sku -> (expected on, quantity), the next first."""
    found = await session.execute(
        select(
            col(InboundDelivery.node_id),
            col(InboundDelivery.sku),
            col(InboundDelivery.expected_on),
            col(InboundDelivery.quantity) - col(InboundDelivery.reserved),
        )
        .where(
            col(InboundDelivery.sku).in_(skus),
            col(InboundDelivery.expected_on) >= since,
            col(InboundDelivery.quantity) > col(InboundDelivery.reserved),
        )
        .order_by(col(InboundDelivery.expected_on), col(InboundDelivery.id))
    )
    answer: dict[uuid.UUID, dict[str, list[tuple[date, int]]]] = {}
    for node_id, sku, day, quantity in found.all():
        answer.setdefault(node_id, {}).setdefault(sku, []).append((day, quantity))
    return answer


async def deliveries_of(
    session: AsyncSession, viewer: Principal, keys: Sequence[tuple[uuid.UUID, str]]
) -> dict[tuple[uuid.UUID, str], list[InboundDelivery]]:
    """What is still to come in of these (node, sku), the next first."""
    found = await session.scalars(
        select(InboundDelivery)
        .where(
            tuple_(col(InboundDelivery.node_id), col(InboundDelivery.sku)).in_(list(keys)),
            col(InboundDelivery.quantity) > 0,
            visible(viewer),
        )
        .order_by(col(InboundDelivery.expected_on), col(InboundDelivery.id))
    )
    answer: dict[tuple[uuid.UUID, str], list[InboundDelivery]] = {key: [] for key in keys}
    for delivery in found:
        answer[delivery.node_id, delivery.sku].append(delivery)
    return answer
