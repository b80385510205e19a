"""Reading tenders. A carrier sees those that it was offered; staff see all; nobody else sees any."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Shipment, Tender, TenderState
from app.orchestration import reading
from app.orchestration.paging import Page, page
from app.orchestration.tenders.policies import DECLINED, DISMISSED, LATE

SEEING_ALL = STAFF | {PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which tenders the viewer sees."""
    if viewer.kind in SEEING_ALL:
        return true()
    if viewer.kind is PrincipalKind.CARRIER:
        return (col(Tender.carrier_id) == viewer.carrier_id) & col(Tender.offered_at).is_not(None)
    return false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Tender]:
    """The tenders with these keys."""
    return await reading.by_id(session, select(Tender).where(col(Tender.id).in_(ids), visible(viewer)))


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


def declined(order_is_meant: ColumnElement[bool]) -> Select[tuple[uuid.UUID, uuid.UUID]]:
    """The carriers whose last word on an order was no, or nothing, or that a person did not want: order, carrier.

    One whose counter price was agreed to is in play again. The condition, on shipments, says of which orders.
    """
    newest = (
        select(
            col(Shipment.order_id),
            col(Tender.carrier_id),
            col(Tender.state),
            col(Tender.reason),
            col(Tender.counter_accepted_at),
        )
        .join(Shipment, col(Shipment.id) == col(Tender.shipment_id))
        .where(order_is_meant, col(Tender.offered_at).is_not(None) | (col(Tender.reason) == DISMISSED))
        .ext(distinct_on(col(Shipment.order_id), col(Tender.carrier_id)))
        .order_by(col(Shipment.order_id), col(Tender.carrier_id), col(Tender.id).desc())
        .subquery()
    )
    is_out = or_(newest.c.state.in_(DECLINED), newest.c.reason.in_((LATE, DISMISSED)))
    return select(newest.c.order_id, newest.c.carrier_id).where(and_(is_out, newest.c.counter_accepted_at.is_(None)))
