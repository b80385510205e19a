"""Travel for plans, from a real socket: by blocks, kept by cell, and never in the way of a plan."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from app.connectors.roads import osrm
from app.connectors.roads.osrm import Osrm, RoadsUnavailable
from app.core.geo import Point, great_circle_metres
from app.jobs.travel import RoadTravel
from app.solvers.routing.problem import Location, RoadEstimate, RoutingProblem
from tests.factories.roads import FACTOR, METRES_PER_SECOND, RoadServer, road_server


@pytest.fixture
def roads() -> Iterator[RoadServer]:
    with road_server() as found:
        yield found


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osrm, "PAUSE_SECONDS", 0.0)


def a_problem(count: int, *, first: int = 0) -> RoutingProblem:
    places = tuple(Location(latitude=38.7 + 0.001 * at, longitude=-9.1) for at in range(first, first + count))
    return RoutingProblem(vehicles=(), visits=(), locations=places)


def points(count: int) -> list[Point]:
    return [Point(latitude=38.7 + 0.001 * at, longitude=-9.1) for at in range(count)]


async def test_a_large_table_is_put_together_from_blocks(roads: RoadServer) -> None:
    metres, seconds = await Osrm(roads.url, block=3).table(points(7), points(7))
    assert sorted(roads.requests) == sorted([(a, b) for a in (3, 3, 1) for b in (3, 3, 1)])
    expected = [[FACTOR * great_circle_metres(start, end) for end in points(7)] for start in points(7)]
    np.testing.assert_allclose(metres, expected)
    np.testing.assert_allclose(seconds, metres / METRES_PER_SECOND)


async def test_what_may_pass_is_tried_again_and_a_refusal_is_not(roads: RoadServer) -> None:
    roads.failures = 2
    await Osrm(roads.url).table(points(2), points(2))
    assert len(roads.requests) == 3
    roads.requests.clear()
    with pytest.raises(RoadsUnavailable, match="refused a table: Too many table coordinates"):
        await Osrm(roads.url, block=60).table(points(60), points(60))
    assert roads.requests == [(60, 60)]


async def test_each_kind_of_vehicle_drives_the_same_roads_at_its_own_speed(roads: RoadServer) -> None:
    slow = replace(RoadEstimate(), speed_metres_per_second=RoadEstimate().speed_metres_per_second / 2)
    for travel in (RoadTravel(Osrm(roads.url).table), RoadTravel(Osrm(roads.url).table, most_places=60)):
        found = await travel.applied(replace(a_problem(62), roads={"cargo-bike": slow}))
        if found.matrix is None:
            assert found.roads["cargo-bike"] == replace(
                found.road, speed_metres_per_second=found.road.speed_metres_per_second / 2
            )
        else:
            own = found.matrices["cargo-bike"]
            np.testing.assert_array_equal(own.durations_seconds, 2 * found.matrix.durations_seconds)
            np.testing.assert_array_equal(own.distances_metres, found.matrix.distances_metres)


async def test_a_problem_gets_the_roads_matrix_and_each_cell_is_asked_for_once(roads: RoadServer) -> None:
    travel = RoadTravel(Osrm(roads.url).table)
    first = await travel.applied(a_problem(4))
    assert first.matrix is not None
    straight = great_circle_metres(*points(2))
    assert (first.matrix.distances_metres[0, 1], first.matrix.durations_seconds[0, 1]) == (
        round(FACTOR * straight),
        round(FACTOR * straight / METRES_PER_SECOND),
    )
    assert roads.requests == [(4, 4)]
    await travel.applied(a_problem(4))
    assert roads.requests == [(4, 4)]
    await travel.applied(a_problem(4, first=1))  # one new place: its row and its column
    assert roads.requests[1:] == [(1, 4), (3, 1)]


async def test_a_place_that_no_road_leads_to_takes_the_estimate(roads: RoadServer) -> None:
    roads.island = Point(latitude=38.702, longitude=-9.1)
    problem = a_problem(3)
    found = (await RoadTravel(Osrm(roads.url).table).applied(problem)).matrix
    assert found is not None
    straight = great_circle_metres(points(3)[0], points(3)[2])
    assert found.distances_metres[0, 2] == round(straight * problem.road.detour_factor)


async def test_a_problem_too_large_for_a_table_is_calibrated_by_a_sample(roads: RoadServer) -> None:
    found = await RoadTravel(Osrm(roads.url, block=50).table, most_places=50).applied(a_problem(100))
    assert found.matrix is None
    assert found.road.detour_factor == pytest.approx(FACTOR)
    assert found.road.speed_metres_per_second == pytest.approx(METRES_PER_SECOND)
    assert sum(a * b for a, b in roads.requests) == 60 * 60


async def test_without_a_server_the_problem_stays_as_it_was() -> None:
    problem = a_problem(3)
    assert await RoadTravel(Osrm("http://127.0.0.1:1").table).applied(problem) is problem
