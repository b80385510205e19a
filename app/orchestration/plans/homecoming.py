"""When the vans on published routes are at their node again: from then on they, and what they bring back, are free."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.geo import Point
from app.models import FulfilmentNode, Route, Stop, StopState, Vehicle
from app.orchestration import reading
from app.orchestration.policies.documents import Planning
from app.orchestration.routes.policies import CURRENT
from app.orchestration.travel import drive_seconds
from app.orchestration.writing import one_of

# Unloading, loading, and a driver's break between two routes of one van.
TURNAROUND = timedelta(minutes=15)


async def homecomings(session: AsyncSession, *, node: FulfilmentNode, planning: Planning) -> dict[uuid.UUID, datetime]:
    """Route -> when its van can leave again. The way home counts, too, where a route ends with its last service."""
    found = await session.execute(
        select(col(Route.id), col(Route.planned_end), col(Vehicle.kind))
        .join(Vehicle, col(Vehicle.id) == col(Route.vehicle_id))
        .where(col(Route.node_id) == node.id, col(Route.state).in_(CURRENT))
    )
    rows = found.all()
    doors = await _last_doors(session, [id for id, _, kind in rows if planning.ends_anywhere(kind)])
    home = Point(latitude=node.latitude, longitude=node.longitude)
    return {id: ends + _way_home(doors.get(id), home, planning, kind) + TURNAROUND for id, ends, kind in rows}


async def _last_doors(session: AsyncSession, route_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Stop]:
    if not route_ids:
        return {}
    return await reading.by_key(
        session,
        select(col(Stop.route_id), Stop)
        .ext(distinct_on(col(Stop.route_id)))
        .where(one_of(Stop.route_id, list(route_ids)), col(Stop.state) != StopState.CANCELLED)
        .order_by(col(Stop.route_id), col(Stop.sequence).desc()),
    )


def _way_home(last: Stop | None, home: Point, planning: Planning, kind: str) -> timedelta:
    if last is None:
        return timedelta()
    seconds = drive_seconds(Point(latitude=last.latitude, longitude=last.longitude), home)
    return timedelta(seconds=round(seconds / planning.vehicle_kinds[kind].speed_factor))
