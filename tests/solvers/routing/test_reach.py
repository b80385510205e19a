"""Whom no empty vehicle can serve is found by the arrays as by the timetable."""

from dataclasses import replace
from typing import Any

from hypothesis import given

from app.solvers.routing.flattening import flatten, unknown_to_kernel
from app.solvers.routing.problem import Loading, RoutingProblem
from app.solvers.routing.reach import plainly_reached, within_reach
from app.solvers.routing.schedule import Terms, is_drivable
from tests.solvers.routing.cases import problem, van, visit, window
from tests.solvers.routing.everything import problems


def without_rules(posed: RoutingProblem) -> RoutingProblem:
    """The same without what only a look at a whole route can judge."""
    free: dict[str, Any] = {"setup_seconds": 0, "release_seconds": None, "late_cost_per_second": None, "group": None}
    visits = [replace(one, windows=one.windows[:1], **free) for one in posed.visits]
    plain: dict[str, Any] = {"breaks": (), "driving_rule": None, "loading": Loading.ANY, "reload_locations": ()}
    fleet = [replace(one, **plain) for one in posed.vehicles]
    posed = replace(posed, visits=tuple(visits), vehicles=tuple(fleet), pairs=(), together=(), apart=(), traffic={})
    return replace(posed, balance_cost_per_second=0.0)


@given(problems())
def test_the_arrays_and_the_timetable_agree(posed: RoutingProblem) -> None:
    posed = without_rules(posed)
    assert not list(unknown_to_kernel(posed))
    terms = Terms(posed)
    served = [any(is_drivable(terms, vehicle, [one]) for vehicle in posed.vehicles) for one in posed.visits]
    if posed.visits:
        assert plainly_reached(flatten(terms).whole).tolist() == served
        kept = {one.id for one in within_reach(terms).visits}
        assert kept == {one.id for one, is_served in zip(posed.visits, served, strict=True) if is_served}


def test_whom_only_one_van_reaches_stays_and_whom_none_reaches_does_not() -> None:
    fleet = van("short", capacities=(9,), max_distance_metres=10_000), van("small", capacities=(1,))
    heavy, far = visit("heavy", 2, demand=(2,)), visit("far", 20, demand=(1,))
    late = visit("late", 3, demand=(1,), windows=(window(590, 597),))
    too_late = visit("too late", 3, demand=(1,), windows=(window(598, 599),))
    found = within_reach(Terms(problem(*fleet, heavy, far, late, too_late)))
    assert [one.id for one in found.visits] == ["heavy", "far", "late"]
