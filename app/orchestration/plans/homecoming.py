"""When the vans on published routes are at their node again: from then on they, and what they bring back, are free."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.geo import Point
from app.models import FulfilmentNode, Route, RouteState, Stop, StopState, Vehicle
from app.orchestration.policies.documents import Planning
from app.orchestration.routes.policies import CURRENT
from app.orchestration.travel import drive_seconds
from app.orchestration.writing import one_of

# Unloading, loading, and a driver's break between two routes of one van.
TURNAROUND = timedelta(minutes=15)
NEVER_VISITED = (StopState.CANCELLED, StopState.SKIPPED)


async def homecomings(
    session: AsyncSession, *, node: FulfilmentNode, planning: Planning, now: datetime
) -> dict[uuid.UUID, datetime]:
    """Route -> when its van can leave again: as planned or, once it is under way, later where that is known by now.

    Of all routes from the node, and of its vans. Never sooner than planned: until then the van is the route's. The way
    home counts, too, where a route ends with its last service.
    """
    found = await session.execute(
        select(Route, col(Vehicle.kind))
        .join(Vehicle, col(Vehicle.id) == col(Route.vehicle_id))
        .where(or_(col(Route.node_id) == node.id, col(Vehicle.node_id) == node.id), col(Route.state).in_(CURRENT))
    )
    back, speeds = {}, {}
    for route, kind in found.all():
        back[route.id] = route.planned_end
        if route.state is RouteState.IN_PROGRESS or planning.ends_anywhere(kind):
            speeds[route.id] = planning.speed_factor(kind)
    home = Point(latitude=node.latitude, longitude=node.longitude)
    for stop in await _stops(session, speeds):
        way = drive_seconds(Point(latitude=stop.latitude, longitude=stop.longitude), home) / speeds[stop.route_id]
        back[stop.route_id] = max(back[stop.route_id], _leaves(stop, now) + timedelta(seconds=round(way)))
    return {id: at + TURNAROUND for id, at in back.items()}


async def _stops(session: AsyncSession, route_ids: Collection[uuid.UUID]) -> Sequence[Stop]:
    """Where these routes have been, and where they still go."""
    found = await session.scalars(
        select(Stop).where(one_of(Stop.route_id, list(route_ids)), col(Stop.state).not_in(NEVER_VISITED))
    )
    return found.all()


def _leaves(stop: Stop, now: datetime) -> datetime:
    """When the driver left it, or will by what is known now."""
    if stop.departed_at is not None:
        return stop.departed_at
    arrives = stop.arrived_at or max(now, stop.eta_expected or stop.planned_arrival)
    return max(now, arrives + timedelta(seconds=stop.service_seconds))
