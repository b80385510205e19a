"""How far and how long between places, for each profile of vehicle, and how traffic stretches it by time of day.

Without a road network: the calibrated great circle. Roads are longer than it by a factor that varies little within a
city; 1.3 is a usual figure for cities. A great circle is worked out leg by leg, so that a problem of 100,000 places
needs no matrix of 10,000,000,000.
"""

from collections.abc import Sequence
from math import ceil

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

Places = Sequence[int] | Integers


class Travel:
    """Metres and seconds between the places of one profile, without traffic; of a matrix, or of coordinates."""

    def __init__(self, *, matrix: TravelMatrix | None, locations: Sequence[Location], road: RoadEstimate) -> None:
        self.matrix = matrix
        self.road = road
        self.latitudes = np.radians([place.latitude for place in locations]) if matrix is None else np.zeros(0)
        self.longitudes = np.radians([place.longitude for place in locations]) if matrix is None else np.zeros(0)

    def legs(self, origins: Places, destinations: Places) -> tuple[list[int], list[int]]:
        """Metres and seconds of each leg, pair by pair."""
        metres, seconds = self.between(origins, destinations)
        return metres.tolist(), seconds.tolist()

    def between(self, origins: Places, destinations: Places) -> tuple[Integers, Integers]:
        """Metres and seconds of each leg, pair by pair, as arrays."""
        a, b = np.asarray(origins, dtype=np.int64), np.asarray(destinations, dtype=np.int64)
        if self.matrix is not None:
            return self.matrix.distances_metres[a, b], self.matrix.durations_seconds[a, b]
        return self._estimate(self.latitudes[a], self.longitudes[a], self.latitudes[b], self.longitudes[b])

    def block(self, places: Places) -> TravelMatrix:
        """A square matrix of these places only, in their order."""
        kept = np.asarray(places, dtype=np.int64)
        if self.matrix is not None:
            square = np.ix_(kept, kept)
            return TravelMatrix(
                distances_metres=self.matrix.distances_metres[square],
                durations_seconds=self.matrix.durations_seconds[square],
            )
        phi, lam = self.latitudes[kept], self.longitudes[kept]
        metres, seconds = self._estimate(phi[:, None], lam[:, None], phi[None, :], lam[None, :])
        return TravelMatrix(distances_metres=metres, durations_seconds=seconds)

    def _estimate(
        self,
        from_latitudes: NDArray[np.float64],
        from_longitudes: NDArray[np.float64],
        to_latitudes: NDArray[np.float64],
        to_longitudes: NDArray[np.float64],
    ) -> tuple[Integers, Integers]:
        """Haversine times the detour factor, at the road's speed. Rounded to metres and seconds."""
        half = np.sin((from_latitudes - to_latitudes) / 2) ** 2
        half = half + np.cos(from_latitudes) * np.cos(to_latitudes) * np.sin((from_longitudes - to_longitudes) / 2) ** 2
        metres = 2 * EARTH_RADIUS_METRES * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))) * self.road.detour_factor
        seconds = metres / self.road.speed_metres_per_second
        return np.rint(metres).astype(np.int64), np.rint(seconds).astype(np.int64)


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
