"""Compiles and loads the machine code of the engine before a budget begins to run.

The first time on a machine it takes a minute, after that (numba keeps it on disk) about a second a process.
`python -m app.solvers.routing.warming` does it at installation.
"""

from functools import cache

import numpy as np

from app.solvers.routing.compiling import compile_problem
from app.solvers.routing.costing import shortest
from app.solvers.routing.kernel import KernelData, Plan, VehicleKinds, improve
from app.solvers.routing.neighbours import nearest_points
from app.solvers.routing.problem import DAY_SECONDS, Location, RoutingProblem, TimeWindow, Vehicle, Visit
from app.solvers.routing.savings import merge, walk
from app.solvers.routing.schedule import Terms

VISITS = 4


@cache
def warm_up() -> None:
    """Once a process."""
    metres = 60 * np.abs(np.subtract.outer(np.arange(VISITS + 1), np.arange(VISITS + 1)))
    one = np.array([1])
    kinds = VehicleKinds(
        counts=2 * one, start_rows=VISITS * one, end_rows=VISITS * one, capacities=3 * one[:, None], fixed_costs=one
    )
    demands = np.ones((VISITS, 1), np.int64)
    data = KernelData(distances=metres, durations=metres, demands=demands, kinds=kinds)
    _search_twice(data, Plan.of([]))
    ruled = compile_problem(Terms(_a_ruled_problem()))
    _search_twice(ruled.data, ruled.start)
    nearest_points(np.arange(2.0 * VISITS).reshape(VISITS, 2), 2)
    ends, following = np.arange(2, dtype=np.int32), np.full(VISITS, -1, np.int32)
    merge(ends, ends[::-1].copy(), demands, np.array([3]), following)
    first = np.flatnonzero(following >= 0)[:1].astype(np.int32)
    walk(following, first, np.zeros(VISITS, np.int32), np.zeros(2, np.int32))
    numbers = np.zeros(VISITS + 1)
    shortest(np.array([0, VISITS]), numbers, numbers, numbers, numbers, np.zeros(1))


def _search_twice(data: KernelData, plan: Plan) -> None:
    """From what there is, and from what is found then."""
    for _ in range(2):
        plan = improve(data, plan, seed=1, start_temperature=1.0, end_temperature=0.5, iterations=2).plan


def _a_ruled_problem() -> RoutingProblem:
    """One whose routes are timed as a whole: with set-up time, and trips that end with a reload."""
    day = TimeWindow(start_seconds=0, end_seconds=DAY_SECONDS)
    van = Vehicle(
        id="van", start_location=0, end_location=0, shift=day, capacities=(2,), reload_locations=(0,), max_trips=2
    )
    return RoutingProblem(
        locations=tuple(Location(latitude=0.01 * place, longitude=0.0) for place in range(VISITS + 1)),
        vehicles=(van,),
        visits=tuple(
            Visit(id=str(place), location=place, demand=(1,), setup_seconds=60, windows=(day,))
            for place in range(1, VISITS + 1)
        ),
    )


if __name__ == "__main__":
    warm_up()
