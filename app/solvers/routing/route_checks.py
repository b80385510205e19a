"""Judges one route against its vehicle and visits: its times as claims, its loads and rests, what it says it costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isclose

from app.solvers.routing.problem import (
    Backhaul,
    Loading,
    Pair,
    RoutingProblem,
    TimeWindow,
    Vehicle,
    Visit,
)
from app.solvers.routing.readable import between, clock, listed, span
from app.solvers.routing.solution import PlannedBreak, PlannedReload, PlannedStop, Route
from app.solvers.routing.travel import Travel, arrival_of, travel_of
from app.solvers.routing.violations import NO_FACT, Fact, Violation, violation

COST_TOLERANCE = 0.01


@dataclass(frozen=True, kw_only=True)
class Called:
    """A place where the vehicle stops to work: a visit with its planned stop, or a reload."""

    planned: PlannedStop | PlannedReload
    visit: Visit | None
    location: int
    work_seconds: int

    @property
    def begin(self) -> int:
        """When work starts, as claimed."""
        planned = self.planned
        return planned.service_start_seconds if isinstance(planned, PlannedStop) else planned.start_seconds

    @property
    def id(self) -> str | None:
        """The visit's."""
        return self.visit.id if self.visit is not None else None


class RouteChecker:
    """Holds what all routes of a problem share."""

    def __init__(self, problem: RoutingProblem) -> None:
        self.problem = problem
        self.visits = {visit.id: visit for visit in problem.visits}
        self.pickups = {pair.pickup_visit_id: pair for pair in problem.pairs}
        self.deliveries = {pair.delivery_visit_id: pair for pair in problem.pairs}
        self._travel: dict[str, Travel] = {}

    def check(self, vehicle: Vehicle, route: Route) -> list[Violation]:
        """Every violation of one route."""
        calls = self._calls(vehicle, route)
        if not any(call.visit for call in calls):
            return [violation("ROUTE_EMPTY", "serves nobody", vehicle=vehicle.id)]
        clock = Clock(vehicle, route, calls)
        metres = clock.run(self.problem, self._travel_of(vehicle))
        visits = [call.visit for call in calls if call.visit is not None]
        found = [*clock.found, *_vehicle_limits(vehicle, route, metres), *_due_breaks(vehicle, route)]
        for call in calls:
            found += _visit_rules(vehicle, call)
        found += [*_frozen(vehicle, visits), *_releases(vehicle, route, calls), *self._rides(vehicle, calls)]
        found += [*self._trips(vehicle, route, calls), *_cost(vehicle, route, visits, metres)]
        return found

    def _travel_of(self, vehicle: Vehicle) -> Travel:
        if vehicle.profile not in self._travel:
            self._travel[vehicle.profile] = travel_of(self.problem, vehicle.profile)
        return self._travel[vehicle.profile]

    def _calls(self, vehicle: Vehicle, route: Route) -> list[Called]:
        planned: list[PlannedStop | PlannedReload] = list(route.stops)
        for reload in reversed(route.reloads):
            planned.insert(reload.after_stops, reload)
        calls: list[Called] = []
        place = vehicle.start_location
        for one in planned:
            if isinstance(one, PlannedReload):
                location, visit, work = one.location, None, vehicle.reload_seconds
            elif (visit := self.visits.get(one.visit_id)) is not None:
                location = visit.location
                work = visit.service_seconds_by_type.get(vehicle.type, visit.service_seconds)
                work += visit.setup_seconds if location != place else 0
            else:
                continue
            calls.append(Called(planned=one, visit=visit, location=location, work_seconds=work))
            place = location
        return calls

    def _rides(self, vehicle: Vehicle, calls: Sequence[Called]) -> Iterator[Violation]:
        left = {call.id: call.begin + call.work_seconds for call in calls if call.visit is not None}
        for call in calls:
            pair = self.deliveries.get(call.id or "")
            if pair is None or pair.max_ride_seconds is None or pair.pickup_visit_id not in left:
                continue
            ride = call.begin - left[pair.pickup_visit_id]
            if ride > pair.max_ride_seconds:
                fact = Fact(is_now=ride, most=pair.max_ride_seconds)
                detail = f"rides {span(fact.is_now)}, {span(fact.most)} at most"
                yield violation("RIDE_TIME", detail, vehicle=vehicle.id, visit=call.id, fact=fact)

    def _trips(self, vehicle: Vehicle, route: Route, calls: Sequence[Called]) -> Iterator[Violation]:
        """Loads and the order of goods, trip by trip."""
        trips: list[list[Called]] = [[]]
        claimed = [route.load]
        for call in calls:
            if isinstance(call.planned, PlannedReload):
                trips.append([])
                claimed.append(call.planned.load)
            else:
                trips[-1].append(call)
        for trip, load in zip(trips, claimed, strict=True):
            visits = [call.visit for call in trip if call.visit is not None]
            after = [call.planned.load_after for call in trip if isinstance(call.planned, PlannedStop)]
            yield from self._loads(vehicle, visits, [load, *after])
            yield from self._pair_order(vehicle, visits)
            if vehicle.loading is Loading.LIFO:
                yield from self._on_top(vehicle, visits)
            if vehicle.backhaul is Backhaul.PICKUPS_LAST:
                yield from self._deliveries_first(vehicle, visits)

    def _loads(
        self, vehicle: Vehicle, visits: Sequence[Visit], claimed: Sequence[tuple[int, ...]]
    ) -> Iterator[Violation]:
        for dimension, most in enumerate(vehicle.capacities):
            loads = [sum(visit.demand[dimension] for visit in visits if visit.id not in self.deliveries)]
            for visit in visits:
                collected = visit.pickup[dimension] if visit.pickup else 0
                loads.append(loads[-1] - visit.demand[dimension] + collected)
            if max(loads) > most:
                heaviest = loads.index(max(loads))
                place = visits[heaviest - 1].id if heaviest else None
                fact = Fact(is_now=max(loads), most=most, dimension=dimension)
                detail = f"{fact.is_now} on board where {most} fit (dimension {dimension})"
                yield violation("CAPACITY", detail, vehicle=vehicle.id, visit=place, fact=fact)
            said = [load[dimension] if dimension < len(load) else None for load in claimed]
            if said != loads:
                detail = f"claims {listed(said)} on board, has {listed(loads)} (dimension {dimension})"
                yield violation("LOAD_CLAIMED", detail, vehicle=vehicle.id)

    def _pair_order(self, vehicle: Vehicle, visits: Sequence[Visit]) -> Iterator[Violation]:
        at = {visit.id: number for number, visit in enumerate(visits)}
        for visit in visits:
            pair = self.deliveries.get(visit.id)
            if pair is not None and at.get(pair.pickup_visit_id, len(at)) > at[visit.id]:
                detail = f"{pair.pickup_visit_id} is not collected before it on this trip"
                yield violation("PAIR", detail, vehicle=vehicle.id, visit=visit.id)

    def _on_top(self, vehicle: Vehicle, visits: Sequence[Visit]) -> Iterator[Violation]:
        """Goods of a visit can leave when nothing that came on board after them is still there."""
        at = {visit.id: number for number, visit in enumerate(visits)}
        for number, visit in enumerate(visits):
            pair = self.deliveries.get(visit.id)
            if pair is None and not any(visit.demand):
                continue
            since = -1 if pair is None else at.get(pair.pickup_visit_id, number)
            above = [other.id for other in visits[since + 1 : number] if not self._is_gone(other, at, number)]
            if above:
                detail = f"lies under what {', '.join(above)} brought on board"
                yield violation("LIFO", detail, vehicle=vehicle.id, visit=visit.id)

    def _is_gone(self, visit: Visit, at: dict[str, int], number: int) -> bool:
        """Whether nothing collected at the visit is on board when stop `number` is reached."""
        pair: Pair | None = self.pickups.get(visit.id)
        if pair is not None:
            return at.get(pair.delivery_visit_id, number) < number
        return visit.id in self.deliveries or not any(visit.pickup)

    def _deliveries_first(self, vehicle: Vehicle, visits: Sequence[Visit]) -> Iterator[Violation]:
        unpaired = [visit for visit in visits if visit.id not in self.pickups and visit.id not in self.deliveries]
        first = next((number for number, visit in enumerate(unpaired) if any(visit.pickup)), len(unpaired))
        for visit in unpaired[first + 1 :]:
            if any(visit.demand):
                detail = f"is delivered after {unpaired[first].id} was collected"
                yield violation("BACKHAUL", detail, vehicle=vehicle.id, visit=visit.id)


class Clock:
    """Runs along a route's claims and notes each that cannot be."""

    def __init__(self, vehicle: Vehicle, route: Route, calls: Sequence[Called]) -> None:
        self.vehicle, self.route, self.calls = vehicle, route, calls
        self.clock = route.start_seconds
        self.worked = 0
        self.found: list[Violation] = []

    def run(self, problem: RoutingProblem, travel: Travel) -> int:
        """Notes what cannot be; answers the metres driven."""
        vehicle, calls = self.vehicle, self.calls
        start = calls[0].location if vehicle.start_location is None else vehicle.start_location
        end = calls[-1].location if vehicle.end_location is None else vehicle.end_location
        places = [start, *(call.location for call in calls), end]
        metres, seconds = travel.legs(places[:-1], places[1:])
        traffic = problem.traffic.get(vehicle.profile)
        for number, leg in enumerate(seconds):
            id = calls[number].id if number < len(calls) else None
            for one in self._breaks(number, is_before_leaving=True):
                self._rest(one, id)
            arrival = arrival_of(traffic, departure=self.clock, seconds=leg)
            self._work(arrival - self.clock, id)
            self.clock = arrival
            if number < len(calls):
                self._call(number, calls[number])
        if self.route.end_seconds < self.clock:
            self._note("END_TOO_EARLY", f"cannot end before {clock(self.clock)}")
        return sum(metres)

    def _call(self, number: int, call: Called) -> None:
        arrival = self.clock
        if call.planned.arrival_seconds < arrival:
            detail = f"claims to arrive at {clock(call.planned.arrival_seconds)}, cannot before {clock(arrival)}"
            self._note("ARRIVAL_CLAIMED", detail, call.id)
        for one in self._breaks(number, is_before_leaving=False):
            self._rest(one, call.id)
        if call.begin < self.clock:
            self._note("TRAVEL", f"starts at {clock(call.begin)}, cannot before {clock(self.clock)}", call.id)
        rule = self.vehicle.driving_rule
        if rule is not None and call.begin - arrival >= rule.break_seconds:
            self.worked = 0
        if rule is not None and rule.counts_service:
            self._work(call.work_seconds, call.id)
        self.clock = call.begin + call.work_seconds
        if call.planned.departure_seconds < self.clock:
            detail = f"claims to leave at {clock(call.planned.departure_seconds)}, cannot before {clock(self.clock)}"
            self._note("DEPARTURE_CLAIMED", detail, call.id)

    def _breaks(self, number: int, *, is_before_leaving: bool) -> list[PlannedBreak]:
        planned = self.route.breaks
        return [b for b in planned if (b.after_activities, b.is_before_leaving) == (number, is_before_leaving)]

    def _rest(self, one: PlannedBreak, visit_id: str | None) -> None:
        if one.start_seconds < self.clock or one.end_seconds < one.start_seconds:
            detail = f"the break starts at {clock(one.start_seconds)}, cannot before {clock(self.clock)}"
            self._note("BREAK", detail, visit_id)
        rule = self.vehicle.driving_rule
        if rule is not None and one.end_seconds - one.start_seconds >= rule.break_seconds:
            self.worked = 0
        self.clock = max(self.clock, one.end_seconds)

    def _work(self, seconds: int, visit_id: str | None) -> None:
        self.worked += seconds
        rule = self.vehicle.driving_rule
        if rule is not None and self.worked > rule.max_work_seconds:
            fact = Fact(is_now=self.worked, most=rule.max_work_seconds)
            detail = f"{span(fact.is_now)} of work without a rest, {span(fact.most)} at most"
            self._note("DRIVING_RULE", detail, visit_id, fact)
            self.worked = 0

    def _note(self, code: str, detail: str, visit_id: str | None = None, fact: Fact = NO_FACT) -> None:
        self.found.append(violation(code, detail, vehicle=self.vehicle.id, visit=visit_id, fact=fact))


def _vehicle_limits(vehicle: Vehicle, route: Route, metres: int) -> Iterator[Violation]:
    duration = route.end_seconds - route.start_seconds
    if route.start_seconds < vehicle.shift.start_seconds or route.end_seconds > vehicle.shift.end_seconds:
        out = TimeWindow(start_seconds=route.start_seconds, end_seconds=route.end_seconds)
        detail = f"is out {between([out])}, its shift is {between([vehicle.shift])}"
        yield violation("SHIFT", detail, vehicle=vehicle.id, fact=Fact(windows=(out, vehicle.shift)))
    limits = (
        ("MAX_DURATION", vehicle.max_duration_seconds, duration, span),
        ("MAX_DISTANCE", vehicle.max_distance_metres, metres, lambda metres: f"{metres} m"),
        ("MAX_STOPS", vehicle.max_stops, len(route.stops), lambda stops: f"{stops} stops"),
        ("MAX_TRIPS", vehicle.max_trips, 1 + len(route.reloads), lambda trips: f"{trips} trips"),
    )
    for code, most, have, said in limits:
        if most is not None and have > most:
            fact = Fact(is_now=have, most=most)
            yield violation(code, f"{said(have)}, {said(most)} at most", vehicle=vehicle.id, fact=fact)
    if route.distance_metres != metres:
        detail = f"claims {route.distance_metres}, drives {metres}"
        yield violation("METRES_CLAIMED", detail, vehicle=vehicle.id)
    if route.duration_seconds != duration:
        detail = f"claims {route.duration_seconds}, takes {duration}"
        yield violation("DURATION_CLAIMED", detail, vehicle=vehicle.id)
    for reload in route.reloads:
        if reload.location not in vehicle.reload_locations:
            yield violation("RELOAD", f"cannot reload at location {reload.location}", vehicle=vehicle.id)


def _due_breaks(vehicle: Vehicle, route: Route) -> Iterator[Violation]:
    """Each break that is due needs a rest of its own: of those that would do, the one that begins first."""
    unused = sorted(route.breaks, key=lambda one: one.start_seconds)
    for due in sorted(vehicle.breaks, key=lambda one: max(window.end_seconds for window in one.windows)):
        latest = max(window.end_seconds for window in due.windows)
        fitting = (
            one
            for one in unused
            if one.end_seconds - one.start_seconds >= due.duration_seconds
            and any(window.start_seconds <= one.start_seconds <= window.end_seconds for window in due.windows)
        )
        if (taken := next(fitting, None)) is not None:
            unused.remove(taken)
        elif route.start_seconds < latest < route.end_seconds:
            fact = Fact(is_now=due.duration_seconds, windows=due.windows)
            detail = f"no break of {span(due.duration_seconds)} begins {between(due.windows)}"
            yield violation("BREAK", detail, vehicle=vehicle.id, fact=fact)


def _visit_rules(vehicle: Vehicle, call: Called) -> Iterator[Violation]:
    visit, begin = call.visit, call.begin
    if visit is None:
        return
    is_allowed = visit.pinned_vehicle_id in (None, vehicle.id)
    if visit.allowed_vehicle_ids is not None:
        is_allowed = is_allowed and vehicle.id in visit.allowed_vehicle_ids
    is_home = not vehicle.territories or visit.territory is None or visit.territory in vehicle.territories
    if not _in_window(visit, begin):
        missed = Fact(is_now=begin, windows=visit.windows)
        detail = f"starts at {clock(begin)}, its window is {between(visit.windows)}"
        yield violation("WINDOW", detail, vehicle=vehicle.id, visit=visit.id, fact=missed)
    if lacking := tuple(sorted(visit.skills - vehicle.skills)):
        detail = f"needs {', '.join(lacking)}, which the vehicle lacks"
        yield violation("SKILL", detail, vehicle=vehicle.id, visit=visit.id, fact=Fact(skills=lacking))
    rules = (
        ("NOT_ALLOWED", is_allowed, "may not come with this vehicle"),
        ("DAY", visit.allowed_days is None or vehicle.day in visit.allowed_days, f"not on day {vehicle.day}"),
        ("TERRITORY", is_home or visit.outside_territory_cost is not None, f"in territory {visit.territory}"),
    )
    for code, holds, detail in rules:
        if not holds:
            yield violation(code, detail, vehicle=vehicle.id, visit=visit.id)


def _in_window(visit: Visit, begin: int) -> bool:
    if not visit.windows or any(w.start_seconds <= begin <= w.end_seconds for w in visit.windows):
        return True
    return visit.late_cost_per_second is not None and begin > max(w.end_seconds for w in visit.windows)


def _frozen(vehicle: Vehicle, visits: Sequence[Visit]) -> Iterator[Violation]:
    for number, id in enumerate(vehicle.frozen_visit_ids):
        if number >= len(visits) or visits[number].id != id:
            yield violation("FROZEN", f"is not stop {number + 1} of its route", vehicle=vehicle.id, visit=id)


def _releases(vehicle: Vehicle, route: Route, calls: Sequence[Called]) -> Iterator[Violation]:
    leaves = route.start_seconds
    frozen = len(vehicle.frozen_visit_ids)
    for number, call in enumerate(calls):
        visit = call.visit
        if visit is None:
            leaves = call.begin
            if number < frozen:
                yield violation("FROZEN", f"reloads among its first {frozen} stops", vehicle=vehicle.id)
        elif visit.release_seconds is not None and leaves < visit.release_seconds:
            detail = f"leaves at {clock(leaves)}, its goods are there at {clock(visit.release_seconds)}"
            fact = Fact(is_now=leaves, most=visit.release_seconds)
            yield violation("RELEASE", detail, vehicle=vehicle.id, visit=visit.id, fact=fact)


def _cost(vehicle: Vehicle, route: Route, visits: Sequence[Visit], metres: int) -> Iterator[Violation]:
    cost = true_cost(vehicle, route, visits, metres=metres)
    if not isclose(cost, route.cost, rel_tol=1e-9, abs_tol=COST_TOLERANCE):
        yield violation("COST_CLAIMED", f"claims {route.cost}, costs {cost}", vehicle=vehicle.id)


def true_cost(vehicle: Vehicle, route: Route, visits: Sequence[Visit], *, metres: int) -> float:
    """What the route costs by its own times, in minor units."""
    seconds = route.end_seconds - route.start_seconds
    cost = vehicle.fixed_cost + vehicle.cost_per_metre * metres + vehicle.cost_per_second * seconds
    if vehicle.regular_seconds is not None and seconds > vehicle.regular_seconds:
        cost += vehicle.overtime_cost_per_second * (seconds - vehicle.regular_seconds)
    begins = {stop.visit_id: stop.service_start_seconds for stop in route.stops}
    for visit in visits:
        cost += visit.vehicle_costs.get(vehicle.id, 0.0)
        if visit.published_vehicle_id not in (None, vehicle.id):
            cost += visit.change_cost
        if visit.territory is not None and vehicle.territories and visit.territory not in vehicle.territories:
            cost += visit.outside_territory_cost or 0.0
        if visit.late_cost_per_second is not None and visit.windows:
            closed = max(window.end_seconds for window in visit.windows)
            cost += visit.late_cost_per_second * max(0, begins[visit.id] - closed)
    return cost
