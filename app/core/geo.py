"""Points on the globe and the distance between them."""

from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_METRES = 6_371_008.8


@dataclass(frozen=True, kw_only=True)
class Point:
    """WGS 84 degrees."""

    latitude: float
    longitude: float

    @property
    def is_valid(self) -> bool:
        """Whether the numbers are on the globe."""
        return -90 <= self.latitude <= 90 and -180 <= self.longitude <= 180


def great_circle_metres(start: Point, end: Point) -> float:
    """Haversine distance on a sphere of the mean Earth radius."""
    latitude, other = radians(start.latitude), radians(end.latitude)
    half = sin((other - latitude) / 2) ** 2
    half += cos(latitude) * cos(other) * sin(radians(end.longitude - start.longitude) / 2) ** 2
    return 2 * EARTH_RADIUS_METRES * asin(min(1.0, sqrt(half)))
