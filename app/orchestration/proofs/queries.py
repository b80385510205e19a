"""Reading proofs: who sees the order's shipments sees what shows that they came."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Proof, Shipment, StopShipment, Upload
from app.orchestration import reading
from app.orchestration.shipments import queries as shipments

SEEING_ALL = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which proofs the viewer sees: those of the visits for shipments that it sees."""
    if viewer.kind in SEEING_ALL:
        return true()
    visited = (
        select(col(StopShipment.stop_id))
        .join(Shipment, col(Shipment.id) == col(StopShipment.shipment_id))
        .where(shipments.visible(viewer))
    )
    return col(Proof.stop_id).in_(visited)


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Proof]:
    """The proofs with these keys."""
    return await reading.by_id(session, select(Proof).where(col(Proof.id).in_(ids), visible(viewer)))


async def of_orders(
    session: AsyncSession, viewer: Principal, order_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Proof]]:
    """The proofs of these orders, oldest first."""
    return await reading.grouped(
        session,
        select(col(Proof.order_id), Proof)
        .where(col(Proof.order_id).in_(order_ids), visible(viewer))
        .order_by(col(Proof.id)),
        order_ids,
    )


async def of_stops(
    session: AsyncSession, viewer: Principal, stop_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Proof]]:
    """The proofs of these visits, oldest first."""
    return await reading.grouped(
        session,
        select(col(Proof.stop_id), Proof)
        .where(col(Proof.stop_id).in_(stop_ids), visible(viewer))
        .order_by(col(Proof.id)),
        stop_ids,
    )


async def of_shipments(
    session: AsyncSession, viewer: Principal, shipment_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Proof]]:
    """The proofs of the visits for these shipments, oldest first."""
    return await reading.grouped(
        session,
        select(col(StopShipment.shipment_id), Proof)
        .join(Proof, col(Proof.stop_id) == col(StopShipment.stop_id))
        .where(col(StopShipment.shipment_id).in_(shipment_ids), visible(viewer))
        .order_by(col(Proof.id)),
        shipment_ids,
    )


async def files_of(session: AsyncSession, viewer: Principal, proof_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Upload]:
    """Proof -> its file, where there is one."""
    return await reading.by_key(
        session,
        select(col(Proof.id), Upload)
        .join(Upload, col(Upload.id) == col(Proof.upload_id))
        .where(col(Proof.id).in_(proof_ids), visible(viewer)),
    )
