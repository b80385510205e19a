"""Where in a whole plan a visit might go, by simple tests of every leg at once: what stands in the way at each.

A leg is a vehicle, a position in its order, the place before and the place after. The tests are those that cost little
and hardly refuse what could be driven (they know no rests, pairs or order of goods, and take traffic at its fastest);
what passes them all is to be timed by schedule.py. Constraints are tested in the order of `TESTS`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.driving import UNBOUNDED
from app.solvers.routing.insertion import Plan
from app.solvers.routing.problem import TimeWindow, Vehicle, Visit, may_serve, price_of, service_of
from app.solvers.routing.rules import Item, ineligibilities, loads_of, trips_of
from app.solvers.routing.schedule import run_of
from app.solvers.routing.solution import Constraint

Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]

COLUMNS = 8

TESTS = (
    Constraint.MAX_STOPS,
    Constraint.CAPACITY,
    Constraint.MAX_DISTANCE,
    Constraint.WINDOW,
    Constraint.SHIFT,
    Constraint.OTHER_WINDOWS,
    Constraint.MAX_DURATION,
)


@dataclass(frozen=True, kw_only=True)
class Screened:
    """One visit against every leg. `barred`: the rules that keep it off a vehicle anywhere, by vehicle.

    `failed`: test -> by leg. `is_closed`: too late for a window behind, however long the shift. `costs` and `metres` of
    the detour, `arrivals` at the visit, `leaves`: the arrival behind it, `work_seconds` between the two, `seconds` that
    the route has more, if none of them was waiting: all by leg.
    """

    barred: list[list[Constraint]]
    failed: dict[Constraint, Flags]
    is_closed: Flags
    costs: NDArray[np.float64]
    metres: Whole
    arrivals: Whole
    leaves: Whole
    work_seconds: Whole
    seconds: Whole

    def passing(self, owners: Whole, *, waived: frozenset[Constraint] = frozenset()) -> Flags:
        """The legs where nothing but what is waived stands in the way."""
        open_vehicles = np.array([waived.issuperset(bars) for bars in self.barred], dtype=bool)
        legs: Flags = open_vehicles[owners]
        for test, failed in self.failed.items():
            if test not in waived:
                legs = legs & ~failed
        return legs & ~self.is_closed


class Screen:
    """All legs of a plan, those of idle vehicles too, as arrays. Valid as long as the plan does not change."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.vehicles = plan.terms.problem.vehicles
        first = plan.terms.problem.visits[0]  # what is screened
        self.dimensions = len(self.vehicles[0].capacities if self.vehicles else first.demand)
        self._number = {vehicle.id: number for number, vehicle in enumerate(self.vehicles)}
        self._blocks = [self._block(number) for number in range(len(self.vehicles))]
        self._assemble()

    def refresh(self, vehicle_id: str) -> None:
        """After its order has changed."""
        number = self._number[vehicle_id]
        self._blocks[number] = self._block(number)
        self._assemble()

    def _block(self, number: int) -> Whole:
        """One row a leg of this vehicle: `COLUMNS`, then the room of each dimension."""
        legs = _legs(self.plan, number, self.vehicles[number])
        return np.array([(*leg.numbers, *leg.room) for leg in legs], dtype=np.int64)

    def _assemble(self) -> None:
        empty = np.zeros((0, COLUMNS + self.dimensions), dtype=np.int64)
        table = np.concatenate([empty, *self._blocks])
        self.owners, self.positions, self.origins, self.destinations = (
            table[:, 0],
            table[:, 1],
            table[:, 2],
            table[:, 3],
        )
        self.departures, self.latest, self.latest_by_shift = table[:, 4], table[:, 5], table[:, 6]
        self.latest_by_windows = table[:, 7]
        self.rooms = table[:, COLUMNS:]
        self.first = np.searchsorted(self.owners, np.arange(len(self.vehicles) + 1))
        self._per_vehicle()

    def _per_vehicle(self) -> None:
        fleet, routes = self.vehicles, self.plan.routes
        used = [routes.get(vehicle.id) for vehicle in fleet]
        far = UNBOUNDED
        self.spare_stops = np.array(
            [
                far if v.max_stops is None else v.max_stops - (len(r.stops) if r else 0)
                for v, r in zip(fleet, used, strict=True)
            ],
            dtype=np.int64,
        )
        self.spare_metres = np.array(
            [
                far if v.max_distance_metres is None else v.max_distance_metres - (r.distance_metres if r else 0)
                for v, r in zip(fleet, used, strict=True)
            ],
            dtype=np.int64,
        )
        self.idle_seconds = np.array([_idle_seconds(self.plan, vehicle) for vehicle in fleet], dtype=np.int64)
        self.spare_work = np.array([_spare_work(self.plan, vehicle) for vehicle in fleet], dtype=np.int64)
        self.rates = np.array([vehicle.cost_per_metre for vehicle in fleet])
        self.openings = np.array([0.0 if r else v.fixed_cost for v, r in zip(fleet, used, strict=True)])
        names = list(dict.fromkeys(vehicle.profile for vehicle in fleet))
        profiles = np.array([names.index(vehicle.profile) for vehicle in fleet], dtype=np.int64)[self.owners]
        self.profiles = {name: np.flatnonzero(profiles == number) for number, name in enumerate(names)}

    def screen(self, visit: Visit) -> Screened:
        """The visit at every leg; of a pair, give the pickup."""
        owners, fleet = self.owners, self.vehicles
        barred = [self.bars(vehicle, visit) for vehicle in fleet]
        metres, to_seconds, on_seconds, direct_seconds = self._detours(visit)
        service = np.array([service_of(vehicle, visit) for vehicle in fleet], dtype=np.int64)[owners]
        arrivals = self.departures + to_seconds
        begins = _begin(visit, arrivals)
        leaves = np.where(begins < UNBOUNDED, begins, arrivals) + service + on_seconds
        demand = np.array(visit.demand, dtype=np.int64)
        duration = to_seconds + on_seconds - direct_seconds + service
        failed: dict[Constraint, Flags] = {
            Constraint.MAX_STOPS: self.spare_stops[owners] < 1,
            Constraint.CAPACITY: np.any(demand > self.rooms, axis=1),
            Constraint.MAX_DISTANCE: metres > self.spare_metres[owners],
            Constraint.WINDOW: begins >= UNBOUNDED,
            Constraint.SHIFT: leaves > self.latest_by_shift,
            Constraint.OTHER_WINDOWS: leaves > self.latest,
            Constraint.MAX_DURATION: duration > self.spare_work[owners],
        }
        prices = np.array([price_of(vehicle, visit) for vehicle in fleet], dtype=np.float64)
        return Screened(
            barred=barred,
            failed=failed,
            is_closed=leaves > self.latest_by_windows,
            costs=metres * self.rates[owners] + self.openings[owners] + prices[owners],
            metres=metres,
            arrivals=arrivals,
            leaves=leaves,
            work_seconds=service + on_seconds,
            seconds=duration,
        )

    def bars(self, vehicle: Vehicle, visit: Visit) -> list[Constraint]:
        """All the rules that keep the visit off the vehicle at any position."""
        bars = [] if may_serve(vehicle, visit) else ineligibilities(vehicle, visit)
        plan, ties = self.plan, self.plan.terms.ties
        elsewhere = (plan.vehicle_of.get(id, vehicle.id) for id in ties.together.get(visit.id, ()))
        if any(other != vehicle.id for other in elsewhere):
            bars.append(Constraint.TOGETHER)
        if any(plan.vehicle_of.get(id) == vehicle.id for id in ties.apart.get(visit.id, ())):
            bars.append(Constraint.APART)
        return bars

    def _detours(self, visit: Visit) -> tuple[Whole, Whole, Whole, Whole]:
        """Metres that the detour adds; seconds to the visit, on from it, and without it: by leg."""
        count = len(self.owners)
        metres, to_seconds, on_seconds, direct = (np.zeros(count, dtype=np.int64) for _ in range(4))
        for profile, legs in self.profiles.items():
            travel = self.plan.terms.travel(profile)
            here = np.full(len(legs), visit.location)
            origins = np.where(self.origins[legs] < 0, here, self.origins[legs])
            destinations = np.where(self.destinations[legs] < 0, here, self.destinations[legs])
            to, on = travel.between(origins, here), travel.between(here, destinations)
            past = travel.between(origins, destinations)
            is_used = np.isin(self.owners[legs], np.flatnonzero(self._is_used()))
            metres[legs] = to[0] + on[0] - np.where(is_used, past[0], 0)
            fastest = _fastest(self.plan, profile)
            to_seconds[legs] = np.floor(to[1] / fastest)
            on_seconds[legs] = np.floor(on[1] / fastest)
            direct[legs] = np.where(is_used, np.floor(past[1] / fastest), 0)
        return metres, to_seconds, on_seconds, direct

    def _is_used(self) -> Flags:
        return np.array([vehicle.id in self.plan.routes for vehicle in self.vehicles], dtype=bool)


class _Leg(NamedTuple):
    """`numbers`: owner, position, origin, destination, departure, latest arrival; that by shift or by windows alone."""

    numbers: tuple[int, int, int, int, int, int, int, int]
    room: tuple[int, ...]


def _legs(plan: Plan, owner: int, vehicle: Vehicle) -> list[_Leg]:
    """-1 for an open start or end."""
    order = plan.orders.get(vehicle.id, ())
    ends = (vehicle.start_location, vehicle.end_location)
    first, last = (-1 if place is None else place for place in ends)
    origins = [first, *(item.location for item in order)]
    destinations = [*(item.location for item in order), last]
    departures, latest, by_shift, by_windows = _times(plan, vehicle, order)
    rooms = _rooms(plan, vehicle, order)
    frozen = len(vehicle.frozen_visit_ids)
    return [
        _Leg(
            (owner, at, origins[at], destinations[at], departures[at], latest[at], by_shift[at], by_windows[at]),
            rooms[at],
        )
        for at in range(min(frozen, len(order)), len(order) + 1)
    ]


def _times(plan: Plan, vehicle: Vehicle, order: Sequence[Item]) -> tuple[list[int], ...]:
    """By leg: the first departure; the latest arrival behind that keeps windows and shift, the shift, the windows."""
    end = vehicle.shift.end_seconds
    if not order:
        return [vehicle.shift.start_seconds], [end], [end], [UNBOUNDED]
    run = run_of(plan.terms, vehicle, order)
    fastest = _fastest(plan, vehicle.profile)
    legs = [int(step.leg_seconds / fastest) for step in run.steps]
    departures, by_shift, by_windows = [run.earliest], [end], [UNBOUNDED]
    for step, leg, least in zip(run.steps, legs, run.not_before, strict=False):
        arrival = np.array([max(departures[-1] + leg, least)])
        departures.append(int(_opening(step.windows, arrival, is_soft=True)[0]) + step.work_seconds)
    for step, leg in zip(reversed(run.steps[:-1]), reversed(legs[1:]), strict=True):
        closing = max((w.end_seconds for w in step.windows), default=UNBOUNDED)
        closing = UNBOUNDED if step.late_cost_per_second is not None else closing
        by_shift.append(by_shift[-1] - leg - step.work_seconds)
        by_windows.append(min(closing, by_windows[-1] - leg - step.work_seconds))
    latest = [min(shift, windows) for shift, windows in zip(by_shift, by_windows, strict=True)]
    return departures, latest[::-1], by_shift[::-1], by_windows[::-1]


def _rooms(plan: Plan, vehicle: Vehicle, order: Sequence[Item]) -> list[tuple[int, ...]]:
    """By leg: how much more may be brought from the depot on that trip, or, with reloads, on another."""
    trips = trips_of(order)
    if vehicle.reload_locations and order and (vehicle.max_trips is None or len(trips) < vehicle.max_trips):
        return [vehicle.capacities] * (len(order) + 1)
    rooms: list[tuple[int, ...]] = []
    for trip in trips:
        loads = loads_of(plan.terms.ties, len(vehicle.capacities), trip)
        behind = list(vehicle.capacities)
        # What is delivered at a position rides from the trip's start to there: the fullest moment before it counts.
        for load in loads:
            behind = [min(room, most - have) for room, most, have in zip(behind, vehicle.capacities, load, strict=True)]
            rooms.append(tuple(behind))
    return rooms


def _spare_work(plan: Plan, vehicle: Vehicle) -> int:
    """What is left of the longest duration when nothing waits."""
    most = vehicle.max_duration_seconds
    return UNBOUNDED if most is None else most - _busy_seconds(plan, vehicle)


def _idle_seconds(plan: Plan, vehicle: Vehicle) -> int:
    """Waiting and rests on its route, and what traffic takes beyond its fastest."""
    route = plan.routes.get(vehicle.id)
    return 0 if route is None else max(0, route.duration_seconds - _busy_seconds(plan, vehicle))


def _busy_seconds(plan: Plan, vehicle: Vehicle) -> int:
    """Driving at traffic's fastest, and work."""
    order = plan.orders.get(vehicle.id, ())
    steps = run_of(plan.terms, vehicle, order).steps if order else ()
    fastest = _fastest(plan, vehicle.profile)
    return sum(int(step.leg_seconds / fastest) + step.work_seconds for step in steps)


def _fastest(plan: Plan, profile: str) -> float:
    traffic = plan.terms.problem.traffic.get(profile)
    return 1.0 if traffic is None else max(traffic.speed_factors)


def _begin(visit: Visit, arrivals: Whole) -> Whole:
    return _opening(visit.windows, arrivals, is_soft=visit.late_cost_per_second is not None)


def _opening(windows: Sequence[TimeWindow], arrivals: Whole, *, is_soft: bool) -> Whole:
    """When service starts on each arrival; UNBOUNDED where every hard window has closed."""
    if not windows:
        return arrivals
    begins = np.full(len(arrivals), UNBOUNDED, dtype=np.int64)
    for window in windows:
        opens = np.where(arrivals <= window.end_seconds, np.maximum(arrivals, window.start_seconds), UNBOUNDED)
        begins = np.minimum(begins, opens)
    return np.where(begins >= UNBOUNDED, arrivals, begins) if is_soft else begins
