"""Reading tenders. A carrier sees its own; staff see all; nobody else sees any."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Shipment, Tender, TenderState
from app.orchestration.paging import Page, page
from app.orchestration.tenders.policies import DECLINED

SEEING_ALL = STAFF | {PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which tenders the viewer sees."""
    if viewer.kind in SEEING_ALL:
        return true()
    if viewer.kind is PrincipalKind.CARRIER:
        return col(Tender.carrier_id) == viewer.carrier_id
    return false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Tender]:
    """The tenders with these keys."""
    found = await session.scalars(select(Tender).where(col(Tender.id).in_(ids), visible(viewer)))
    return {tender.id: tender for tender in found}


async def of_carrier(
    session: AsyncSession,
    viewer: Principal,
    *,
    carrier_id: uuid.UUID,
    state: TenderState | None = None,
    **arguments: Any,
) -> Page[Tender]:
    """One page of a carrier's tenders, newest first."""
    statement = select(Tender).where(col(Tender.carrier_id) == carrier_id, visible(viewer))
    if state is not None:
        statement = statement.where(col(Tender.state) == state)
    return await page(session, statement, key_columns=[Tender.id], descending=True, **arguments)


async def declined_carriers(session: AsyncSession, order_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, set[uuid.UUID]]:
    """The carriers that declined, or overlooked, a shipment of each order: order -> carriers."""
    found = await session.execute(
        select(col(Shipment.order_id), col(Tender.carrier_id))
        .join(Shipment, col(Shipment.id) == col(Tender.shipment_id))
        .where(col(Shipment.order_id).in_(order_ids), col(Tender.state).in_(DECLINED))
    )
    answer: dict[uuid.UUID, set[uuid.UUID]] = {}
    for order_id, carrier_id in found.all():
        answer.setdefault(order_id, set()).add(carrier_id)
    return answer
