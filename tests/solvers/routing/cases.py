"""Routing problems on a straight road: place n lies n minutes and n kilometres from place 0."""

from typing import Any

import numpy as np

from app.solvers.routing.problem import RoutingProblem, TimeWindow, TravelMatrix, Vehicle, Visit
from app.solvers.routing.schedule import Terms

MINUTE, KILOMETRE = 60, 1_000
PLACES = 21


def road(places: int = PLACES) -> TravelMatrix:
    steps = np.abs(np.subtract.outer(np.arange(places), np.arange(places))).astype(np.int64)
    return TravelMatrix(distances_metres=steps * KILOMETRE, durations_seconds=steps * MINUTE)


def window(start_minute: int, end_minute: int) -> TimeWindow:
    return TimeWindow(start_seconds=start_minute * MINUTE, end_seconds=end_minute * MINUTE)


def van(id: str = "van", **given: Any) -> Vehicle:
    """One minor unit a kilometre, from place 0 and back, all day long."""
    usual: dict[str, Any] = {"start_location": 0, "end_location": 0, "shift": window(0, 600), "cost_per_metre": 0.001}
    return Vehicle(id=id, **(usual | given))


def visit(id: str, at: int, **given: Any) -> Visit:
    return Visit(id=id, location=at, **given)


def problem(*given: Vehicle | Visit, **more: Any) -> RoutingProblem:
    return RoutingProblem(
        vehicles=tuple(one for one in given if isinstance(one, Vehicle)),
        visits=tuple(one for one in given if isinstance(one, Visit)),
        matrix=road(),
        **more,
    )


def terms(*given: Vehicle | Visit, **more: Any) -> Terms:
    return Terms(problem(*given, **more))
