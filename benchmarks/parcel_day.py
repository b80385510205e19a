"""A real parcel day as a routing problem: two stations or more, vans with their capacities, doors on the map.

The folder holds what `doorstep demo --parcels` reads (docs/operations.md), and in `customers.csv` also `vehicle_id`:
the van that took the parcel. Roads are the product's own estimate from great circles; the cost is
kilometres.
"""

import csv
from datetime import datetime
from pathlib import Path

from app.orchestration.travel import ROAD
from app.solvers.routing.problem import Location, RoutingProblem, TimeWindow, Vehicle, Visit

LONGEST_ROUTE_SECONDS = 12 * 3_600
METRES_A_KILOMETRE = 1_000

Row = dict[str, str]


def parcel_day(folder: Path, *, as_grouped: bool, penalty: float) -> RoutingProblem:
    """Every parcel by any van of its station, or, `as_grouped`, by the van that took it.

    Seconds count from the first window on. A van leaves when it likes, and is out for twelve hours at most, between the
    first window's beginning and the last one's end. Capacities and demands in cm3.
    `penalty`: what leaving a parcel out costs.
    """
    depots, vans, parcels = (_rows(folder / name) for name in ("depots.csv", "vehicles.csv", "customers.csv"))
    opens, closes = _day(parcels)
    station = {row["depot_id"]: number for number, row in enumerate(depots)}
    places = [
        *(_place(row, "lat", "long") for row in depots),
        *(_place(r, "dropoff_lat", "dropoff_long") for r in parcels),
    ]
    of_station = {id: frozenset(row["vehicle_id"] for row in vans if row["depot_id"] == id) for id in station}
    return RoutingProblem(
        vehicles=tuple(_van(row, station[row["depot_id"]], day_seconds=closes - opens) for row in vans),
        visits=tuple(
            _visit(
                row,
                location=len(depots) + number,
                opens=opens,
                penalty=penalty,
                vans=frozenset({row["vehicle_id"]}) if as_grouped else of_station[row["depot_id"]],
            )
            for number, row in enumerate(parcels)
        ),
        locations=tuple(places),
        road=ROAD,
    )


def vans_used(folder: Path) -> int:
    """How many vans the carrier itself sent out."""
    return len({row["vehicle_id"] for row in _rows(folder / "customers.csv")})


def _rows(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _place(row: Row, latitude: str, longitude: str) -> Location:
    return Location(latitude=float(row[latitude]), longitude=float(row[longitude]))


def _seconds(moment: str) -> int:
    return round(datetime.fromisoformat(f"{moment}+00:00").timestamp())


def _day(parcels: list[Row]) -> tuple[int, int]:
    """The first window's beginning and the last one's end; twelve hours where no parcel has a window."""
    windowed = [row for row in parcels if row["dropoff_tw_start"]]
    begins = min((_seconds(row["dropoff_tw_start"]) for row in windowed), default=0)
    return begins, max((_seconds(row["dropoff_tw_end"]) for row in windowed), default=begins + LONGEST_ROUTE_SECONDS)


def _van(row: Row, station: int, *, day_seconds: int) -> Vehicle:
    return Vehicle(
        id=row["vehicle_id"],
        capacities=(round(float(row["capacity"])),),
        start_location=station,
        end_location=station,
        shift=TimeWindow(start_seconds=0, end_seconds=day_seconds),
        max_duration_seconds=LONGEST_ROUTE_SECONDS,
        cost_per_metre=1.0,
    )


def _visit(row: Row, *, location: int, opens: int, penalty: float, vans: frozenset[str]) -> Visit:
    window = [_seconds(row[name]) - opens for name in ("dropoff_tw_start", "dropoff_tw_end") if row[name]]
    return Visit(
        id=row["customer_id"],
        location=location,
        demand=(round(float(row["demand"])),),
        service_seconds=round(float(row["service_duration"])),
        windows=(TimeWindow(start_seconds=window[0], end_seconds=window[1]),) if window else (),
        allowed_vehicle_ids=vans,
        unserved_penalty=penalty,
    )
