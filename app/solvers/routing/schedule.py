"""One vehicle's timetable for a given order: the single place that says when it arrives and what it costs.

The order is visits, with a Reload where a trip ends and the next begins. The vehicle leaves when that costs least;
from then on everything happens as early as it can (driving.py), but a pickup waits where its goods would otherwise ride
too long. The rules that need no clock are rules.py's; `plan` asks both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.solvers.routing.driving import UNBOUNDED, Drive, Refusal, Step, drive
from app.solvers.routing.problem import Reload, RoutingProblem, Vehicle, Visit, price_of, service_of
from app.solvers.routing.rules import Item, Ties, loads_of, refusal, ties_of, trips_of, visits_of
from app.solvers.routing.solution import Constraint, PlannedReload, PlannedStop, Route
from app.solvers.routing.travel import Travel, seconds_to_next_band, travel_of

# A timetable tries at most so many departures between which steps change windows or rests.
MOST_DEPARTURES = 400
MOST_HOLDS = 100


class Terms:
    """What every route of a problem is timed by: travel and traffic of each profile, and the ties between visits."""

    def __init__(self, problem: RoutingProblem) -> None:
        self.problem = problem
        self.ties: Ties = ties_of(problem)
        self._travel: dict[str, Travel] = {}

    def travel(self, profile: str) -> Travel:
        """Distances and times of the profile, without traffic."""
        if profile not in self._travel:
            self._travel[profile] = travel_of(self.problem, profile)
        return self._travel[profile]

    @cached_property
    def visits(self) -> dict[str, Visit]:
        """By id."""
        return {visit.id: visit for visit in self.problem.visits}

    @cached_property
    def vehicles(self) -> dict[str, Vehicle]:
        """By id."""
        return {vehicle.id: vehicle for vehicle in self.problem.vehicles}

    def order(self, ids: Sequence[str | Reload]) -> list[Item]:
        """An order of ids as an order of visits."""
        return [item if isinstance(item, Reload) else self.visits[item] for item in ids]


@dataclass(frozen=True, kw_only=True)
class Ride:
    """The places of a pair in the order, and how long its goods may ride."""

    pickup: int
    delivery: int
    max_seconds: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """An order made ready to be driven: one step for each item, and the end."""

    vehicle: Vehicle
    order: Sequence[Item]
    steps: Sequence[Step]
    not_before: Sequence[int]
    rides: Sequence[Ride]
    earliest: int
    metres: int
    price: float


def cost_of(vehicle: Vehicle, *, metres: int, seconds: int) -> float:
    """Fixed cost, plus metres, plus seconds from departure to end, plus overtime, in minor units."""
    cost = vehicle.fixed_cost + vehicle.cost_per_metre * metres + vehicle.cost_per_second * seconds
    if vehicle.regular_seconds is not None:
        cost += vehicle.overtime_cost_per_second * max(0, seconds - vehicle.regular_seconds)
    return cost


def plan(terms: Terms, vehicle: Vehicle, order: Sequence[Item]) -> Route | Refusal:
    """The timetable of an order that breaks no rule of its route; else the first rule broken, and where."""
    return refusal(terms.ties, vehicle, order) or timed(terms, vehicle, order)


def timetable(terms: Terms, vehicle: Vehicle, order: Sequence[Item]) -> Route | None:
    """The cheapest timetable, None where there is none; looks at nothing that is not a matter of time or distance."""
    route = timed(terms, vehicle, order)
    return None if isinstance(route, Refusal) else route


def is_drivable(terms: Terms, vehicle: Vehicle, order: Sequence[Item]) -> bool:
    """Whether the vehicle can serve this order with every rule held."""
    return isinstance(plan(terms, vehicle, order), Route)


def timed(terms: Terms, vehicle: Vehicle, order: Sequence[Item]) -> Route | Refusal:
    """The cheapest timetable, of those the shortest, of those the first to end; or what is in the way.

    Tried are the first departure, and each after which a step changes its window or a rest its place; between them
    costs are linear but for the kinks that the drive names. So the cheapest departure is found for this way of driving,
    save under traffic, where costs bend between the departures tried.
    """
    run = run_of(terms, vehicle, order)
    if vehicle.max_distance_metres is not None and run.metres > vehicle.max_distance_metres:
        return Refusal(constraint=Constraint.MAX_DISTANCE)
    best: tuple[tuple[float, int, int], Drive] | None = None
    first: Refusal | None = None
    for found in _departures(terms, run):
        if isinstance(found, Refusal):
            first = first or found
            continue
        seconds = found.end - found.start
        if vehicle.max_duration_seconds is not None and seconds > vehicle.max_duration_seconds:
            first = first or Refusal(constraint=Constraint.MAX_DURATION)
            continue
        key = cost_of(vehicle, metres=run.metres, seconds=seconds) + found.late_cost, seconds, found.end
        if best is None or key < best[0]:
            best = key, found
    if best is not None:
        return _route(terms, run, best[1])
    return first or Refusal(constraint=Constraint.SHIFT)


def run_of(terms: Terms, vehicle: Vehicle, order: Sequence[Item]) -> Run:
    """Legs, work and limits of an order of at least one visit."""
    places = [item.location for item in order]
    start = places[0] if vehicle.start_location is None else vehicle.start_location
    end = places[-1] if vehicle.end_location is None else vehicle.end_location
    metres, seconds = terms.travel(vehicle.profile).legs([start, *places], [*places, end])
    previous = [vehicle.start_location, *places]
    steps = [
        _step(vehicle, item, leg=leg, is_parked=place == item.location)
        for item, leg, place in zip(order, seconds, previous, strict=False)
    ]
    releases = [max((visit.release_seconds or 0 for visit in trip), default=0) for trip in trips_of(order)]
    following = iter(releases[1:])
    return Run(
        vehicle=vehicle,
        order=order,
        steps=[*steps, Step(leg_seconds=seconds[-1])],
        not_before=[next(following) if isinstance(item, Reload) else -UNBOUNDED for item in order],
        rides=_rides(terms.ties, order) if terms.ties.pairs else (),
        earliest=max(vehicle.shift.start_seconds, releases[0]),
        metres=sum(metres),
        price=sum(price_of(vehicle, visit) for visit in visits_of(order)),
    )


def _step(vehicle: Vehicle, item: Item, *, leg: int, is_parked: bool) -> Step:
    if isinstance(item, Reload):
        return Step(leg_seconds=leg, work_seconds=vehicle.reload_seconds)
    return Step(
        leg_seconds=leg,
        work_seconds=service_of(vehicle, item) + (0 if is_parked else item.setup_seconds),
        windows=item.windows,
        late_cost_per_second=item.late_cost_per_second,
    )


def _rides(ties: Ties, order: Sequence[Item]) -> list[Ride]:
    at = {item.id: position for position, item in enumerate(order) if isinstance(item, Visit)}
    found = []
    for id, position in at.items():
        pair = ties.pairs.get(id)
        if pair is None or pair.max_ride_seconds is None or pair.pickup_visit_id != id:
            continue
        if pair.delivery_visit_id in at:
            found.append(Ride(pickup=position, delivery=at[pair.delivery_visit_id], max_seconds=pair.max_ride_seconds))
    return found


def _departures(terms: Terms, run: Run) -> Iterator[Drive | Refusal]:
    """Drives from the first departure on, and from after each break that a later start makes needless."""
    closings = (max(window.end_seconds for window in one.windows) for one in run.vehicle.breaks)
    for start in [run.earliest, *sorted({closing for closing in closings if closing > run.earliest})]:
        yield from _later_and_later(terms, run, start)


def _later_and_later(terms: Terms, run: Run, start: int) -> Iterator[Drive | Refusal]:
    """Leaving later absorbs waiting until none is left, or until something changes; then again from there."""
    traffic = terms.problem.traffic.get(run.vehicle.profile)
    is_soft = any(step.late_cost_per_second is not None for step in run.steps)
    for _ in range(MOST_DEPARTURES):
        found = _driven(terms, run, start)
        yield found
        if isinstance(found, Refusal) or start > run.vehicle.shift.end_seconds:
            return
        most = min(found.waited, found.room)
        for later in _kinks(run.vehicle, found) if is_soft else [most] if most else []:
            yield _driven(terms, run, start + later)
        if traffic is not None:
            start += most or min(found.room + 1, seconds_to_next_band(traffic, start))
        elif (not found.waited and not found.breaks) or found.room >= UNBOUNDED // 2:
            return
        else:
            start += found.room + 1


def _kinks(vehicle: Vehicle, found: Drive) -> list[int]:
    """How much later the cost may have its least, while every window and rest stays the same."""
    most, seconds = min(found.waited, found.room), found.end - found.start
    limits = (vehicle.max_duration_seconds, vehicle.regular_seconds)
    inside = {*found.kinks, *(seconds - limit for limit in limits if limit is not None), most}
    return sorted(later for later in inside if 0 < later <= most)


def _driven(terms: Terms, run: Run, start: int) -> Drive | Refusal:
    """One drive; pickups are put off, each by as little as it takes, until no goods ride too long."""
    traffic = terms.problem.traffic.get(run.vehicle.profile)
    not_before = list(run.not_before)
    for _ in range(MOST_HOLDS):
        found = drive(run.vehicle, run.steps, start=start, not_before=not_before, traffic=traffic)
        if isinstance(found, Refusal):
            return found
        late = None
        for ride in run.rides:
            excess = found.begins[ride.delivery] - found.departures[ride.pickup] - ride.max_seconds
            if excess > 0:
                late = ride
                not_before[ride.pickup] = found.begins[ride.pickup] + excess
        if late is None:
            return found
    return Refusal(constraint=Constraint.RIDE_TIME, position=late.delivery if late else None)


def _route(terms: Terms, run: Run, found: Drive) -> Route:
    vehicle = run.vehicle
    stops: list[PlannedStop] = []
    reloads: list[PlannedReload] = []
    trips = iter(trips_of(run.order))
    first, *loads = loads_of(terms.ties, len(vehicle.capacities), next(trips))
    for position, item in enumerate(run.order):
        arrival, begin, departure = found.arrivals[position], found.begins[position], found.departures[position]
        if isinstance(item, Reload):
            load, *loads = loads_of(terms.ties, len(vehicle.capacities), next(trips))
            reloads.append(
                PlannedReload(
                    after_stops=len(stops),
                    location=item.location,
                    arrival_seconds=arrival,
                    start_seconds=begin,
                    departure_seconds=departure,
                    load=load,
                )
            )
        else:
            stops.append(
                PlannedStop(
                    visit_id=item.id,
                    arrival_seconds=arrival,
                    service_start_seconds=begin,
                    departure_seconds=departure,
                    load_after=loads.pop(0),
                )
            )
    seconds = found.end - found.start
    return Route(
        vehicle_id=vehicle.id,
        stops=tuple(stops),
        start_seconds=found.start,
        end_seconds=found.end,
        load=first,
        distance_metres=run.metres,
        duration_seconds=seconds,
        cost=cost_of(vehicle, metres=run.metres, seconds=seconds) + found.late_cost + run.price,
        reloads=tuple(reloads),
        breaks=tuple(found.breaks),
        late_cost=found.late_cost,
        price=run.price,
    )
