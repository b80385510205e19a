"""Cancelling a shipment whose goods are still at the node: stock, capacity, tender and stop are given back."""

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
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.shipments.operations import Happening, advance, lock
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.tenders import offers
from app.orchestration.tenders.policies import TenderEvent
from app.orchestration.tenders.proposals import KIND as PROPOSED


async def cancel(
    session: AsyncSession, shipment: Shipment, *, actor: Principal, now: datetime, reason: str | None = None
) -> Shipment:
    """Cancels a shipment before its goods are picked up. Refuses with INVALID_STATE afterwards."""
    _, shipment = await lock(session, shipment)
    was_planned = shipment.state is ShipmentState.PLANNED
    data = {"because": reason} if reason else None
    shipment = await advance(
        session, shipment, ShipmentEvent.CANCEL, actor=actor, now=now, happening=Happening(note=reason), data=data
    )
    if was_planned:
        await _leave_route(session, shipment, actor=actor, now=now)
    await withdraw_tenders(session, shipment, actor=actor, now=now)
    await _give_capacity_back(session, shipment)
    return shipment


async def withdraw_tenders(session: AsyncSession, shipment: Shipment, *, actor: Principal, now: datetime) -> None:
    """Withdraws the shipment's open tenders."""
    for tender in await offers.open_tenders(session, shipment):
        offers.end(session, tender, shipment, TenderEvent.WITHDRAW, actor=actor, now=now)
    await exceptions.settle(
        session, kind=PROPOSED, subject_id=shipment.id, resolution="The shipment was cancelled.", now=now
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
            subject=Subject(
                kind="route", id=route.id, reference=route.reference, carrier_id=route.carrier_id, route_id=route.id
            ),
            actor=actor,
            now=now,
            summary=f"Shipment {shipment.reference} left route {route.reference}.",
            data={"reason": "SHIPMENT_CANCELLED", "version": route.version},
        )


async def _give_capacity_back(session: AsyncSession, shipment: Shipment) -> None:
    if shipment.allocation_id is None:
        return
    allocation = await session.get(Allocation, shipment.allocation_id)
    if allocation is not None:
        await capacity.give_back(session, [Claim.of(allocation)])
