"""Travel by calibrated great circle, where no road network is at hand.

Roads are longer than the great circle by a factor that varies little within a city; 1.3 is a usual figure for cities.
"""

import numpy as np

from app.solvers.routing.problem import Location, RoadEstimate, RoutingProblem, TravelMatrix

EARTH_RADIUS_METRES = 6_371_008.8


def great_circle(locations: tuple[Location, ...], road: RoadEstimate) -> TravelMatrix:
    """Between all pairs: haversine times the detour factor, at the road's speed. Rounded to metres and seconds."""
    phi = np.radians([place.latitude for place in locations])
    lam = np.radians([place.longitude for place in locations])
    half = np.sin((phi[:, None] - phi[None, :]) / 2) ** 2
    half += np.cos(phi)[:, None] * np.cos(phi)[None, :] * np.sin((lam[:, None] - lam[None, :]) / 2) ** 2
    metres = 2 * EARTH_RADIUS_METRES * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))) * road.detour_factor
    return TravelMatrix(
        distances_metres=np.rint(metres).astype(np.int64),
        durations_seconds=np.rint(metres / road.speed_metres_per_second).astype(np.int64),
    )


def matrix_of(problem: RoutingProblem) -> TravelMatrix:
    """The problem's own matrix, or the estimate from its locations."""
    return problem.matrix if problem.matrix is not None else great_circle(problem.locations, problem.road)
