from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.solvers.routing.grouping import split
from tests.solvers.routing.cases import problem, road, van, visit


@given(
    places=st.lists(st.integers(0, 20), min_size=1, max_size=40),
    starts=st.lists(st.sampled_from([0, 10, 20]), min_size=1, max_size=9),
    most=st.integers(1, 12),
)
def test_every_visit_and_vehicle_is_in_one_part_at_most(places: list[int], starts: list[int], most: int) -> None:
    fleet = [van(f"v{n}", start_location=start) for n, start in enumerate(starts)]
    given = problem(*fleet, *(visit(str(n), at) for n, at in enumerate(places)))
    parts = split(given, road(), most_visits=most)
    assert Counter(one.id for part in parts for one in part.visits) == Counter(one.id for one in given.visits)
    assert max(Counter(one.id for part in parts for one in part.vehicles).values()) == 1
    assert all(len(part.visits) <= most or len(part.vehicles) == 1 for part in parts)


def test_a_visit_goes_to_the_nearest_start_whose_vehicles_may_serve_it() -> None:
    fleet = van("west", start_location=0), van("east", start_location=20, skills=frozenset({"cold"}))
    visits = visit("a", 3), visit("b", 17), visit("ice", 3, skills=frozenset({"cold"}))
    parts = split(problem(*fleet, *visits), road())
    assert [([v.id for v in part.vehicles], [v.id for v in part.visits]) for part in parts] == [
        (["west"], ["a"]),
        (["east"], ["b", "ice"]),
    ]


def test_a_visit_nobody_may_serve_is_in_no_part() -> None:
    assert split(problem(van(), visit("a", 3, skills=frozenset({"cold"}))), road()) == []


def test_a_part_is_cut_across_its_length_by_what_its_vehicles_can_do() -> None:
    given = problem(van("1"), van("2"), *(visit(str(at), at, service_seconds=60) for at in range(1, 9)))
    parts = split(given, road(), most_visits=7)
    assert sorted(sorted(one.location for one in part.visits) for part in parts) == [[1, 2, 3, 4], [5, 6, 7, 8]]
