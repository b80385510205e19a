"""A dispatcher moves a stop: to another van's route, or to another place on its own.

What comes of it may break no rule that was kept before; each that it would break is named.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Conflict, NotFound, Refusal
from app.models import BY_HAND, FulfilmentNode, Route, RouteState, Stop, StopState
from app.orchestration.plans import known_roads, published, replanning
from app.orchestration.plans.breaches import sentence
from app.orchestration.plans.loaded import Drop
from app.orchestration.plans.problem import pose
from app.orchestration.plans.replanning import Settled
from app.orchestration.plans.under_way import UnderWay, under_way
from app.solvers.routing.checker import check_orders
from app.solvers.routing.leniency import Leniency
from app.solvers.routing.problem import Reload, RoutingProblem
from app.solvers.routing.solution import Route as Timed
from app.solvers.routing.violations import Violation

REASSIGNED = "REASSIGNED"

Orders = Mapping[str, Sequence[str | Reload]]


@dataclass(frozen=True, kw_only=True)
class Move:
    """`position`: among the stops that are still before the driver, 1 is the next; None: where it costs least.

    `expected_version`: of the route that the stop is on.
    """

    stop_id: uuid.UUID
    to_route_id: uuid.UUID
    position: int | None
    expected_version: int


async def reassign(session: AsyncSession, *, move: Move, actor: Principal, now: datetime) -> list[uuid.UUID]:
    """Moves the stop and answers the routes that changed, the one it was on first.

    Drives are those of the routes' plans where these have them, else estimated at their pace. Refuses with
    STALE_VERSION what changed since it was read, and with RULES_BROKEN what would break a rule.
    """
    stop, route, node = await _found(session, move)
    day = route.planned_start.astimezone(ZoneInfo(node.time_zone)).date()
    found = await under_way(session, node=node, day=day, now=now, leave_after=now)
    own, target = str(route.id), str(move.to_route_id)
    if found is None or not {own, target} <= found.routes.keys() or target not in found.loaded.vans_by_id:
        raise Refusal(
            "ROUTE_NOT_OPEN",
            f"The stop can only go to a published route of {node.reference} on {day} that has a driver and is"
            " not over.",
            field="toRouteId",
        )
    drop = _movable(found, stop, own, target)
    problem = known_roads.applied(pose(found.loaded), found)
    before = {
        id: published.order_of(found.routes[id], stops) for id, stops in found.stops.items() if id in found.routes
    }
    judge = _Judge(problem, before)
    after = _moved(judge, str(stop.order_id), found.routes[own], str(move.to_route_id), move)
    if broken := judge.broken(after):
        raise Refusal("RULES_BROKEN", sentence(broken, found.loaded, found.routes), field="toRouteId")
    changes = _settled(judge, drop, after, own, target, actor=actor)
    done = await replanning.adopt(session, found=found, problem=problem, changes=changes, now=now)
    if done.changed + done.cancelled < len(changes.routes):
        raise Conflict("STALE_VERSION", "The driver went on meanwhile. Read the routes again.", field="stopId")
    return [found.routes[id].id for id in changes.routes]


class _Judge:
    """Times orders of vehicles, and says what others break that `before` keeps."""

    def __init__(self, problem: RoutingProblem, before: Orders) -> None:
        self.before = before
        self._problem = problem
        self._lenient = Leniency(problem)
        self._known = {_where(each) for each in check_orders(problem, before)}

    def timed(self, orders: Orders, id: str) -> Timed | None:
        """A vehicle's route, however late; None where it has no stop, or nobody to drive it."""
        can_drive = id in self._lenient.terms.vehicles
        return self._lenient.timed(id, orders[id]) if can_drive and orders.get(id) else None

    def broken(self, orders: Orders) -> list[Violation]:
        """What the orders break that was kept before."""
        return [each for each in check_orders(self._problem, orders) if _where(each) not in self._known]


def _where(violation: Violation) -> tuple[str, str | None, str | None]:
    return violation.code, violation.vehicle_id, violation.visit_id


async def _found(session: AsyncSession, move: Move) -> tuple[Stop, Route, FulfilmentNode]:
    """The stop, its route and its node. `under_way` and `adopt` lock and compare what they read."""
    row = (
        await session.execute(
            select(Stop, Route, FulfilmentNode)
            .join(Route, col(Route.id) == col(Stop.route_id))
            .join(FulfilmentNode, col(FulfilmentNode.id) == col(Route.node_id))
            .where(col(Stop.id) == move.stop_id)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("stop", move.stop_id, field="stopId")
    stop, route, node = row
    if await session.get(Route, move.to_route_id) is None:
        raise NotFound("route", move.to_route_id, field="toRouteId")
    if route.version != move.expected_version:
        raise Conflict(
            "STALE_VERSION",
            f"Route {route.reference} is at version {route.version}, not {move.expected_version}. Read it again.",
            field="expectedVersion",
        )
    if stop.state is not StopState.PENDING:
        raise Conflict(
            "INVALID_STATE", f"The stop is {stop.state.value}. Only one that still waits can move.", field="stopId"
        )
    return stop, route, node


def _movable(found: UnderWay, stop: Stop, own: str, target: str) -> Drop:
    """What the stop is for. Refuses goods that are in another van, and a van that has left without them."""
    drop = found.loaded.drops_by_id.get(str(stop.order_id))
    if drop is None or drop.drafted != own:
        raise Conflict("INVALID_STATE", "Nothing waits to be brought to this stop any more.", field="stopId")
    if own != target and drop.is_loaded:
        raise Refusal(
            "GOODS_IN_VAN",
            f"The goods of {drop.order.reference} are in the van of route {found.routes[own].reference}. They can"
            " change their place on it, not their van.",
            field="toRouteId",
        )
    if own != target and not drop.is_collection and found.routes[target].state is RouteState.IN_PROGRESS:
        raise Refusal(
            "VAN_HAS_LEFT",
            f"Route {found.routes[target].reference} has left without the goods of {drop.order.reference}. Choose one"
            " that is still at the node.",
            field="toRouteId",
        )
    return drop


def _moved(judge: _Judge, visit: str, own: Route, target: str, move: Move) -> Orders:
    """The orders with the visit where it is wanted, or where that costs least; on which trip is not asked for."""
    mine = published.trips_of(judge.before[str(own.id)])
    trip = next(number for number, trip in enumerate(mine) if visit in trip)
    left = [[each for each in trip if each != visit] for trip in mine]
    there = left if target == str(own.id) else published.trips_of(judge.before.get(target, []))
    count = sum(map(len, there))
    if move.position is not None and not 1 <= move.position <= count + 1:
        raise Refusal(
            "POSITION_UNKNOWN",
            f"There is no place {move.position} among {count} stops. Name 1 to {count + 1}, or none.",
            field="position",
        )
    only = trip if own.state is RouteState.IN_PROGRESS else None
    places = [place for place in _places(there, only) if move.position in (None, place.position)]
    if not places:
        raise Refusal(
            "OTHER_TRIP",
            f"Place {move.position} is on another trip of route {own.reference}, which has left: what its van holds is"
            " brought before it comes back for more. Choose a place on the same trip.",
            field="position",
        )
    rest = {**judge.before, str(own.id): published.joined_trips(left)}
    tried = [{**rest, target: published.joined_trips(place.put(there, visit))} for place in places]
    costs = [timed.cost for orders in tried if (timed := judge.timed(orders, target)) is not None]
    ranked = [tried[place] for place in sorted(range(len(tried)), key=costs.__getitem__)]
    return next((orders for orders in ranked if not judge.broken(orders)), ranked[0])


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Before the stop `index` of a trip; `position` counts all stops of the route."""

    trip: int
    index: int
    position: int

    def put(self, trips: Sequence[Sequence[str]], visit: str) -> list[list[str]]:
        """The trips with the visit there."""
        there = [list(trip) for trip in trips]
        there[self.trip].insert(self.index, visit)
        return there


def _places(trips: Sequence[Sequence[str]], only: int | None) -> Iterator[_Place]:
    """Everywhere that a visit could be put, on any trip, or `only` on one."""
    before = 0
    for number, trip in enumerate(trips):
        for index in range(len(trip) + 1):
            if only in (None, number):
                yield _Place(trip=number, index=index, position=before + index + 1)
        before += len(trip)


def _settled(judge: _Judge, drop: Drop, after: Orders, own: str, target: str, *, actor: Principal) -> Settled:
    ids = list(dict.fromkeys((own, target)))
    going_on = {id: judge.timed(judge.before, id) for id in ids}
    return Settled(
        solver=BY_HAND,
        actor=actor,
        reason=REASSIGNED,
        routes={id: judge.timed(after, id) for id in ids},
        before={id: route for id, route in going_on.items() if route is not None},
        moved={} if own == target else {target: [drop]},
    )
