"""The reader `etas`: projects the routes anew on which something has happened, each once per batch of events.

A driver's batch does not wait for it: its own transaction stays short, and a burst of events costs one projection.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.models import Event, Route, Shipment, Stop, StopShipment
from app.orchestration.etas import operations
from app.orchestration.routes.policies import CURRENT

# What moves the last known fact of a route, or what it still has to do.
MOVING = frozenset(
    {
        "route.started",
        "stop.arrived",
        "stop.departed",
        "stop.skipped",
        "shipment.delivered",
        "shipment.partially_delivered",
        "shipment.attempt_failed",
    }
)


async def read(session: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Refreshes each touched route that is still current; its locks are taken in the usual order."""
    touched = {event.route_id for event in events if event.type in MOVING and event.route_id is not None}
    current = await session.scalars(
        select(col(Route.id)).where(col(Route.id).in_(touched), col(Route.state).in_(CURRENT)).order_by(col(Route.id))
    )
    for route_id in current.all():
        await operations.refresh(session, await _locked(session, route_id), actor=SYSTEM, now=now)


async def _locked(session: AsyncSession, route_id: uuid.UUID) -> Route:
    """The route with what it touches, locked: shipments, route, stops."""
    served = (
        select(col(StopShipment.shipment_id))
        .join(Stop, col(Stop.id) == col(StopShipment.stop_id))
        .where(col(Stop.route_id) == route_id)
    )
    await session.execute(
        select(col(Shipment.id))
        .where(col(Shipment.id).in_(served))
        .order_by(col(Shipment.id))
        .with_for_update(key_share=True)
    )
    route = await session.scalars(
        select(Route)
        .where(col(Route.id) == route_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    await session.execute(
        select(col(Stop.id))
        .where(col(Stop.route_id) == route_id)
        .order_by(col(Stop.sequence))
        .with_for_update(key_share=True)
    )
    return route.one()
