"""How far and how long between places, for each profile of vehicle, and how traffic stretches it by time of day.

Without a road network: the calibrated great circle. Roads are longer than it by a factor that varies little within a
city; 1.3 is a usual figure for cities. A great circle is worked out leg by leg, so that a problem of 100,000 places
needs no matrix of 10,000,000,000.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.problem import (
    Integers,
    Location,
    RoadEstimate,
    RoutingProblem,
    TrafficProfile,
    TravelMatrix,
)

EARTH_RADIUS_METRES = 6_371_008.8
# An arrival this little past a whole second is that second: what division leaves behind is no time.
INSTANT_SECONDS = 1e-6
# So many rows of a block are worked out at once: what lies between then fits a processor's cache.
ROWS_AT_ONCE = 64

Places = Sequence[int] | Integers


class Travel:
    """Metres and seconds between the places of one profile, without traffic; of a matrix, or of coordinates."""

    def __init__(self, *, matrix: TravelMatrix | None, locations: Sequence[Location], road: RoadEstimate) -> None:
        self.matrix = matrix
        self.road = road
        self.points = on_sphere([] if matrix is not None else locations)

    def legs(self, origins: Places, destinations: Places) -> tuple[list[int], list[int]]:
        """Metres and seconds of each leg, pair by pair."""
        metres, seconds = self.between(origins, destinations)
        return metres.tolist(), seconds.tolist()

    def between(self, origins: Places, destinations: Places) -> tuple[Integers, Integers]:
        """Metres and seconds of each leg, pair by pair, as arrays."""
        a, b = np.asarray(origins, dtype=np.int64), np.asarray(destinations, dtype=np.int64)
        if self.matrix is not None:
            return self.matrix.distances_metres[a, b], self.matrix.durations_seconds[a, b]
        metres, seconds = self._estimate(self.points[:, a], self.points[:, b])
        return metres.astype(np.int64), seconds.astype(np.int64)

    def block(self, places: Places, *, kind: type[np.integer[Any]] = np.int64) -> TravelMatrix:
        """A square matrix of these places only, in their order; one array for both where metres are seconds.

        Some rows at a time: fresh memory for what lies between takes longer than working it out.
        """
        kept = np.asarray(places, dtype=np.int64)
        metres = np.empty((len(kept), len(kept)), kind)
        points, given = self.points[:, kept] if self.matrix is None else self.points, self.matrix
        same = given is not None and given.durations_seconds is given.distances_metres
        seconds = metres if same else np.empty_like(metres)
        for first in range(0, len(kept), ROWS_AT_ONCE):
            rows, ahead = slice(first, first + ROWS_AT_ONCE), slice(first, None)
            if given is None:
                found = self._estimate(points[:, rows, None], points[:, None, ahead])
                for matrix, way in zip((metres, seconds), found, strict=True):
                    matrix[rows, ahead] = way
                    matrix[ahead, rows] = matrix[rows, ahead].T  # every way back is as long
                continue
            square = kept[rows, None], kept[None, :]
            metres[rows] = given.distances_metres[square]
            if not same:
                seconds[rows] = given.durations_seconds[square]
        return TravelMatrix(distances_metres=metres, durations_seconds=seconds)

    def _estimate(
        self, origins: NDArray[np.float64], destinations: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The great circle over the chord, times the detour factor, at the road's speed. Whole metres and seconds."""
        way = (origins[0] - destinations[0]) ** 2
        for axis in (1, 2):
            way += (origins[axis] - destinations[axis]) ** 2
        np.sqrt(way, out=way)
        way /= 2
        np.minimum(way, 1.0, out=way)
        np.arcsin(way, out=way)
        way *= 2 * EARTH_RADIUS_METRES * self.road.detour_factor
        seconds = way / self.road.speed_metres_per_second
        return np.rint(way, out=way), np.rint(seconds, out=seconds)


def on_sphere(locations: Sequence[Location]) -> NDArray[np.float64]:
    """[3, n] points on a sphere of radius 1."""
    phi, lam = (np.radians([getattr(place, name) for place in locations]) for name in ("latitude", "longitude"))
    return np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])


def blocks(travels: Sequence[Travel], places: Places) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Metres and seconds among these places, [profile, from, to]; one and the same array where they are the same."""
    found = [travel.block(places, kind=np.int32) for travel in travels]
    metres = _stacked([one.distances_metres for one in found])
    if all(one.durations_seconds is one.distances_metres for one in found):
        return metres, metres
    return metres, _stacked([one.durations_seconds for one in found])


def _stacked(matrices: Sequence[NDArray[Any]]) -> NDArray[np.int32]:
    """[profile, from, to]; one alone is not copied."""
    return np.asarray(matrices[0][None] if len(matrices) == 1 else np.stack(matrices), dtype=np.int32)


def travel_of(problem: RoutingProblem, profile: str) -> Travel:
    """The profile's own matrix or estimate, else the problem's."""
    matrix, road = problem.matrices.get(profile), problem.roads.get(profile)
    if matrix is None and road is None:
        matrix = problem.matrix
    return Travel(matrix=matrix, locations=problem.locations, road=road or problem.road)


def great_circle(locations: tuple[Location, ...], road: RoadEstimate) -> TravelMatrix:
    """Between all pairs of places, by the estimate."""
    return Travel(matrix=None, locations=locations, road=road).block(range(len(locations)))


def matrix_of(problem: RoutingProblem) -> TravelMatrix:
    """The whole matrix of the default profile: the problem's own, or the estimate. Only for small problems."""
    return problem.matrix if problem.matrix is not None else great_circle(problem.locations, problem.road)


def arrival_of(traffic: TrafficProfile | None, *, departure: int, seconds: int) -> int:
    """When a leg that takes `seconds` on a free road ends, in whole seconds, rounded up.

    The road is driven at each band's factor while the clock is in it (Ichoua, Gendreau, Potvin 2003, section 3).
    """
    if traffic is None or seconds == 0:
        return departure + seconds
    starts, factors, period = traffic.starts_seconds, traffic.speed_factors, traffic.period_seconds
    midnight = departure - departure % period
    band = max(number for number, start in enumerate(starts) if start <= departure - midnight)
    clock, left = float(departure), float(seconds)
    while True:
        closes = midnight + (starts[band + 1] if band + 1 < len(starts) else period)
        span = (closes - clock) * factors[band]
        if left <= span:
            return ceil(clock + left / factors[band] - INSTANT_SECONDS)
        clock, left, band = float(closes), left - span, band + 1
        if band == len(starts):
            band, midnight = 0, midnight + period


def seconds_to_next_band(traffic: TrafficProfile, moment: int) -> int:
    """Until traffic flows at another factor."""
    time_of_day = moment % traffic.period_seconds
    return next((s for s in traffic.starts_seconds if s > time_of_day), traffic.period_seconds) - time_of_day
