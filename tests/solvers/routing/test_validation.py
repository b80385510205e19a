from dataclasses import replace

import numpy as np
import pytest

from app.solvers.routing.problem import Location, RoadEstimate, RoutingProblem, TravelMatrix
from app.solvers.routing.validation import InvalidProblem, faults, require_valid
from tests.solvers.routing.cases import problem, road, van, visit, window

FAULTS = [
    (problem(van("a"), van("a")), "The vehicle a is given 2 times; ids must be unique."),
    (problem(visit("a", 1), visit("a", 2)), "The visit a is given 2 times; ids must be unique."),
    (problem(van(start_location=21)), "Vehicle van points to location 21; there are 21."),
    (problem(visit("a", -1)), "Visit a points to location -1; there are 21."),
    (
        problem(van("a", capacities=(1,)), van("b")),
        "Vehicle b has 0 capacities; the first vehicle has 1.",
    ),
    (problem(van(capacities=(-1,))), "Vehicle van has the capacities (-1,); they must be zero or more."),
    (problem(van(fixed_cost=-1.0)), "Vehicle van has a negative cost; costs must be zero or more."),
    (problem(van(shift=window(2, 1))), "The shift of vehicle van ends at 60, before it starts at 120."),
    (problem(van(), visit("a", 1, demand=(1,))), "Visit a has 1 demands; vehicles have 0 capacities."),
    (problem(visit("a", 1, demand=(-1,))), "Visit a demands (-1,); demands must be zero or more."),
    (
        problem(visit("a", 1, service_seconds=-1)),
        "Visit a has a negative service time or penalty; both must be zero or more.",
    ),
    (
        problem(van(), visit("a", 1, pinned_vehicle_id="b")),
        "Visit a is pinned to vehicle b, which is not in the problem.",
    ),
    (problem(visit("a", 1, windows=(window(2, 1),))), "A window of visit a ends at 60, before it starts at 120."),
    (
        replace(problem(), road=RoadEstimate(speed_metres_per_second=0.0)),
        "A road with RoadEstimate(detour_factor=1.3, speed_metres_per_second=0.0) leads nowhere;"
        " speed and detour must be positive.",
    ),
    (
        replace(problem(), locations=(Location(latitude=0.0, longitude=0.0),)),
        "There are 1 locations for a matrix of 21 rows.",
    ),
    (
        replace(problem(), matrix=replace(road(), durations_seconds=-road().durations_seconds)),
        "A travel matrix holds a negative number; distances and durations are zero or more.",
    ),
    (
        replace(
            problem(),
            matrix=TravelMatrix(distances_metres=np.zeros((2, 2), int), durations_seconds=np.zeros((2, 3), int)),
        ),
        "A travel matrix of shape (2, 3) is not (2, 2).",
    ),
]


@pytest.mark.parametrize(("given", "sentence"), FAULTS)
def test_a_contradiction_is_refused_in_a_sentence_that_names_it(given: RoutingProblem, sentence: str) -> None:
    assert list(faults(given)) == [sentence]
    with pytest.raises(InvalidProblem) as refused:
        require_valid(given)
    assert str(refused.value) == sentence


def test_a_problem_that_makes_sense_has_no_fault() -> None:
    assert list(faults(problem(van(capacities=(1,)), visit("a", 1, demand=(2,))))) == []
