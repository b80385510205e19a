"""Late orders join routes that are published and have not left yet: no new plan, no stop moved to another van.

Read, work out the cheapest places (no transaction), adopt: the routes and shipments as they were read, or nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.principals import SYSTEM
from app.core.wording import counted
from app.models import FulfilmentNode, Route, Shipment, Stop
from app.orchestration.etas import operations as etas
from app.orchestration.events import log
from app.orchestration.plans import operations, published, queries
from app.orchestration.plans.acquaintance import acquainted
from app.orchestration.plans.elsewhere import Elsewhere
from app.orchestration.plans.loaded import Drop, Loaded, Van
from app.orchestration.plans.published import Driven, Published
from app.orchestration.policies import queries as rules
from app.orchestration.routes.policies import LOADING
from app.solvers.routing import solution as routing
from app.solvers.routing.insertion import Plan
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.rules import Item
from app.solvers.routing.schedule import Terms, is_drivable

# Only the routes that pass nearest are tried for an order.
MOST_ROUTES_TRIED = 6


@dataclass(frozen=True, kw_only=True)
class Joined:
    """What was worked out: the routes that change, as they will be driven, and the drops that found a place.

    `elsewhere`: all these routes, for those that found none.
    """

    problem: RoutingProblem
    routes: Mapping[str, routing.Route] = field(default_factory=dict)
    drops: Mapping[str, Sequence[Drop]] = field(default_factory=dict)
    elsewhere: Elsewhere | None = None


async def joinable(
    session: AsyncSession, *, node: FulfilmentNode, day: date, now: datetime, leave_after: datetime
) -> Published | None:
    """What late orders of the node could join on a local day; None where there are none, or no routes."""
    late = (await queries.to_plan(session, node=node, day=day, now=now, leave_after=leave_after)).drops
    driven = await published.routes_of(session, node=node, day=day, states=LOADING) if late else []
    if not driven:
        return None
    stops, on_board = await published.open_stops(session, [each.route for each in driven])
    entangled = published.entangled(on_board)
    known = {drop.order.id for drop in on_board}
    others, driven = driven, [each for each in driven if each.id not in entangled]
    on_board = [drop for drop in on_board if drop.drafted not in entangled]
    planning = (await rules.current(session)).planning
    on_board = await acquainted(session, node=node, drops=on_board, rules=planning, now=now)
    late = [drop for drop in late if drop.order.id not in known]  # an order has one stop on a day
    loaded = Loaded(
        node=node,
        day=day,
        drops=[*on_board, *late],
        vans=[van for each in driven if (van := _van(each, others, leave_after)) is not None],
        now=now,
        planning=planning,
    )
    return Published(routes={each.id: each.route for each in driven}, stops=stops, loaded=loaded, late=late)


def _van(driven: Driven, others: Sequence[Driven], leave_after: datetime) -> Van | None:
    """The route's van: it leaves no earlier than was told, and is back before it drives its next route."""
    if driven.driver is None or not driven.driver.is_active:
        return None
    return Van(
        vehicle=driven.vehicle,
        driver=driven.driver,
        free_from=max(leave_after, driven.route.planned_start),
        free_until=published.free_until(driven, others),
        route_id=driven.route.id,
    )


def places(found: Published, problem: RoutingProblem) -> Joined:
    """The cheapest places for the late drops, the most urgent first. Pure; takes some milliseconds a drop.

    `problem` is that of `found.loaded`.
    """
    terms = Terms(problem)
    late = {str(drop.order.id): drop for drop in found.late}
    orders: dict[str, list[Item]] = {}
    for vehicle in problem.vehicles:
        order = terms.order(published.order_of(found.routes[vehicle.id], found.stops.get(vehicle.id, ())))
        if order and is_drivable(terms, vehicle, order):
            orders[vehicle.id] = order
    plan = Plan(terms, orders)
    able = [vehicle for vehicle in problem.vehicles if vehicle.id in orders]
    joined: defaultdict[str, list[Drop]] = defaultdict(list)
    for visit in sorted((terms.visits[id] for id in late), key=lambda visit: -visit.unserved_penalty):
        spot = plan.cheapest(visit, able, most_vehicles=MOST_ROUTES_TRIED)
        if spot is not None and spot.cost <= visit.unserved_penalty:
            plan.place(spot)
            joined[spot.vehicle_id].append(late[visit.id])
    driven = {id: route.order for id, route in plan.routes.items()}
    return Joined(
        problem=problem,
        routes={id: plan.routes[id] for id in joined},
        drops=dict(joined),
        elsewhere=Elsewhere(loaded=found.loaded, problem=problem, orders=driven),
    )


async def adopt(session: AsyncSession, *, found: Published, joined: Joined, now: datetime) -> int:
    """Writes the places, and answers how many shipments joined. Refuses with PLAN_OUTDATED what changed meanwhile."""
    if not joined.routes:
        return 0
    drops = [drop for group in joined.drops.values() for drop in group]
    routes = await published.lock(session, found=found, drops=drops, routes=joined.routes)
    written = await published.write_stops(session, found=found, problem=joined.problem, timed=joined.routes)
    going: list[tuple[Shipment, Stop]] = []
    entries: list[dict[str, Any]] = []
    for id, timed in joined.routes.items():
        for drop in joined.drops[id]:
            stop = written.new[drop.order.id]
            for shipment in drop.shipments:
                going.append((shipment, stop))
                entries.append(operations.planned(shipment, stop, routes[id], actor=SYSTEM, now=now))
        published.retime(routes[id], timed, written, found.loaded)
        entries.append(_changed(routes[id], joined.drops[id], now=now))
    await operations.plan_shipments(session, going)
    await operations.settle(session, [shipment for shipment, _ in going], now=now)
    await published.served_after_all(session, going)
    await log.append_all(session, entries)
    decided = [(drop, routes[id], None) for id, group in joined.drops.items() for drop in group]
    await published.record(session, decided, solver="insertion", now=now)
    await session.flush()
    await etas.refresh_all(session, list(routes.values()), actor=SYSTEM, now=now)
    return len(going)


def _changed(route: Route, drops: Sequence[Drop], *, now: datetime) -> dict[str, Any]:
    references = [shipment.reference for drop in drops for shipment in drop.shipments]
    return published.told(
        route,
        type="route.changed",
        now=now,
        summary=f"{counted(len(references), 'late shipment')} joined route {route.reference}.",
        data={"reason": "LATE_ORDERS", "joined": references},
    )
