"""The board: a day at a glance, counted from the tables. For staff."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import (
    Decision,
    FulfilmentNode,
    Order,
    OrderState,
    Route,
    RouteState,
    Shipment,
    Vehicle,
)
from app.orchestration.nodes.policies import at_minute
from app.orchestration.routes.policies import CURRENT
from app.orchestration.shipments.policies import lateness_risk

Bounds = tuple[datetime, datetime]
DRIVEN = CURRENT | {RouteState.COMPLETED}


@dataclass(frozen=True, kw_only=True)
class Board:
    """One local day, of one node or all. Amounts are minor units; shares are 0 to 1, None where nothing is due."""

    node_id: uuid.UUID | None
    orders: dict[OrderState, int]
    routes: int
    routes_in_progress: int
    routes_completed: int
    on_time_projected: float | None
    shipments_projected: int
    utilisation: float | None
    distance_metres: int
    cost_minor: int
    decided: int
    automatic: int
    overridden: int


async def board(
    session: AsyncSession, *, day: date, node: FulfilmentNode | None, zone: ZoneInfo, now: datetime
) -> Board:
    """The day's board."""
    bounds = (at_minute(day, 0, zone=zone), at_minute(day + timedelta(days=1), 0, zone=zone))
    risks = await _risks(session, bounds, node, now=now)
    routes = await _routes(session, bounds, node)
    states = [route.state for route, _ in routes]
    decided, automatic, overridden = await _decisions(session, bounds)
    return Board(
        node_id=None if node is None else node.id,
        orders=await _orders(session, bounds, node),
        routes=len(routes),
        routes_in_progress=states.count(RouteState.IN_PROGRESS),
        routes_completed=states.count(RouteState.COMPLETED),
        on_time_projected=1 - sum(risks) / len(risks) if risks else None,
        shipments_projected=len(risks),
        utilisation=_utilisation(routes),
        distance_metres=sum(route.distance_metres for route, _ in routes),
        cost_minor=sum(route.cost_minor for route, _ in routes),
        decided=decided,
        automatic=automatic,
        overridden=overridden,
    )


async def _orders(session: AsyncSession, bounds: Bounds, node: FulfilmentNode | None) -> dict[OrderState, int]:
    """The orders promised for the day; with a node, those that leave from it."""
    statement = (
        select(col(Order.state), func.count())
        .where(col(Order.promised_start) < bounds[1], col(Order.promised_end) > bounds[0])
        .group_by(col(Order.state))
    )
    if node is not None:
        statement = statement.where(
            col(Order.id).in_(select(col(Shipment.order_id)).where(col(Shipment.node_id) == node.id))
        )
    return {row[0]: row[1] for row in (await session.execute(statement)).all()}


async def _risks(session: AsyncSession, bounds: Bounds, node: FulfilmentNode | None, *, now: datetime) -> list[float]:
    """The probability to be late of each of the day's shipments that has an ETA or has come."""
    statement = select(Shipment).where(
        col(Shipment.window_start) < bounds[1],
        col(Shipment.window_end) > bounds[0],
        or_(col(Shipment.eta_expected).is_not(None), col(Shipment.delivered_at).is_not(None)),
    )
    if node is not None:
        statement = statement.where(col(Shipment.node_id) == node.id)
    found = [lateness_risk(shipment, now=now) for shipment in await session.scalars(statement)]
    return [risk for risk in found if risk is not None]


async def _routes(session: AsyncSession, bounds: Bounds, node: FulfilmentNode | None) -> list[tuple[Route, Vehicle]]:
    statement = (
        select(Route, Vehicle)
        .join(Vehicle, col(Vehicle.id) == col(Route.vehicle_id))
        .where(
            col(Route.planned_start) >= bounds[0],
            col(Route.planned_start) < bounds[1],
            col(Route.state).in_(DRIVEN),
        )
    )
    if node is not None:
        statement = statement.where(col(Route.node_id) == node.id)
    return [(route, vehicle) for route, vehicle in (await session.execute(statement)).all()]


def _utilisation(routes: list[tuple[Route, Vehicle]]) -> float | None:
    """Mean over routes of the fuller of weight and volume."""
    shares = [
        max(route.load_weight_kg / vehicle.max_weight_kg, route.load_volume_l / vehicle.max_volume_l)
        for route, vehicle in routes
    ]
    return sum(shares) / len(shares) if shares else None


async def _decisions(session: AsyncSession, bounds: Bounds) -> tuple[int, int, int]:
    found = (
        await session.execute(
            select(
                func.count(),
                func.count().filter(col(Decision.automatic)),
                func.count().filter(col(Decision.overridden_by).is_not(None)),
            ).where(col(Decision.at) >= bounds[0], col(Decision.at) < bounds[1])
        )
    ).one()
    return int(found[0]), int(found[1]), int(found[2])
