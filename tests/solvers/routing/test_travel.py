import numpy as np

from app.solvers.routing.problem import Location, RoadEstimate, RoutingProblem, TravelMatrix
from app.solvers.routing.travel import ROWS_AT_ONCE, Travel, blocks, great_circle, matrix_of
from tests.solvers.routing.cases import problem, road

BERLIN, HAMBURG = Location(latitude=52.52, longitude=13.405), Location(latitude=53.5511, longitude=9.9937)
STRAIGHT = RoadEstimate(detour_factor=1.0, speed_metres_per_second=10.0)


def test_a_degree_of_a_meridian_is_111_195_metres() -> None:
    """The mean earth radius times pi / 180."""
    places = Location(latitude=50.0, longitude=8.0), Location(latitude=51.0, longitude=8.0)
    travel = great_circle(places, STRAIGHT)
    assert travel.distances_metres.tolist() == [[0, 111_195], [111_195, 0]]
    assert travel.durations_seconds.tolist() == [[0, 11_120], [11_120, 0]]


def test_berlin_to_hamburg_is_255_kilometres_as_the_crow_flies() -> None:
    assert round(great_circle((BERLIN, HAMBURG), STRAIGHT).distances_metres[0, 1] / 1_000) == 255


def test_the_road_is_longer_by_its_detour_and_takes_as_long_as_its_speed_says() -> None:
    straight = great_circle((BERLIN, HAMBURG), STRAIGHT).distances_metres[0, 1]
    travel = great_circle((BERLIN, HAMBURG), RoadEstimate(detour_factor=1.3, speed_metres_per_second=8.0))
    assert abs(travel.distances_metres[0, 1] - 1.3 * straight) <= 1
    assert abs(travel.durations_seconds[0, 1] - travel.distances_metres[0, 1] / 8) <= 1


def test_a_problems_own_matrix_goes_before_the_estimate() -> None:
    given = problem()
    assert matrix_of(given) is given.matrix
    estimated = matrix_of(RoutingProblem(vehicles=(), visits=(), locations=(BERLIN, HAMBURG)))
    assert np.array_equal(estimated.distances_metres, estimated.distances_metres.T)
    assert estimated.distances_metres.shape == (2, 2)
    assert road().distances_metres[3, 7] == 4_000


def test_a_block_says_what_its_legs_say_one_by_one() -> None:
    dice = np.random.default_rng(1)
    count = 2 * ROWS_AT_ONCE + 3
    places = [Location(latitude=lat, longitude=lon) for lat, lon in dice.uniform(-60, 60, (count, 2))]
    travel = Travel(matrix=None, locations=places, road=RoadEstimate())
    chosen = dice.permutation(count)
    block = travel.block(chosen)
    origins, destinations = dice.integers(count, size=(2, 500))
    metres, seconds = travel.between(chosen[origins], chosen[destinations])
    assert np.array_equal(block.distances_metres[origins, destinations], metres)
    assert np.array_equal(block.durations_seconds[origins, destinations], seconds)


def test_metres_and_seconds_that_are_the_same_stay_one_array() -> None:
    same = TravelMatrix(distances_metres=np.arange(9).reshape(3, 3), durations_seconds=np.zeros((3, 3), np.int64))
    apart = blocks([Travel(matrix=same, locations=[], road=RoadEstimate())], [2, 1])
    assert [each.tolist() for each in apart] == [[[[8, 7], [5, 4]]], [[[0, 0], [0, 0]]]]
    same = TravelMatrix(distances_metres=same.distances_metres, durations_seconds=same.distances_metres)
    metres, seconds = blocks([Travel(matrix=same, locations=[], road=RoadEstimate())], [2, 1])
    assert metres is seconds
