"""What a plan's picture shows, read from the database."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import NotFound
from app.core.geo import Point
from app.core.wording import counted
from app.models import FulfilmentNode, Order, Plan, Route, Shipment, Stop, StopState, Vehicle
from app.orchestration.plans.base_map import streets
from app.orchestration.plans.drawn import DrawnPause, DrawnPlan, DrawnRoute, DrawnStop
from app.orchestration.plans.queries import by_ids
from app.orchestration.plans.totals import Totals, of_plans
from app.orchestration.policies import queries as rules
from app.orchestration.routes import pauses
from app.orchestration.routes.pauses import Pause
from app.orchestration.writing import one_of


async def picture(
    session: AsyncSession, viewer: Principal, *, plan_id: uuid.UUID, extract: Path | None = None
) -> DrawnPlan:
    """The plan, its routes by reference, over the streets of an extract where one is given."""
    plan = (await by_ids(session, viewer, [plan_id])).get(plan_id)
    if plan is None:
        raise NotFound("plan", "with this id", field="planId")
    assert plan.node_id is not None, "plans are made per node"
    node = await session.get_one(FulfilmentNode, plan.node_id)
    routes = await _routes(session, plan, Point(latitude=node.latitude, longitude=node.longitude))
    return DrawnPlan(
        title=f"{node.name}, {plan.date}",
        figures=_figures(plan, (await of_plans(session, viewer, [plan_id]))[plan_id], routes),
        routes=routes,
        left_out=await _left_out(session, plan),
        roads=streets(extract) if extract is not None else (),
        zone=node.time_zone,
    )


def _figures(plan: Plan, totals: Totals, routes: Sequence[DrawnRoute]) -> str:
    stops = sum(len(route.stops) for route in routes)
    kilometres, cost = totals.distance_metres / 1_000, totals.cost_minor / 100
    late = f", {totals.late_stops} late" if totals.late_stops else ""
    served = f"{counted(stops, 'stop')} on {counted(len(routes), 'route')}"
    return (
        f"{served}, {kilometres:,.0f} km, {cost:,.2f} {plan.currency}{late},"
        f" {len(plan.unassigned)} on none ({plan.state.value.lower()})"
    )


async def _routes(session: AsyncSession, plan: Plan, start: Point) -> list[DrawnRoute]:
    found = await session.execute(
        select(Stop, Route, Vehicle)
        .join(Route, col(Route.id) == col(Stop.route_id))
        .join(Vehicle, col(Vehicle.id) == col(Route.vehicle_id))
        .where(col(Route.plan_id) == plan.id, col(Stop.state) != StopState.CANCELLED)
        .order_by(col(Route.reference), col(Stop.sequence))
    )
    stops: defaultdict[uuid.UUID, list[DrawnStop]] = defaultdict(list)
    numbers: defaultdict[uuid.UUID, list[int]] = defaultdict(list)
    routes: dict[uuid.UUID, tuple[Route, Vehicle]] = {}
    for stop, route, vehicle in found.all():
        routes[route.id] = (route, vehicle)
        numbers[route.id].append(stop.sequence)
        stops[route.id].append(
            DrawnStop(
                place=Point(latitude=stop.latitude, longitude=stop.longitude),
                starts=stop.planned_arrival,
                service_seconds=stop.service_seconds,
                drive_seconds=stop.drive_seconds,
                window_end=stop.window_end,
            )
        )
    planning = (await rules.current(session)).planning
    return [
        DrawnRoute(
            name=f"{route.reference} {vehicle.registration}",
            start=start,
            leaves=route.planned_start,
            returns=route.planned_end,
            stops=stops[route.id],
            comes_back=not planning.ends_anywhere(vehicle.kind),
            pauses=[_pause(pause, numbers[route.id]) for pause in pauses.of(route)],
        )
        for route, vehicle in routes.values()
    ]


def _pause(pause: Pause, numbers: Sequence[int]) -> DrawnPause:
    return DrawnPause(
        kind=pause.kind,
        after=sum(number <= pause.after_stop for number in numbers),
        starts=pause.start,
        ends=pause.end,
        drive_seconds=pause.drive_seconds,
    )


async def _left_out(session: AsyncSession, plan: Plan) -> list[Point]:
    keys = [uuid.UUID(reason["shipmentId"]) for reason in plan.unassigned]
    found = await session.execute(
        select(col(Order.latitude), col(Order.longitude))
        .join(Shipment, col(Shipment.order_id) == col(Order.id))
        .where(one_of(Shipment.id, keys))
    )
    return [Point(latitude=latitude, longitude=longitude) for latitude, longitude in found.all()]
