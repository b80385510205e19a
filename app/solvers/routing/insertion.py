"""Cheapest feasible insertion: into an existing plan, or from nothing. A pair goes in together, into one vehicle.

Vehicles and positions are tried in the order of their detours, which are worked out for the whole plan at once; what
cannot beat the best found is not tried. Every order tried is timed by schedule.py, so whatever is answered can be
driven.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.driving import Refusal
from app.solvers.routing.problem import Reload, Vehicle, Visit, price_of
from app.solvers.routing.rules import Item, eligibility, visits_of
from app.solvers.routing.schedule import Terms, plan
from app.solvers.routing.solution import Constraint, Route

MOST_POSITIONS = 12


@dataclass(frozen=True, kw_only=True)
class Insertion:
    """The leg of the vehicle's order that a visit, or the pickup of a pair, goes into; the order and route with it.

    `cost`: what that adds in minor units.
    """

    vehicle_id: str
    position: int
    cost: float
    order: tuple[Item, ...]
    route: Route


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A vehicle with its most promising positions; `detour` is the least of them in metres, `cost` what it costs."""

    vehicle: Vehicle
    positions: tuple[int, ...]
    detour: int
    cost: float


class Plan:
    """Orders of vehicles that can be driven, with their routes, ready for insertions."""

    def __init__(self, terms: Terms, orders: Mapping[str, Sequence[Item]]) -> None:
        self.terms = terms
        self.orders: dict[str, tuple[Item, ...]] = {id: tuple(order) for id, order in orders.items() if order}
        self.routes: dict[str, Route] = {}
        for id, order in self.orders.items():
            route = plan(terms, terms.vehicles[id], order)
            if isinstance(route, Refusal):
                raise ValueError(f"The order of vehicle {id} cannot be driven: {route.constraint} refuses it.")
            self.routes[id] = route
        self.vehicle_of = {visit.id: id for id, order in self.orders.items() for visit in visits_of(order)}

    def place(self, insertion: Insertion) -> None:
        """Takes the insertion into the plan."""
        id = insertion.vehicle_id
        self.orders[id], self.routes[id] = insertion.order, insertion.route
        self.vehicle_of |= {visit.id: id for visit in visits_of(insertion.order)}

    def under(self, terms: Terms) -> "Plan":
        """The same orders by other terms, for trying what no longer would hold; not to be added to."""
        other = Plan(terms, {})
        other.orders, other.routes, other.vehicle_of = self.orders, self.routes, self.vehicle_of
        return other

    def cost(self, vehicle: Vehicle) -> float:
        """What its route costs now; nothing where it has none."""
        route = self.routes.get(vehicle.id)
        return route.cost if route is not None else 0.0

    def cheapest(
        self, visit: Visit, vehicles: Sequence[Vehicle], *, most_vehicles: int | None = None
    ) -> Insertion | None:
        """The feasible place that costs least of those tried; None where there is none.

        A delivery of a pair goes in with its pickup. `most_vehicles`: tries only so many whose detours cost least.
        """
        first, mate = self.unit(visit)
        best: Insertion | None = None
        for spot in self.spots(first, vehicles)[:most_vehicles]:
            if best is not None and spot.cost >= best.cost:
                break
            found = self.at(spot.vehicle, spot.positions, first, mate)
            if isinstance(found, Insertion) and (best is None or found.cost < best.cost):
                best = found
        return best

    def at(
        self, vehicle: Vehicle, positions: Sequence[int], visit: Visit, mate: Visit | None = None
    ) -> Insertion | Refusal:
        """The cheapest insertion at one of these positions, else what refuses it at the first of them.

        Vehicle and visits may be others than the problem's of the same ids: what if the van could carry more?
        """
        best: Insertion | None = None
        first: Refusal | None = None
        for position, order in self.candidates(vehicle, positions, visit, mate):
            route = plan(self.terms, vehicle, order)
            if isinstance(route, Refusal):
                first = first or route
            elif best is None or route.cost - self.cost(vehicle) < best.cost:
                cost = route.cost - self.cost(vehicle)
                best = Insertion(vehicle_id=vehicle.id, position=position, cost=cost, order=tuple(order), route=route)
        return best or first or Refusal(constraint=Constraint.MAX_STOPS)

    def unit(self, visit: Visit) -> tuple[Visit, Visit | None]:
        """What goes in at once: the visit alone, or pickup and delivery."""
        pair = self.terms.ties.pairs.get(visit.id)
        if pair is None:
            return visit, None
        return self.terms.visits[pair.pickup_visit_id], self.terms.visits[pair.delivery_visit_id]

    def candidates(
        self, vehicle: Vehicle, positions: Sequence[int], visit: Visit, mate: Visit | None
    ) -> Iterator[tuple[int, list[Item]]]:
        """Orders with the visit, or with the pair, at these positions; also with one more trip."""
        present = self.orders.get(vehicle.id, ())
        if mate is not None:
            for position in positions:
                for later in range(position, len(present) + 1):
                    yield position, [*present[:position], visit, *present[position:later], mate, *present[later:]]
            return
        for position in positions:
            before, behind = present[:position], present[position:]
            yield position, [*before, visit, *behind]
            for location in vehicle.reload_locations if present else ():
                yield position, [*before, Reload(location=location), visit, *behind]
                yield position, [*before, visit, Reload(location=location), *behind]

    def spots(self, visit: Visit, vehicles: Sequence[Vehicle]) -> list[Spot]:
        """The vehicles that may come and have room, the smallest detour's price first; of idle alike ones, one."""
        able = [vehicle for vehicle in vehicles if self.bar(vehicle, visit) is None]
        known: set[tuple[Vehicle, float]] = set()
        busy, spots = [], []
        for vehicle in able:
            if vehicle.id in self.orders:
                busy.append(vehicle)
            elif (kind := (replace(vehicle, id=""), price_of(vehicle, visit))) not in known:
                known.add(kind)
                spots.append(self._idle(vehicle, visit))
        return sorted([*spots, *self._busy(busy, visit)], key=lambda spot: spot.cost)

    def bar(self, vehicle: Vehicle, visit: Visit) -> Constraint | None:
        """The first rule that keeps the visit off this vehicle at any position, by what costs little to ask."""
        for one in self.unit(visit):
            if one is not None and (constraint := eligibility(vehicle, one)) is not None:
                return constraint
        company = self.terms.ties.together.get(visit.id)
        if company and any(self.vehicle_of.get(id, vehicle.id) != vehicle.id for id in company):
            return Constraint.TOGETHER
        present = [*visits_of(self.orders.get(vehicle.id, ()))]
        if vehicle.max_stops is not None and len(present) >= vehicle.max_stops:
            return Constraint.MAX_STOPS
        return self._overload(vehicle, visit, present)

    def _overload(self, vehicle: Vehicle, visit: Visit, present: Sequence[Visit]) -> Constraint | None:
        if any(demand > most for demand, most in zip(visit.demand, vehicle.capacities, strict=True)):
            return Constraint.CAPACITY
        if not vehicle.reload_locations and not self.terms.ties.pairs:
            for dimension, most in enumerate(vehicle.capacities):
                if sum(one.demand[dimension] for one in present) + visit.demand[dimension] > most:
                    return Constraint.CAPACITY
        return None

    def _idle(self, vehicle: Vehicle, visit: Visit) -> Spot:
        stops = (vehicle.start_location, visit.location, vehicle.end_location)
        places = [place for place in stops if place is not None]
        places = [
            place for place in (vehicle.start_location, visit.location, vehicle.end_location) if place is not None
        ]
        metres, _ = self.terms.travel(vehicle.profile).legs(places[:-1], places[1:])
        cost = vehicle.fixed_cost + sum(metres) * vehicle.cost_per_metre + price_of(vehicle, visit)
        return Spot(vehicle=vehicle, positions=(0,), detour=sum(metres), cost=cost)

    def _busy(self, vehicles: Sequence[Vehicle], visit: Visit) -> Iterator[Spot]:
        """Detours of every leg of these vehicles, profile by profile, at once."""
        for profile in dict.fromkeys(vehicle.profile for vehicle in vehicles):
            alike = [vehicle for vehicle in vehicles if vehicle.profile == profile]
            owners, origins, destinations = self._legs_of(alike, visit)
            travel, here = self.terms.travel(profile), np.full(len(owners), visit.location)
            to, on = travel.between(origins, here)[0], travel.between(here, destinations)[0]
            detours = to + on - travel.between(origins, destinations)[0]
            bounds = np.searchsorted(owners, np.arange(len(alike) + 1))
            for number, vehicle in enumerate(alike):
                own = detours[bounds[number] : bounds[number + 1]]
                positions = tuple(np.argsort(own, kind="stable")[:MOST_POSITIONS].tolist())
                least = int(own[positions[0]])
                cost = least * vehicle.cost_per_metre + price_of(vehicle, visit)
                yield Spot(vehicle=vehicle, positions=positions, detour=least, cost=cost)

    def _legs_of(self, vehicles: Sequence[Vehicle], visit: Visit) -> tuple[NDArray[np.int64], ...]:
        """Owner (index), origin and destination of each leg; an open start or end is wherever the visit is."""
        owners, origins, destinations = [], [], []
        for number, vehicle in enumerate(vehicles):
            places = [item.location for item in self.orders[vehicle.id]]
            start = visit.location if vehicle.start_location is None else vehicle.start_location
            end = visit.location if vehicle.end_location is None else vehicle.end_location
            owners += [number] * (len(places) + 1)
            origins += [start, *places]
            destinations += [*places, end]
        return np.array(owners), np.array(origins), np.array(destinations)


def cheapest(
    terms: Terms, vehicles: Sequence[Vehicle], orders: Mapping[str, Sequence[Item]], visit: Visit
) -> Insertion | None:
    """The feasible place that costs least over all vehicles; None where there is none."""
    return Plan(terms, orders).cheapest(visit, vehicles)
