"""A very large problem in shares: every visit and vehicle in exactly one, and a vehicle for each visit."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from app.jobs.shares import joined, split_up
from app.solvers.routing import ortools_engine
from app.solvers.routing.checker import check
from app.solvers.routing.problem import Location, RoutingProblem, TimeWindow, Vehicle, Visit
from app.solvers.stopping import StoppingRule

SHIFT = TimeWindow(start_seconds=0, end_seconds=36_000)


def a_problem(stops: int, *, vans: int = 4) -> RoutingProblem:
    doors = [Location(latitude=38.7 + 0.01 * (at % 5), longitude=-9.1 + 0.01 * (at // 5)) for at in range(stops)]
    return RoutingProblem(
        locations=(Location(latitude=38.72, longitude=-9.08), *doors),
        vehicles=tuple(
            Vehicle(id=f"V{number}", start_location=0, end_location=0, shift=SHIFT, capacities=(stops,))
            for number in range(vans)
        ),
        visits=tuple(Visit(id=f"S{at}", location=at + 1, demand=(1,), service_seconds=60) for at in range(stops)),
    )


@settings(max_examples=50, deadline=None)
@given(stops=st.integers(1, 60), vans=st.integers(1, 6), most=st.integers(3, 30), own=st.integers(0, 5))
def test_every_visit_and_vehicle_is_in_one_share_and_no_visit_is_without_a_vehicle(
    stops: int, vans: int, most: int, own: int
) -> None:
    whole = a_problem(stops, vans=vans)
    only = frozenset({f"V{min(own, vans - 1)}"})
    whole = replace(whole, visits=(replace(whole.visits[0], allowed_vehicle_ids=only), *whole.visits[1:]))
    parts = split_up(whole, most_stops=most)
    assert sorted(visit.id for part in parts for visit in part.visits) == sorted(visit.id for visit in whole.visits)
    assert sorted(each.id for part in parts for each in part.vehicles) == sorted(each.id for each in whole.vehicles)
    for part in parts:
        ids = {vehicle.id for vehicle in part.vehicles}
        assert all(visit.allowed_vehicle_ids is None or visit.allowed_vehicle_ids & ids for visit in part.visits)


def test_visits_that_belong_together_keep_the_problem_whole() -> None:
    tied = replace(a_problem(20), together=(frozenset({"S1", "S9"}),))
    assert split_up(tied, most_stops=5) == [tied]


def test_the_shares_answers_are_an_answer_to_the_whole() -> None:
    whole = a_problem(20)
    stop = StoppingRule(iterations=1)
    answers = [ortools_engine.solve(part, stop=stop) for part in split_up(whole, most_stops=10)]
    found = joined(answers)
    assert len(answers) == 2
    assert check(whole, found) == []
    assert (found.unserved, found.cost) == ((), sum(answer.cost for answer in answers))
