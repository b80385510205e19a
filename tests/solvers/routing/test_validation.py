from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.solvers.routing.problem import (
    Break,
    DrivingRule,
    Location,
    Pair,
    RoadEstimate,
    RoutingProblem,
    TrafficProfile,
    TravelMatrix,
)
from app.solvers.routing.validation import InvalidProblem, faults, require_valid
from tests.solvers.routing.cases import problem, road, van, visit, window

FAULTS: list[tuple[Any, ...]] = [
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
        problem(van(), visit("a", 1), pairs=(Pair(pickup_visit_id="a", delivery_visit_id="b"),)),
        "The pair a - b names b, which is not in the problem.",
    ),
    (
        problem(
            van(capacities=(9,)),
            visit("a", 1, demand=(0,), pickup=(2,)),
            visit("b", 2, demand=(3,)),
            pairs=(Pair(pickup_visit_id="a", delivery_visit_id="b"),),
        ),
        "The pair a - b collects (2,) and delivers (3,); both must be the same goods.",
    ),
    (
        problem(
            van(capacities=(9,)),
            visit("a", 1, demand=(1,), pickup=(2,)),
            visit("b", 2, demand=(2,)),
            pairs=(Pair(pickup_visit_id="a", delivery_visit_id="b"),),
        ),
        "The pair a - b also brings from, or takes to, the depot; make that a visit of its own.",
    ),
    (
        problem(
            van(),
            visit("a", 1, group="g"),
            visit("b", 2),
            pairs=(Pair(pickup_visit_id="a", delivery_visit_id="b", max_ride_seconds=-1),),
        ),
        "The pair a - b may ride -1 seconds; give zero or more, or none.",
        "The pair a - b belongs to a group of alternatives; only single visits can.",
    ),
    (
        problem(
            van(),
            *(visit(id, 1) for id in "abc"),
            pairs=(
                Pair(pickup_visit_id="a", delivery_visit_id="b"),
                Pair(pickup_visit_id="a", delivery_visit_id="c"),
            ),
        ),
        "The paired visit a is given 2 times; ids must be unique.",
    ),
    (
        problem(van(), visit("a", 1), together=(frozenset({"a", "b"}),)),
        "Visit b is to be together with others, but is not in the problem.",
    ),
    (problem(balance_cost_per_second=-1.0), "A balance cost of -1.0 a second rewards imbalance; give zero or more."),
    (problem(van(reload_locations=(30,))), "Vehicle van points to location 30; there are 21."),
    (problem(van(max_stops=-1)), "Vehicle van has max_stops -1; give zero or more, or none."),
    (problem(van(max_trips=0)), "Vehicle van may make 0 trips; give at least 1, or leave it out."),
    (
        problem(van(breaks=(Break(windows=(), duration_seconds=60),))),
        "A break of vehicle van has no window; say when it may begin.",
    ),
    (
        problem(van(breaks=(Break(windows=(window(2, 1),), duration_seconds=60),))),
        "A break of vehicle van ends at 60, before it starts at 120.",
    ),
    (
        problem(van(driving_rule=DrivingRule(max_work_seconds=0, break_seconds=60))),
        "Vehicle van may work 0 seconds between rests; give more than zero.",
    ),
    (problem(van(frozen_visit_ids=("a",))), "Vehicle van is frozen to visit a, which is not in the problem."),
    (
        problem(van(frozen_visit_ids=("a",)), visit("a", 1, skills=frozenset({"cold"}))),
        "Vehicle van is frozen to visit a, which it may not serve.",
    ),
    (
        problem(van("b", frozen_visit_ids=("a",)), van("c", frozen_visit_ids=("a",)), visit("a", 1)),
        "The frozen visit a is given 2 times; ids must be unique.",
    ),
    (problem(van(), visit("a", 1, pickup=(1,))), "Visit a has 1 pickups; vehicles have 0 capacities."),
    (
        problem(van(capacities=(1,)), visit("a", 1, demand=(0,), pickup=(-1,))),
        "Visit a hands over (-1,); pickups must be zero or more.",
    ),
    (
        problem(visit("a", 1, setup_seconds=-1)),
        "Visit a has a negative set-up or service time for a type of vehicle; give zero or more.",
    ),
    (
        problem(visit("a", 1, late_cost_per_second=-0.5)),
        "Visit a costs -0.5 for each second late; give zero or more, or none.",
    ),
    (
        problem(traffic={"default": TrafficProfile(starts_seconds=(0, 9), speed_factors=(1.0,))}),
        "The traffic of profile default has 2 starts and 1 factors; give as many.",
    ),
    (
        problem(traffic={"default": TrafficProfile(starts_seconds=(5,), speed_factors=(1.0,))}),
        "The traffic of profile default starts its bands at (5,); begin with 0 and rise within the period.",
    ),
    (
        problem(traffic={"default": TrafficProfile(starts_seconds=(0,), speed_factors=(0.0,))}),
        "The traffic of profile default has the factors (0.0,); they must be positive.",
    ),
    (
        problem(
            matrices={
                "bike": TravelMatrix(
                    distances_metres=np.zeros((2, 2), int), durations_seconds=road(2).durations_seconds
                )
            }
        ),
        "The travel matrix of profile bike has the shape (2, 2), not (21, 21) as the others.",
    ),
    (
        problem(roads={"bike": RoadEstimate(speed_metres_per_second=5.0)}),
        "The profile bike travels by its own road, but there are no locations; give them.",
    ),
    (
        replace(
            problem(),
            matrix=TravelMatrix(distances_metres=np.zeros((2, 2), int), durations_seconds=np.zeros((2, 3), int)),
        ),
        "A travel matrix of shape (2, 3) is not (2, 2).",
    ),
]


@pytest.mark.parametrize(("given", "sentences"), [(given, sentences) for given, *sentences in FAULTS])
def test_a_contradiction_is_refused_in_a_sentence_that_names_it(given: RoutingProblem, sentences: list[str]) -> None:
    assert list(faults(given)) == sentences
    with pytest.raises(InvalidProblem) as refused:
        require_valid(given)
    assert str(refused.value) == sentences[0]


def test_a_problem_that_makes_sense_has_no_fault() -> None:
    assert list(faults(problem(van(capacities=(1,)), visit("a", 1, demand=(2,))))) == []
