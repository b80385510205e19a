"""A real parcel day from a user's own files, as a city: stations, vans with their capacities, packages with windows.

The folder holds `depots.csv` (depot_id, long, lat), `vehicles.csv` (vehicle_id, depot_id, capacity in cm3) and
`customers.csv` (customer_id, dropoff_long, dropoff_lat, demand in cm3, service_duration in seconds, depot_id,
dropoff_tw_start and dropoff_tw_end in UTC or empty, delivered_date).
"""

import csv
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from app.simulator.city import City, CityOrder, Person

CUBIC_CENTIMETRES_PER_LITRE = 1_000
SHIFT_START_MINUTE, SHIFT_END_MINUTE = 480, 1_200
PLENTY = 1_000_000
FILES = ("depots.csv", "vehicles.csv", "customers.csv")

Row = dict[str, str]


def build(folder: Path, *, zone: ZoneInfo) -> City:
    """The day that the folder's files describe; refuses a folder that lacks one of them."""
    missing = [name for name in FILES if not (folder / name).exists()]
    if missing:
        raise FileNotFoundError(f"{folder} has no {missing[0]}. It needs {', '.join(FILES)}.")
    depots, vehicles, customers = (_rows(folder / name) for name in FILES)
    day = date.fromisoformat(customers[0]["delivered_date"])
    return City(
        day=day,
        zone=zone,
        nodes=[_node(row, zone) for row in depots],
        carriers=[_fleet(len(customers))],
        vehicles=[_vehicle(row) for row in vehicles],
        drivers=[_driver(row) for row in vehicles],
        products=[
            {"sku": _sku(row["depot_id"]), "description": "Parcel", "weightKg": 1.0, "volumeL": 5.0} for row in depots
        ],
        stock=[{"node": row["depot_id"], "sku": _sku(row["depot_id"]), "onHand": len(customers)} for row in depots],
        orders=[_order(row, day=day, zone=zone) for row in customers],
    )


def _rows(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _sku(depot: str) -> str:
    return f"PARCEL-{depot}"


def _node(row: Row, zone: ZoneInfo) -> dict[str, object]:
    return {
        "reference": row["depot_id"],
        "name": f"Station {row['depot_id']}",
        "kind": "HUB",
        "line1": "Station",
        "city": row["depot_id"],
        "country": "US",
        "location": {"latitude": float(row["lat"]), "longitude": float(row["long"])},
        "timeZone": zone.key,
        "opensMinute": 0,
        "closesMinute": 1_440,
        "cutoffMinute": 1_440,
        "throughputPerHour": PLENTY,
        "handlingMinor": 30,
    }


def _fleet(limit: int) -> dict[str, object]:
    return {
        "reference": "OWN",
        "name": "Own fleet",
        "kind": "OWN_FLEET",
        "tenderMode": "AUTOMATIC",
        "services": ["STANDARD"],
        "skills": [],
        "zoneRadiusMetres": 150_000,
        "baseMinor": 150,
        "perKmMinor": 5,
        "perKgMinor": 0,
        "maxWeightKg": 1_000.0,
        "responseMinutes": 30,
        "cutoffMinute": 1_440,
        "dailyLimit": limit,
        "gramsCo2PerKm": 200,
    }


def _vehicle(row: Row) -> dict[str, object]:
    return {
        "registration": row["vehicle_id"],
        "carrier": "OWN",
        "node": row["depot_id"],
        "maxWeightKg": 10_000.0,
        "maxVolumeL": float(row["capacity"]) / CUBIC_CENTIMETRES_PER_LITRE,
        "fixedMinor": 5_000,
        "perKmMinor": 40,
        "perHourMinor": 2_500,
        "skills": [],
    }


def _driver(row: Row) -> dict[str, object]:
    return {
        "reference": f"driver-{row['vehicle_id']}",
        "name": f"Driver {row['vehicle_id']}",
        "carrier": "OWN",
        "vehicle": row["vehicle_id"],
        "skills": [],
        "shiftStartMinute": SHIFT_START_MINUTE,
        "shiftEndMinute": SHIFT_END_MINUTE,
    }


def _order(row: Row, *, day: date, zone: ZoneInfo) -> CityOrder:
    start = _moment(row["dropoff_tw_start"]) or datetime.combine(day, time(SHIFT_START_MINUTE // 60), zone)
    end = _moment(row["dropoff_tw_end"]) or datetime.combine(day, time(SHIFT_END_MINUTE // 60), zone)
    person = Person(
        name=f"Customer {row['customer_id']}",
        phone="",
        email="",
        locale="en",
        channels=["IN_APP"],
        absent_visits=0,
        rates=False,
        mood=1.0,
    )
    order: dict[str, object] = {
        "reference": row["customer_id"],
        "recipient": {"name": person.name, "locale": person.locale, "channels": person.channels},
        "address": {
            "line1": "Doorstep",
            "city": row["depot_id"],
            "country": "US",
            "location": {"latitude": float(row["dropoff_lat"]), "longitude": float(row["dropoff_long"])},
        },
        "lines": [
            {
                "sku": _sku(row["depot_id"]),
                "quantity": 1,
                "weightKg": 1.0,
                "volumeL": max(0.001, float(row["demand"]) / CUBIC_CENTIMETRES_PER_LITRE),
            }
        ],
        "requestedWindow": {"start": start.isoformat(), "end": end.isoformat()},
        "proofRequirements": ["BARCODE"],
        "serviceSeconds": round(float(row["service_duration"])),
    }
    return CityOrder(input=order, person=person)


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
