"""Cuts a problem into parts that share no vehicle: by start, then by place, each small enough for one search."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.problem import RoutingProblem, TravelMatrix, Vehicle, Visit, may_serve

MOST_VISITS = 350


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some visits and the vehicles that serve them."""

    visits: tuple[Visit, ...]
    vehicles: tuple[Vehicle, ...]


def split(problem: RoutingProblem, travel: TravelMatrix, *, most_visits: int = MOST_VISITS) -> list[Part]:
    """Parts of at most `most_visits`, or of one vehicle. A visit goes to the nearest start with a vehicle for it.

    Visits that are tied to one another, or to the beginning of a route, are not told apart: then all is one part.
    """
    if _is_tied(problem):
        served = (visit for visit in problem.visits if any(may_serve(vehicle, visit) for vehicle in problem.vehicles))
        return [Part(visits=visits, vehicles=problem.vehicles)] if (visits := tuple(served)) else []
    fleets: dict[int | None, list[Vehicle]] = {}
    for vehicle in problem.vehicles:
        fleets.setdefault(vehicle.start_location, []).append(vehicle)
    gathered: dict[int | None, list[Visit]] = {start: [] for start in fleets}
    for visit in problem.visits:
        starts = [start for start, fleet in fleets.items() if any(may_serve(vehicle, visit) for vehicle in fleet)]
        if starts:
            nearest = min(starts, key=lambda start: _seconds_from(travel, start, visit))
            gathered[nearest].append(visit)
    parts = []
    for start, fleet in fleets.items():
        if gathered[start]:
            parts += _halve(travel, Part(visits=tuple(gathered[start]), vehicles=tuple(fleet)), most_visits)
    return parts


def _is_tied(problem: RoutingProblem) -> bool:
    if problem.pairs or problem.together or problem.apart or any(visit.group for visit in problem.visits):
        return True
    return any(vehicle.frozen_visit_ids for vehicle in problem.vehicles)


def _seconds_from(travel: TravelMatrix, start: int | None, visit: Visit) -> int:
    """An open start is wherever the first visit is."""
    return 0 if start is None else int(travel.durations_seconds[start, visit.location])


def _halve(travel: TravelMatrix, part: Part, most_visits: int) -> list[Part]:
    """Recursive bisection across the longer extent; each half gets the share of the work that its vehicles have."""
    if len(part.visits) <= most_visits or len(part.vehicles) < 2:
        return [part]
    places = _coordinates(travel, part)
    order = np.argsort(places[:, int(np.argmax(np.ptp(places, axis=0)))], kind="stable")
    left, right = part.vehicles[::2], part.vehicles[1::2]
    share = _strength(left) / (_strength(left) + _strength(right))
    work = np.cumsum(_work(part)[order])
    cut = min(len(order) - 1, int(np.searchsorted(work, share * work[-1])) + 1)
    halves = (
        Part(visits=tuple(part.visits[i] for i in order[:cut]), vehicles=left),
        Part(visits=tuple(part.visits[i] for i in order[cut:]), vehicles=right),
    )
    return [small for half in halves for small in _halve(travel, half, most_visits)]


def _coordinates(travel: TravelMatrix, part: Part) -> NDArray[np.float64]:
    """Two distances tell places apart: to the place farthest from the start, and to the place farthest from that."""
    metres = travel.distances_metres
    locations = np.array([visit.location for visit in part.visits])
    start = part.vehicles[0].start_location
    first = locations[int(np.argmax(metres[locations[0] if start is None else start, locations]))]
    second = locations[int(np.argmax(metres[first, locations]))]
    return np.stack([metres[first, locations], metres[second, locations]], axis=1).astype(np.float64)


def _work(part: Part) -> NDArray[np.float64]:
    """What each visit takes of a vehicle: the larger of its shares of capacity and of all service time."""
    service = np.array([visit.service_seconds for visit in part.visits], dtype=np.float64)
    share: NDArray[np.float64] = service / max(1.0, float(service.sum()))
    if part.vehicles[0].capacities:
        load = np.array([visit.demand for visit in part.visits], dtype=np.float64)
        capacity = np.array([vehicle.capacities for vehicle in part.vehicles], dtype=np.float64).sum(axis=0)
        share = np.maximum(share, (load / np.maximum(capacity, 1.0)).max(axis=1))
    return share + 1e-9


def _strength(vehicles: Sequence[Vehicle]) -> float:
    return float(sum(vehicle.shift.end_seconds - vehicle.shift.start_seconds for vehicle in vehicles))
