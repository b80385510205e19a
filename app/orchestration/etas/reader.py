"""The reader `etas`: projects the routes anew on which something has happened, each once per batch of events.

A driver's batch does not wait for it: its own transaction stays short, and a burst of events costs one projection.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.models import Event, Route
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
        "shipment.collected",
        "shipment.partially_collected",
        "shipment.collection_failed",
    }
)


async def read(session: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Refreshes the touched routes that are still current, all in one go.

    It locks nothing while it projects: what happens meanwhile comes as an event of its own, and is projected again.
    """
    touched = {event.route_id for event in events if event.route_id is not None}
    routes = await session.scalars(
        select(Route).where(col(Route.id).in_(touched), col(Route.state).in_(CURRENT)).order_by(col(Route.id))
    )
    await operations.refresh_all(session, routes.all(), actor=SYSTEM, now=now)
