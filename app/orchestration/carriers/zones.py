"""In which zone of a service each door lies. Pure, and over whole arrays: no clock, no database.

The first zone of the list that holds a door is its zone. Polygons are taken as flat on longitude and latitude, which is
right for areas far smaller than the globe that do not cross the 180th meridian.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.core.geo import EARTH_RADIUS_METRES, Point
from app.orchestration.carriers.documents import Zone

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NOWHERE = -1


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Where goods go: one entry per order in each array, degrees WGS 84. Postcodes without blanks, in capitals."""

    latitudes: Floats
    longitudes: Floats
    countries: Sequence[str]
    postcodes: Sequence[str]

    def __len__(self) -> int:
        return len(self.latitudes)


def normalised_postcode(value: str | None) -> str:
    """A postcode as prefixes are compared: without blanks and dashes, in capitals."""
    return (value or "").replace(" ", "").replace("-", "").upper()


def metres_from(place: Point, doors: Doors) -> Floats:
    """Great-circle metres from one place to each door (haversine, as core/geo.py)."""
    latitude, others = np.radians(place.latitude), np.radians(doors.latitudes)
    half = np.sin((others - latitude) / 2) ** 2
    half += np.cos(latitude) * np.cos(others) * np.sin(np.radians(doors.longitudes - place.longitude) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_METRES * np.arcsin(np.minimum(1.0, np.sqrt(half))))


def zone_numbers(zones: Sequence[Zone], doors: Doors, *, metres: Floats) -> Numbers:
    """The number of each door's zone in `zones`, or NOWHERE, in the shape of `metres`: [doors] or [nodes, doors]."""
    found = np.full(metres.shape, NOWHERE, dtype=np.int64)
    for number, zone in enumerate(zones):
        free = found == NOWHERE
        if not free.any():
            break
        found[free & _held(zone, doors, metres)] = number
    return found


def _held(zone: Zone, doors: Doors, metres: Floats) -> Flags:
    if zone.radius_metres is not None:
        inside = metres <= zone.radius_metres
    elif zone.postcode_prefixes:
        inside = has_prefix(doors.postcodes, zone.postcode_prefixes)
    else:
        inside = in_polygon(zone.polygon, doors.latitudes, doors.longitudes)
    if zone.country is not None:
        inside = inside & np.fromiter((country == zone.country for country in doors.countries), bool, len(doors))
    return np.asarray(inside)


def has_prefix(postcodes: Sequence[str], prefixes: Sequence[str]) -> Flags:
    """Whether each postcode starts with one of the prefixes."""
    wanted = tuple(normalised_postcode(prefix) for prefix in prefixes)
    return np.fromiter((postcode.startswith(wanted) for postcode in postcodes), bool, len(postcodes))


def in_polygon(rings: Sequence[Sequence[tuple[float, float]]], latitudes: Floats, longitudes: Floats) -> Flags:
    """Whether each point lies within the outer ring and in no hole: even-odd rule over all rings (Haines 1994)."""
    outer = np.asarray(rings[0])
    inside = np.zeros(len(latitudes), dtype=bool)
    near = (
        (longitudes >= outer[:, 0].min())
        & (longitudes <= outer[:, 0].max())
        & (latitudes >= outer[:, 1].min())
        & (latitudes <= outer[:, 1].max())
    )
    if not near.any():
        return inside
    x, y = longitudes[near], latitudes[near]
    odd = np.zeros(len(x), dtype=bool)
    for ring in rings:
        for (x1, y1), (x2, y2) in pairwise(ring):
            if y1 != y2:
                crosses = (y1 > y) != (y2 > y)
                odd ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    inside[near] = odd
    return inside
