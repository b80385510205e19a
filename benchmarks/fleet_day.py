"""A made-up day of a large fleet: nodes, vans, drivers and orders, as rows. The same seed makes the same day.

The kinds are those of real parcel days: service of a median 69 s, some windows of a few hours, some goods that need a
cooled van; orders lie in towns around each node. Nothing here is anybody's data.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.auth import tokens
from app.core.ids import new_id
from app.models import CarrierKind, MovementReason, ShipmentState, TenderMode

Row = dict[str, Any]

SPACING_DEGREES = 0.9  # between nodes, about 90 km
TOWNS_A_NODE = 40
TOWN_SPREAD_DEGREES, NODE_SPREAD_DEGREES = 0.02, 0.16
SERVICE_MEDIAN_SECONDS, SERVICE_LOG_SPREAD = 69.0, 0.87
WITH_WINDOW, WITH_COLD = 0.2, 0.05
WINDOW_STARTS_HOURS = (8, 10, 12, 14, 16)
WINDOW_HOURS = 3
ORDERS_A_VAN = 95
COLD_VANS = 0.2
SKUS = 200
SHIFTS_MINUTES = ((480, 1_020), (540, 1_140), (600, 1_200))


@dataclass(frozen=True, kw_only=True)
class FleetDay:
    """All rows of the day, in the order in which they can be written."""

    day: date
    nodes: list[Row]
    carrier: Row
    vehicles: list[Row]
    drivers: list[Row]
    products: list[Row]
    levels: list[Row]
    movements: list[Row]
    orders: list[Row]
    lines: list[Row]


def build(*, orders: int, nodes: int, day: date, seed: int = 1, secret: str) -> FleetDay:
    """The day: `orders` spread evenly over `nodes`, with vans enough for them."""
    draw = np.random.default_rng(seed)
    places = [_node(number, day) for number in range(nodes)]
    carrier = _carrier(limit=orders * 2)
    per_node = -(-orders // nodes)
    vans = -(-per_node // ORDERS_A_VAN) + 2
    vehicles = [_vehicle(node, number, vans, carrier) for node in places for number in range(vans)]
    skus = [f"SKU-{number:03}" for number in range(SKUS)]
    made = _orders(draw, places, orders, skus, day=day, secret=secret)
    plenty = 10 * per_node
    return FleetDay(
        day=day,
        nodes=places,
        carrier=carrier,
        vehicles=vehicles,
        drivers=[_driver(vehicle, number) for number, vehicle in enumerate(vehicles)],
        products=[{"sku": sku, "weight_kg": 1.0, "volume_l": 5.0} for sku in skus],
        levels=[{"node_id": node["id"], "sku": sku, "on_hand": plenty} for node in places for sku in skus],
        movements=[
            {"node_id": node["id"], "sku": sku, "on_hand_delta": plenty, "reason": MovementReason.RECEIPT}
            for node in places
            for sku in skus
        ],
        orders=[order for order, _ in made],
        lines=[line for _, line in made],
    )


def assigned(day: FleetDay) -> tuple[list[Row], list[Row], list[Row]]:
    """Allocations, shipments and their lines as if every order had gone to the node that it lies around."""
    allocations, shipments, lines = [], [], []
    for number, (order, line) in enumerate(zip(day.orders, day.lines, strict=True)):
        node = day.nodes[number % len(day.nodes)]
        shared = {
            "order_id": order["id"],
            "node_id": node["id"],
            "carrier_id": day.carrier["id"],
            "service": order["service_level"],
            "window_start": order["promised_start"],
            "window_end": order["promised_end"],
            "currency": order["currency"],
        }
        allocation = {**shared, "id": new_id(), "capacity_date": day.day}
        allocations.append(allocation)
        shipment = {
            **shared,
            "id": new_id(),
            "reference": f"{order['reference']}/1",
            "allocation_id": allocation["id"],
            "state": ShipmentState.ASSIGNED,
            "weight_kg": line["weight_kg"],
            "volume_l": line["volume_l"],
        }
        shipments.append(shipment)
        lines.append({"shipment_id": shipment["id"], "sku": line["sku"], "quantity": line["quantity"]})
    return allocations, shipments, lines


def _node(number: int, day: date) -> Row:
    return {
        "id": new_id(),
        "reference": f"N{number:02}",
        "name": f"Node {number}",
        "line1": "Industrial estate 1",
        "city": f"Region {number}",
        "country": "PT",
        "latitude": 37.5 + SPACING_DEGREES * (number % 4),
        "longitude": -9.0 + SPACING_DEGREES * (number // 4) / 0.78,
        "time_zone": "UTC",
        "opens_minute": 0,
        "closes_minute": 1_440,
        "cutoff_minute": 1_440,
        "throughput_per_hour": 1_000_000,
        "handling_minor": 30,
        "created_at": datetime.combine(day, datetime.min.time(), UTC),
    }


def _carrier(*, limit: int) -> Row:
    return {
        "id": new_id(),
        "reference": "OWN",
        "name": "Own fleet",
        "kind": CarrierKind.OWN_FLEET,
        "tender_mode": TenderMode.AUTOMATIC,
        "services": ["STANDARD"],
        "skills": ["COLD"],
        "zone_radius_metres": 60_000,
        "base_minor": 150,
        "per_km_minor": 5,
        "max_weight_kg": 1_000.0,
        "response_minutes": 30,
        "cutoff_minute": 1_440,
        "daily_limit": limit,
    }


def _vehicle(node: Row, number: int, vans: int, carrier: Row) -> Row:
    is_cold = number < round(vans * COLD_VANS)
    return {
        "id": new_id(),
        "registration": f"{node['reference']}-{number:03}",
        "carrier_id": carrier["id"],
        "node_id": node["id"],
        "max_weight_kg": 1_000.0,
        "max_volume_l": 5.0 * (ORDERS_A_VAN + 40),
        "fixed_minor": 5_000,
        "per_km_minor": 40,
        "per_hour_minor": 2_500,
        "skills": ["COLD"] if is_cold else [],
    }


def _driver(vehicle: Row, number: int) -> Row:
    start, end = SHIFTS_MINUTES[number % len(SHIFTS_MINUTES)]
    return {
        "id": new_id(),
        "reference": f"D-{vehicle['registration']}",
        "name": f"Driver {number}",
        "carrier_id": vehicle["carrier_id"],
        "vehicle_id": vehicle["id"],
        "shift_start_minute": start,
        "shift_end_minute": end,
    }


def _orders(
    draw: np.random.Generator, nodes: list[Row], count: int, skus: list[str], *, day: date, secret: str
) -> list[tuple[Row, Row]]:
    midnight = datetime.combine(day, datetime.min.time(), UTC)
    home = np.arange(count) % len(nodes)
    where = _places(draw, nodes, home)
    service = np.clip(draw.lognormal(np.log(SERVICE_MEDIAN_SECONDS), SERVICE_LOG_SPREAD, count), 20, 900).astype(int)
    windowed, cold = draw.random(count) < WITH_WINDOW, draw.random(count) < WITH_COLD
    starts = draw.choice(WINDOW_STARTS_HOURS, count)
    goods = draw.integers(len(skus), size=count)
    made = []
    for number in range(count):
        first = int(starts[number]) if windowed[number] else 8
        last = first + WINDOW_HOURS if windowed[number] else 20
        window = (midnight + timedelta(hours=first), midnight + timedelta(hours=last))
        key = new_id()
        order = _order(number, key, where[number], window, secret=secret)
        order["service_seconds"] = int(service[number])
        order["required_skills"] = ["COLD"] if cold[number] else []
        line = {
            "order_id": key,
            "sku": skus[int(goods[number])],
            "quantity": 1,
            "weight_kg": 1.0,
            "volume_l": 5.0,
        }
        made.append((order, line))
    return made


def _places(draw: np.random.Generator, nodes: list[Row], home: NDArray[np.int64]) -> NDArray[np.float64]:
    """Latitude and longitude of each order: in one of the towns around its node."""
    centres = np.array([[node["latitude"], node["longitude"]] for node in nodes])
    towns = centres[:, None, :] + draw.normal(0, NODE_SPREAD_DEGREES, (len(nodes), TOWNS_A_NODE, 2))
    town = draw.integers(TOWNS_A_NODE, size=len(home))
    spread: NDArray[np.float64] = draw.normal(0, TOWN_SPREAD_DEGREES, (len(home), 2))
    return towns[home, town] + spread


def _order(
    number: int,
    key: uuid.UUID,
    place: NDArray[np.float64],
    window: tuple[datetime, datetime],
    *,
    secret: str,
) -> Row:
    start, end = window
    return {
        "id": key,
        "reference": f"F{number:06}",
        "service_level": "STANDARD",
        "recipient_name": f"Customer {number}",
        "locale": "en",
        "channels": ["IN_APP"],
        "line1": f"Street {number}",
        "city": "Town",
        "country": "PT",
        "latitude": float(place[0]),
        "longitude": float(place[1]),
        "requested_start": start,
        "requested_end": end,
        "promised_start": start,
        "promised_end": end,
        "currency": "EUR",
        "input_hash": "none",
        "tracking_token_hash": tokens.hash_token(tokens.tracking_token(secret, key)),
    }
