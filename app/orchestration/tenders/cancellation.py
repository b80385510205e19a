"""Cancelling shipments whose goods are still at the node: stock, capacity, tender and stop are given back."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.models import (
    Allocation,
    Route,
    Shipment,
    ShipmentState,
    Stop,
    StopShipment,
    StopState,
)
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.orchestration.events import log, subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.shipments.operations import Happening, advance_all, lock_all
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.tenders import offers
from app.orchestration.tenders.policies import TenderEvent
from app.orchestration.tenders.proposals import KIND as PROPOSED
from app.orchestration.writing import one_of


async def cancel(
    session: AsyncSession, shipment: Shipment, *, actor: Principal, now: datetime, reason: str | None = None
) -> Shipment:
    """Cancels a shipment before its goods are picked up. Refuses with INVALID_STATE afterwards."""
    (cancelled,) = await cancel_all(session, [shipment], actor=actor, now=now, reason=reason)
    return cancelled


async def cancel_all(
    session: AsyncSession,
    shipments: Sequence[Shipment],
    *,
    actor: Principal,
    now: datetime,
    reason: str | None = None,
) -> list[Shipment]:
    """The same for many shipments, all or none."""
    _, shipments = await lock_all(session, shipments)
    planned = {shipment.id for shipment in shipments if shipment.state is ShipmentState.PLANNED}
    data = {"because": reason} if reason else None
    cancelled = await advance_all(
        session, shipments, ShipmentEvent.CANCEL, actor=actor, now=now, happening=Happening(note=reason), data=data
    )
    for shipment in cancelled:
        if shipment.id in planned:
            await _leave_route(session, shipment, actor=actor, now=now)
    await withdraw_tenders(session, cancelled, actor=actor, now=now)
    await _give_capacity_back(session, cancelled)
    return cancelled


async def withdraw_tenders(
    session: AsyncSession, shipments: Sequence[Shipment], *, actor: Principal, now: datetime
) -> None:
    """Withdraws the open tenders of locked shipments."""
    known = {shipment.id: shipment for shipment in shipments}
    for tender in await offers.open_tenders(session, shipments):
        offers.end(session, tender, known[tender.shipment_id], TenderEvent.WITHDRAW, actor=actor, now=now)
    await exceptions.settle_all(
        session, kind=PROPOSED, subject_ids=known, resolution="The shipment was cancelled.", now=now
    )


async def _leave_route(session: AsyncSession, shipment: Shipment, *, actor: Principal, now: datetime) -> None:
    """Cancels the waiting stop that served nothing else."""
    found = await session.execute(
        select(Stop, Route)
        .join(StopShipment, col(StopShipment.stop_id) == col(Stop.id))
        .join(Route, col(Route.id) == col(Stop.route_id))
        .where(col(StopShipment.shipment_id) == shipment.id, col(Stop.state) == StopState.PENDING)
        .with_for_update(key_share=True)
    )
    for stop, route in found.all():
        others = await session.scalar(
            select(col(Shipment.id))
            .join(StopShipment, col(StopShipment.shipment_id) == col(Shipment.id))
            .where(col(StopShipment.stop_id) == stop.id, col(Shipment.state) != ShipmentState.CANCELLED)
            .limit(1)
        )
        if others is None:
            stop.state = StopState.CANCELLED
            stop.version += 1
        route.version += 1
        log.append(
            session,
            type="route.changed",
            subject=subjects.of_route(route),
            actor=actor,
            now=now,
            summary=f"Shipment {shipment.reference} left route {route.reference}.",
            data={"reason": "SHIPMENT_CANCELLED", "version": route.version},
        )


async def _give_capacity_back(session: AsyncSession, shipments: Sequence[Shipment]) -> None:
    keys = [shipment.allocation_id for shipment in shipments if shipment.allocation_id is not None]
    allocations = await session.scalars(select(Allocation).where(one_of(Allocation.id, keys)))
    await capacity.give_back(session, [Claim.of(allocation) for allocation in allocations])
