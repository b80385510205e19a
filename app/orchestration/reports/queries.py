"""The report of a day, from the tables alone: what a dispatcher reads when the vans are back."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import SQLCoreOperations
from sqlmodel import col

from app.models import (
    Carrier,
    CarrierKind,
    Event,
    Feedback,
    Message,
    Order,
    Proof,
    Route,
    RouteState,
    Shipment,
    ShipmentState,
    Stop,
    StopState,
    Vehicle,
)

DELIVERED = (ShipmentState.DELIVERED, ShipmentState.PARTIALLY_DELIVERED)
DRIVEN = (RouteState.PUBLISHED, RouteState.ACCEPTED, RouteState.IN_PROGRESS, RouteState.COMPLETED)


@dataclass(frozen=True, kw_only=True)
class DayReport:
    """Shares are 0 to 1 and None where there is nothing to divide by; `cost_per_stop_minor` is in minor units."""

    orders: dict[str, int]
    shipments: dict[str, int]
    on_time_share: float | None
    cost_minor: int
    cost_per_stop_minor: int | None
    utilisation: float | None
    routes: dict[str, int]
    proofs: dict[str, int]
    messages: dict[str, dict[str, int]]
    feedback_count: int
    feedback_score: float | None
    events: int
    open_stops: int
    delivered_without_proof: int


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Where a local day starts and ends."""
    start = datetime.combine(day, time(), zone)
    return start, datetime.combine(day + timedelta(days=1), time(), zone)


def _within(column: SQLCoreOperations[datetime], bounds: tuple[datetime, datetime]) -> ColumnElement[bool]:
    return (column >= bounds[0]) & (column < bounds[1])


async def _counts(session: AsyncSession, column: SQLCoreOperations[Any], *where: ColumnElement[bool]) -> dict[str, int]:
    rows = await session.execute(select(column, func.count()).where(*where).group_by(column))
    return {str(key): count for key, count in sorted(rows.all(), key=lambda row: str(row[0]))}


async def _scalar(session: AsyncSession, statement: Select[Any]) -> Any:
    return (await session.execute(statement)).scalar_one()


async def _money(session: AsyncSession, bounds: tuple[datetime, datetime]) -> tuple[int, int]:
    """What the day's routes and 3PL deliveries cost, and how many doors were visited for it."""
    own = await _scalar(
        session,
        select(func.coalesce(func.sum(col(Route.cost_minor)), 0)).where(
            _within(col(Route.planned_start), bounds), col(Route.state).in_(DRIVEN)
        ),
    )
    visited = await _scalar(
        session,
        select(func.count())
        .select_from(Stop)
        .join(Route, col(Stop.route_id) == col(Route.id))
        .where(_within(col(Route.planned_start), bounds), col(Stop.state) == StopState.DEPARTED),
    )
    carried = (
        await session.execute(
            select(
                func.coalesce(func.sum(func.coalesce(col(Shipment.actual_minor), col(Shipment.estimated_minor))), 0),
                func.count(),
            )
            .join(Carrier, col(Shipment.carrier_id) == col(Carrier.id))
            .where(
                col(Carrier.kind) == CarrierKind.THIRD_PARTY,
                _within(col(Shipment.window_start), bounds),
                col(Shipment.attempt_count) > 0,
            )
        )
    ).one()
    return int(own or 0) + int(carried[0]), int(visited or 0) + int(carried[1])


async def _utilisation(session: AsyncSession, bounds: tuple[datetime, datetime]) -> float | None:
    """Mean over routes of the fuller of weight and volume."""
    weight = col(Route.load_weight_kg) / col(Vehicle.max_weight_kg)
    volume = col(Route.load_volume_l) / col(Vehicle.max_volume_l)
    found = await _scalar(
        session,
        select(func.avg(func.greatest(weight, volume)))
        .join(Vehicle, col(Route.vehicle_id) == col(Vehicle.id))
        .where(_within(col(Route.planned_start), bounds), col(Route.state).in_(DRIVEN)),
    )
    return None if found is None else float(found)


async def _messages(session: AsyncSession) -> dict[str, dict[str, int]]:
    rows = await session.execute(
        select(col(Message.channel), col(Message.state), func.count()).group_by(
            col(Message.channel), col(Message.state)
        )
    )
    found: dict[str, dict[str, int]] = {}
    for channel, state, count in rows.all():
        found.setdefault(str(channel), {})[str(state)] = count
    return found


async def day_report(session: AsyncSession, *, day: date, zone: ZoneInfo) -> DayReport:
    """What became of the orders promised for `day`, and of all that was done for them."""
    bounds = day_bounds(day, zone)
    due = func.coalesce(col(Order.promised_start), col(Order.requested_start), col(Order.created_at))
    delivered = col(Shipment.state).in_(DELIVERED)
    of_day = _within(col(Shipment.window_start), bounds)
    on_time = await _scalar(
        session,
        select(func.avg(case((col(Shipment.delivered_at) <= col(Shipment.window_end), 1.0), else_=0.0))).where(
            delivered, of_day
        ),
    )
    cost, visited = await _money(session, bounds)
    unproved = await _scalar(
        session,
        select(func.count())
        .select_from(Stop)
        .where(
            col(Stop.outcome).in_(("SUCCEEDED", "PARTIAL")),
            ~select(col(Proof.id)).where(col(Proof.stop_id) == col(Stop.id)).exists(),
        ),
    )
    open_stops = await _scalar(
        session,
        select(func.count())
        .select_from(Stop)
        .join(Route, col(Stop.route_id) == col(Route.id))
        .where(
            col(Route.state).in_(DRIVEN),
            _within(col(Route.planned_start), bounds),
            col(Stop.state).in_((StopState.PENDING, StopState.EN_ROUTE, StopState.ARRIVED)),
        ),
    )
    score = (await session.execute(select(func.count(), func.avg(col(Feedback.score))).select_from(Feedback))).one()
    return DayReport(
        orders=await _counts(session, col(Order.state), _within(due, bounds)),
        shipments=await _counts(session, col(Shipment.state), of_day),
        on_time_share=None if on_time is None else float(on_time),
        cost_minor=cost,
        cost_per_stop_minor=round(cost / visited) if visited else None,
        utilisation=await _utilisation(session, bounds),
        routes=await _counts(session, col(Route.state), _within(col(Route.planned_start), bounds)),
        proofs=await _counts(session, col(Proof.kind)),
        messages=await _messages(session),
        feedback_count=int(score[0]),
        feedback_score=None if score[1] is None else float(score[1]),
        events=int(await _scalar(session, select(func.count()).select_from(Event)) or 0),
        open_stops=int(open_stops or 0),
        delivered_without_proof=int(unproved or 0),
    )
