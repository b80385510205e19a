"""What drivers have recorded of routes under way: where each van was last, what it brings back, and each event."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.geo import Point
from app.models import (
    DriverEvent,
    FulfilmentNode,
    RecordOutcome,
    Route,
    RouteState,
    Shipment,
    Stop,
    StopKind,
    StopOutcome,
    StopShipment,
    StopState,
)
from app.orchestration.plans.loaded import GRAMS_PER_KG, MILLILITRES_PER_LITRE
from app.orchestration.plans.published import Driven
from app.orchestration.plans.rests import Mark, Record
from app.orchestration.writing import one_of

MARKS = {
    "routeStarted": Mark.LEFT,
    "arrived": Mark.ARRIVED,
    "delivered": Mark.ENDED,
    "failed": Mark.ENDED,
    "departed": Mark.LEFT,
}


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Of one route: the stop where its van was `last`; grams and millilitres `on_board` that it brings back.

    `records`: of the driver whose route it is, in the order of their times.
    """

    last: Stop | None = None
    on_board: tuple[int, int] = (0, 0)
    records: Sequence[Record] = ()


async def recorded(
    session: AsyncSession, *, node: FulfilmentNode, driven: Sequence[Driven]
) -> dict[uuid.UUID, Recorded]:
    """Route -> what was recorded of it, for those that have left."""
    left = [each.route.id for each in driven if each.route.state is RouteState.IN_PROGRESS]
    last, on_board = await _last_visited(session, left), await _on_board(session, left)
    records = await _records(session, left, home=Point(latitude=node.latitude, longitude=node.longitude))
    return {
        key: Recorded(last=last.get(key), on_board=on_board.get(key, (0, 0)), records=records.get(key, ()))
        for key in left
    }


async def _last_visited(session: AsyncSession, route_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Stop]:
    found = await session.scalars(
        select(Stop)
        .where(one_of(Stop.route_id, route_ids), col(Stop.arrived_at).is_not(None))
        .order_by(col(Stop.arrived_at))
    )
    return {stop.route_id: stop for stop in found}


async def _on_board(session: AsyncSession, route_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[int, int]]:
    """What was collected, and what could not be handed over."""
    collected = and_(col(Stop.kind) != StopKind.DELIVERY, col(Stop.outcome) != StopOutcome.FAILED)
    undelivered = and_(
        col(Stop.kind) == StopKind.DELIVERY,
        or_(col(Stop.outcome) == StopOutcome.FAILED, col(Stop.state) == StopState.SKIPPED),
    )
    found = await session.execute(
        select(col(Stop.route_id), func.sum(col(Shipment.weight_kg)), func.sum(col(Shipment.volume_l)))
        .join(StopShipment, col(StopShipment.stop_id) == col(Stop.id))
        .join(Shipment, col(Shipment.id) == col(StopShipment.shipment_id))
        .where(one_of(Stop.route_id, route_ids), or_(collected, undelivered))
        .group_by(col(Stop.route_id))
    )
    return {
        route_id: (ceil(weight * GRAMS_PER_KG), ceil(volume * MILLILITRES_PER_LITRE))
        for route_id, weight, volume in found.all()
    }


async def _records(
    session: AsyncSession, route_ids: Sequence[uuid.UUID], *, home: Point
) -> dict[uuid.UUID, list[Record]]:
    found = await session.execute(
        select(col(Route.id), col(DriverEvent.kind), col(DriverEvent.at), Stop)
        .join(
            Route, and_(col(Route.id) == col(DriverEvent.route_id), col(Route.driver_id) == col(DriverEvent.driver_id))
        )
        .outerjoin(Stop, col(Stop.id) == col(DriverEvent.stop_id))
        .where(
            one_of(Route.id, route_ids),
            col(DriverEvent.kind).in_(MARKS),
            col(DriverEvent.outcome) == RecordOutcome.RECORDED,
        )
        .order_by(col(DriverEvent.at), col(DriverEvent.received_at))
    )
    records: defaultdict[uuid.UUID, list[Record]] = defaultdict(list)
    for route_id, kind, at, stop in found.all():
        place = home if stop is None else Point(latitude=stop.latitude, longitude=stop.longitude)
        opens_at, drive = (None, 0) if stop is None else (stop.window_start, stop.drive_seconds)
        records[route_id].append(Record(mark=MARKS[kind], at=at, place=place, opens_at=opens_at, drive_seconds=drive))
    return records
