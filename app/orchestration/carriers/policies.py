"""What a carrier serves, and what it charges. Pure: no clock, no database."""

from collections.abc import Collection
from datetime import date, datetime
from math import ceil
from zoneinfo import ZoneInfo

from app.core.geo import Point, great_circle_metres
from app.models import Carrier
from app.orchestration.nodes.policies import at_minute

METRES_PER_KM = 1_000


def covers(carrier: Carrier, node_point: Point, door_point: Point) -> bool:
    """Whether the carrier brings goods from this node to this door: its zone is a circle around the node."""
    return carrier.is_active and great_circle_metres(node_point, door_point) <= carrier.zone_radius_metres


def carries(carrier: Carrier, *, service: str, weight_kg: float, skills: Collection[str]) -> bool:
    """Whether the carrier offers the service, may lift the weight and has every skill."""
    return service in carrier.services and weight_kg <= carrier.max_weight_kg and set(skills) <= set(carrier.skills)


def quote_minor(carrier: Carrier, distance_metres: float, weight_kg: float) -> int:
    """The rate card's price in minor units; distance and weight are each rounded up to the next minor unit."""
    distance_minor = ceil(round(carrier.per_km_minor * distance_metres / METRES_PER_KM, 6))
    return carrier.base_minor + distance_minor + ceil(round(carrier.per_kg_minor * weight_kg, 6))


def cutoff(carrier: Carrier, day: date, *, zone: ZoneInfo) -> datetime:
    """Until when the carrier takes shipments of a local day."""
    return at_minute(day, carrier.cutoff_minute, zone=zone)
