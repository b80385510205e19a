"""Reads benchmark instances with their best-known answers into routing problems.

Read are VRPLIB files (`.vrp`, the answer in `.sol` beside it), Li and Lim's pickup-and-delivery files (`.txt`, the
best known vehicles and distance in `best_known.csv` beside them), and parcel days (a folder; its `customers.csv` is the
same day with each parcel in the van that took it). A problem's numbers are whole: lengths are scaled
and rounded as the set's convention has it, so that the cost of the best-known routes comes out exactly.
"""

import csv
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import vrplib  # type: ignore[import-untyped]  # has no types
from numpy.typing import NDArray

from app.solvers.routing.problem import (
    Backhaul,
    Pair,
    Reload,
    RoutingProblem,
    TimeWindow,
    TravelMatrix,
    Vehicle,
    Visit,
)
from benchmarks.parcel_day import METRES_A_KILOMETRE, parcel_day, vans_used
from benchmarks.plane import Plane, Rounding, on_plane, whole

# Up to here a whole matrix is built: it is read faster. Beyond, blocks of it are worked out.
MOST_PLACES_IN_A_MATRIX = 3_000
REQUIRED = 1e10
FOREVER = 2**31
PROHIBITED = 10**7
SCALED_COST = 1e8
SCALED_BY = 100_000
VEHICLES_FIRST = 10**10


@dataclass(frozen=True, kw_only=True)
class Convention:
    """How a set measures: length times `scale`, rounded; `cost_scale` of ours are one of the published cost."""

    scale: float
    rounding: Rounding
    cost_scale: float


CONVENTIONS = {
    "CVRP": Convention(scale=1, rounding="nearest", cost_scale=1),
    "VRPTW": Convention(scale=10, rounding="down", cost_scale=10),
    "PCVRPTW": Convention(scale=10, rounding="down", cost_scale=1),
    "MTVRPTWR": Convention(scale=10, rounding="down", cost_scale=1),
    "MDVRPTW": Convention(scale=1_000, rounding="nearest", cost_scale=1),
    "HFVRP": Convention(scale=10_000, rounding="nearest", cost_scale=1_000_000),
    "VRPB": Convention(scale=1, rounding="nearest", cost_scale=1),
    "PDPTW": Convention(scale=10_000, rounding="down", cost_scale=10_000),
}


@dataclass(frozen=True, kw_only=True)
class Order:
    """The visits of one vehicle in order, with a Reload between two trips."""

    vehicle_id: str
    entries: tuple[str | Reload, ...]


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A problem, what is known of it, and in which units: a published cost is ours divided by `cost_scale`.

    `best_known`: the published cost, None where none is. `best_routes`: the published routes.
    """

    name: str
    variant: str
    problem: RoutingProblem
    cost_scale: float
    best_known: float | None
    best_known_vehicles: int | None = None
    best_routes: tuple[Order, ...] = ()


def read(path: Path) -> Instance:
    """The instance in this file. Refuses with ValueError a file of a kind that is not known here."""
    if path.is_dir() or path.suffix == ".csv":
        return _read_parcel_day(path)
    if path.suffix == ".txt":
        return _read_li_lim(path)
    return _read_vrplib(path)


def _read_parcel_day(path: Path) -> Instance:
    folder = path if path.is_dir() else path.parent
    return Instance(
        name=f"{folder.name}, vans as they were" if path != folder else folder.name,
        variant="PARCELS",
        problem=parcel_day(folder, as_grouped=path != folder, penalty=REQUIRED),
        cost_scale=METRES_A_KILOMETRE,
        best_known=None,
        best_known_vehicles=vans_used(folder),
    )


def _read_vrplib(path: Path) -> Instance:
    given = vrplib.read_instance(path, compute_edge_weights=False)
    variant = str(given.get("type", "")).strip()
    if variant not in CONVENTIONS or variant == "PDPTW":
        known = ", ".join(sorted(CONVENTIONS))
        raise ValueError(f"{path.name} is of type {variant!r}; the types read here are {known}.")
    convention = CONVENTIONS[variant]
    fields = _Fields(given, convention)
    problem = RoutingProblem(
        vehicles=_vehicles(fields, variant), visits=_visits(fields, variant), matrix=_travel(fields, variant)
    )
    published = _published(path.with_suffix(".sol"), problem, variant)
    return Instance(
        name=path.stem,
        variant=variant,
        problem=problem,
        cost_scale=convention.cost_scale,
        best_known=published[0],
        best_known_vehicles=len(published[1]) or None,
        best_routes=published[1],
    )


class _Fields:
    """A VRPLIB file's fields, scaled, with the defaults that the sets imply."""

    def __init__(self, given: dict[str, Any], convention: Convention) -> None:
        self.given = given
        self.convention = convention
        self.places = int(given["dimension"])
        self.depots = [int(depot) for depot in given.get("depot", [0])]
        self.clients = range(len(self.depots), self.places)

    def per_place(self, name: str, default: float = 0) -> NDArray[np.int64]:
        """One number for each place, not scaled."""
        values = np.broadcast_to(np.asarray(self.given.get(name, default), dtype=np.float64), (self.places,))
        return np.rint(values).astype(np.int64)

    def times(self, name: str) -> NDArray[np.int64]:
        """Times, prizes and other lengths for each place."""
        return self.scaled(np.broadcast_to(np.asarray(self.given.get(name, 0), dtype=np.float64), (self.places,)))

    def windows(self) -> NDArray[np.int64] | None:
        """Start and end for each place."""
        return self.scaled(self.given["time_window"]) if "time_window" in self.given else None

    def scaled(self, values: Any) -> NDArray[np.int64]:
        """In our units."""
        exact = np.asarray(values, dtype=np.float64) * self.convention.scale
        return (np.floor(exact + 1e-9) if self.convention.rounding == "down" else np.rint(exact)).astype(np.int64)

    def vehicles(self) -> int:
        """As many as the file says; else more than anybody needs."""
        if "vehicles" in self.given:
            return int(self.given["vehicles"])
        needed = max(self.per_place(name).sum() for name in ("demand", "backhaul")) / int(self.given["capacity"])
        return min(len(self.clients), ceil(1.25 * float(needed)) + 10)

    def per_vehicle(self, name: str, default: float) -> list[float]:
        """One number for each vehicle."""
        values = np.broadcast_to(np.asarray(self.given.get(name, default), dtype=np.float64), (self.vehicles(),))
        return [float(value) for value in values]


def _vehicles(fields: _Fields, variant: str) -> tuple[Vehicle, ...]:
    windows = fields.windows()
    depots = [int(depot) - 1 for depot in fields.per_vehicle("vehicles_depot", 1)]
    capacities = fields.per_vehicle("capacity", 0)
    fixed = fields.per_vehicle("vehicles_fixed_cost", 0)
    unit = fields.per_vehicle("vehicles_unit_distance_cost", 1)
    longest = fields.per_vehicle("vehicles_max_duration", 0)
    return tuple(
        Vehicle(
            id=f"vehicle-{at + 1}",
            start_location=depot,
            end_location=depot,
            shift=TimeWindow(
                start_seconds=0 if windows is None else int(windows[depot][0]),
                end_seconds=FOREVER if windows is None else int(windows[depot][1]),
            ),
            capacities=(int(capacities[at]),),
            fixed_cost=fixed[at] * fields.convention.scale,
            cost_per_metre=unit[at],
            max_duration_seconds=int(longest[at] * fields.convention.scale) or None,
            backhaul=Backhaul.PICKUPS_LAST if variant == "VRPB" else Backhaul.MIXED,
            reload_locations=(depot,) if "vehicles_reload_depot" in fields.given else (),
        )
        for at, depot in enumerate(depots)
    )


def _visits(fields: _Fields, variant: str) -> tuple[Visit, ...]:
    demand, backhaul = fields.per_place("demand"), fields.per_place("backhaul")
    service, release, prize = fields.times("service_time"), fields.times("release_time"), fields.times("prize")
    windows = fields.windows()
    return tuple(
        Visit(
            id=str(client),
            location=client,
            demand=(int(demand[client]),),
            pickup=(int(backhaul[client]),) if variant == "VRPB" else (),
            service_seconds=int(service[client]),
            windows=() if windows is None else (_window(windows[client]),),
            release_seconds=int(release[client]) or None,
            unserved_penalty=float(prize[client]) or REQUIRED,
        )
        for client in fields.clients
    )


def _window(pair: Any) -> TimeWindow:
    return TimeWindow(start_seconds=int(pair[0]), end_seconds=int(pair[1]))


def _travel(fields: _Fields, variant: str) -> TravelMatrix:
    points = np.asarray(fields.given["node_coord"], dtype=np.float64)
    plane = Plane(x=points[:, 0], y=points[:, 1], scale=fields.convention.scale, rounding=fields.convention.rounding)
    travel = on_plane(plane)
    if fields.places > MOST_PLACES_IN_A_MATRIX:
        return travel
    matrix = whole(travel)
    if variant == "VRPB":
        # A route may not be of backhauls alone (Queiroga et al. 2020): none is reached from the depot.
        matrix.distances_metres[0, fields.per_place("backhaul") > 0] = PROHIBITED
    return matrix


def _published(path: Path, problem: RoutingProblem, variant: str) -> tuple[float | None, tuple[Order, ...]]:
    """The cost that is printed there, and the routes."""
    if not path.exists():
        return None, ()
    routes, printed = _routes_and_cost(path)
    depots = min(visit.location for visit in problem.visits)
    orders = tuple(
        Order(
            vehicle_id=problem.vehicles[at].id,
            entries=tuple(Reload(location=place) if place < depots else str(place) for place in route),
        )
        for at, route in enumerate(routes)
        if route
    )
    # Some files of Pessoa's set print scaled integers, thousands of millions, where the others print hundred thousands.
    scaled = variant == "HFVRP" and printed > SCALED_COST
    return printed / SCALED_BY if scaled else printed, orders


def _routes_and_cost(path: Path) -> tuple[list[list[int]], float]:
    """One list for each `Route` line, empty ones too, since their number tells the vehicle."""
    routes, cost = [], float("nan")
    for line in path.read_text().splitlines():
        words = line.replace(":", " ").split()
        if words and words[0] == "Route":
            routes.append([int(word) for word in words[2:]])
        elif words and words[0] == "Cost":
            cost = float(words[1])
    return routes, cost


def _read_li_lim(path: Path) -> Instance:
    """Li and Lim 2001: vehicles, capacity, speed; then place, x, y, demand, start, end, service, pickup, delivery."""
    convention = CONVENTIONS["PDPTW"]
    header, *rows = ([float(word) for word in line.split()] for line in path.read_text().splitlines() if line.strip())
    table = np.array(rows)
    times = np.rint(table[:, 4:7] * convention.scale).astype(np.int64)
    visits, pairs = [], []
    for row, (start, end, service) in zip(table[1:], times[1:], strict=True):
        place, amount, pickup, delivery = int(row[0]), int(row[3]), int(row[7]), int(row[8])
        visits.append(
            Visit(
                id=str(place),
                location=place,
                demand=(max(0, -amount),),
                pickup=(max(0, amount),),
                service_seconds=int(service),
                windows=(TimeWindow(start_seconds=int(start), end_seconds=int(end)),),
                unserved_penalty=REQUIRED * 100,
            )
        )
        if pickup == 0:
            pairs.append(Pair(pickup_visit_id=str(place), delivery_visit_id=str(delivery)))
    vehicle = Vehicle(
        id="",
        start_location=0,
        end_location=0,
        shift=TimeWindow(start_seconds=int(times[0][0]), end_seconds=int(times[0][1])),
        capacities=(int(header[1]),),
        fixed_cost=VEHICLES_FIRST,
        cost_per_metre=1.0,
    )
    plane = Plane(x=table[:, 1], y=table[:, 2], scale=convention.scale, rounding=convention.rounding)
    vehicles, cost = _best_known_of(path)
    return Instance(
        name=path.stem,
        variant="PDPTW",
        problem=RoutingProblem(
            vehicles=tuple(replace(vehicle, id=f"vehicle-{at + 1}") for at in range(int(header[0]))),
            visits=tuple(visits),
            pairs=tuple(pairs),
            matrix=whole(on_plane(plane)),
        ),
        cost_scale=convention.cost_scale,
        best_known=cost,
        best_known_vehicles=vehicles,
    )


def _best_known_of(path: Path) -> tuple[int | None, float | None]:
    table = path.with_name("best_known.csv")
    if table.exists():
        with table.open(newline="") as file:
            for name, vehicles, cost in csv.reader(file):
                if name == path.stem:
                    return int(vehicles), float(cost)
    return None, None
