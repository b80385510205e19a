"""Reading proofs: who sees the order's shipments sees what shows that they came."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Proof, Shipment, StopShipment, Upload
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
    found = await session.scalars(select(Proof).where(col(Proof.id).in_(ids), visible(viewer)))
    return {proof.id: proof for proof in found}


async def of_orders(
    session: AsyncSession, viewer: Principal, order_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Proof]]:
    """The proofs of these orders, oldest first."""
    found = await session.scalars(
        select(Proof).where(col(Proof.order_id).in_(order_ids), visible(viewer)).order_by(col(Proof.id))
    )
    answer: dict[uuid.UUID, list[Proof]] = {key: [] for key in order_ids}
    for proof in found:
        answer[proof.order_id].append(proof)
    return answer


async def of_stops(
    session: AsyncSession, viewer: Principal, stop_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Proof]]:
    """The proofs of these visits, oldest first."""
    found = await session.scalars(
        select(Proof).where(col(Proof.stop_id).in_(stop_ids), visible(viewer)).order_by(col(Proof.id))
    )
    answer: dict[uuid.UUID, list[Proof]] = {key: [] for key in stop_ids}
    for proof in found:
        answer[proof.stop_id].append(proof)
    return answer


async def of_shipments(
    session: AsyncSession, viewer: Principal, shipment_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Proof]]:
    """The proofs of the visits for these shipments, oldest first."""
    found = await session.execute(
        select(col(StopShipment.shipment_id), Proof)
        .join(Proof, col(Proof.stop_id) == col(StopShipment.stop_id))
        .where(col(StopShipment.shipment_id).in_(shipment_ids), visible(viewer))
        .order_by(col(Proof.id))
    )
    answer: dict[uuid.UUID, list[Proof]] = {key: [] for key in shipment_ids}
    for shipment_id, proof in found.all():
        answer[shipment_id].append(proof)
    return answer


async def files_of(session: AsyncSession, viewer: Principal, proof_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Upload]:
    """Proof -> its file, where there is one."""
    found = await session.execute(
        select(col(Proof.id), Upload)
        .join(Upload, col(Upload.id) == col(Proof.upload_id))
        .where(col(Proof.id).in_(proof_ids), visible(viewer))
    )
    return {row[0]: row[1] for row in found.all()}
