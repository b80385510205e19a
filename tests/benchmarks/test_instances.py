from pathlib import Path

import numpy as np
import pytest

from app.solvers.routing import checker
from app.solvers.routing.problem import Pair, TimeWindow
from benchmarks import large
from benchmarks.instances import FOREVER, REQUIRED, read
from benchmarks.judging import solution_of
from benchmarks.plane import Plane, on_plane, whole

FOLDER = Path(__file__).parent / "instances"


@pytest.mark.parametrize("name", ["X-n101-k25", "X115-HVRP", "PR11A", "C201R0.25"])
def test_the_published_routes_cost_what_is_published_and_keep_every_rule(name: str) -> None:
    instance = read(FOLDER / f"{name}.vrp")
    solution = solution_of(instance.problem, {order.vehicle_id: order.entries for order in instance.best_routes})

    assert checker.check(instance.problem, solution) == []
    assert instance.best_known is not None
    assert solution.objective / instance.cost_scale == pytest.approx(instance.best_known, abs=0.005)


def test_a_parcel_day_is_read_as_it_may_be_driven_and_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "depots.csv").write_text("depot_id,long,lat\nA,-87.6,41.8\nB,-88.0,41.9\n")
    (tmp_path / "vehicles.csv").write_text("vehicle_id,depot_id,capacity\nv1,A,900.0\nv2,A,800\nv3,B,700\n")
    (tmp_path / "customers.csv").write_text(
        "customer_id,dropoff_long,dropoff_lat,demand,service_duration,dropoff_tw_start,dropoff_tw_end,depot_id,vehicle_id\n"
        "c1,-87.61,41.81,120.4,43.0,,,A,v1\n"
        "c2,-87.62,41.82,9.6,20,2018-08-08 14:00:00,2018-08-08 22:00:00,A,v1\n"
    )
    free, grouped = read(tmp_path), read(tmp_path / "customers.csv")

    first, second = free.problem.visits
    assert (first.demand, first.service_seconds, first.windows) == ((120,), 43, ())
    assert second.windows == (TimeWindow(start_seconds=0, end_seconds=8 * 3_600),)
    assert first.allowed_vehicle_ids == frozenset({"v1", "v2"})
    assert {visit.allowed_vehicle_ids for visit in grouped.problem.visits} == {frozenset({"v1"})}
    assert free.best_known_vehicles == 1
    assert [van.start_location for van in free.problem.vehicles] == [0, 0, 1]
    assert {van.shift for van in free.problem.vehicles} == {TimeWindow(start_seconds=0, end_seconds=8 * 3_600)}
    assert {van.max_duration_seconds for van in free.problem.vehicles} == {12 * 3_600}


def test_a_visit_without_a_prize_has_to_be_served_and_one_with_a_prize_may_be_left(tmp_path: Path) -> None:
    path = tmp_path / "tiny.vrp"
    path.write_text(
        "NAME : tiny\nTYPE : PCVRPTW\nDIMENSION : 3\nVEHICLES : 2\nCAPACITY : 9\nSERVICE_TIME : 7\n"
        "EDGE_WEIGHT_TYPE : EUC_2D\nNODE_COORD_SECTION\n1 0 0\n2 1 1\n3 3 4\nDEMAND_SECTION\n1 0\n2 4\n3 5\n"
        "TIME_WINDOW_SECTION\n1 0 90\n2 10 20\n3 0 80\nPRIZE_SECTION\n1 0\n2 6\n3 0\nDEPOT_SECTION\n1\n-1\nEOF\n"
    )
    instance = read(path)
    near, far = instance.problem.visits

    assert (near.unserved_penalty, far.unserved_penalty) == (60.0, REQUIRED)
    assert (near.service_seconds, near.windows) == (70, (TimeWindow(start_seconds=100, end_seconds=200),))
    assert instance.problem.matrix is not None
    assert instance.problem.matrix.distances_metres[0].tolist() == [0, 14, 50]
    assert [vehicle.shift.end_seconds for vehicle in instance.problem.vehicles] == [900, 900]


def test_li_and_lim_name_each_pair_once(tmp_path: Path) -> None:
    (tmp_path / "best_known.csv").write_text(["name,vehicles,distance", "tiny,1,12.5\n"][1])
    path = tmp_path / "tiny.txt"
    path.write_text("2\t20\t1\n0 0 0 0 0 90 0 0 0\n1 3 4 5 0 50 2 0 2\n2 6 8 -5 0 60 2 1 0\n")
    instance = read(path)

    assert instance.problem.pairs == (Pair(pickup_visit_id="1", delivery_visit_id="2"),)
    assert [(visit.pickup, visit.demand) for visit in instance.problem.visits] == [((5,), (0,)), ((0,), (5,))]
    assert (instance.best_known, instance.best_known_vehicles) == (12.5, 1)


def test_a_kind_of_file_that_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "odd.vrp"
    path.write_text(
        "NAME : odd\nTYPE : TSPTW\nDIMENSION : 1\nEDGE_WEIGHT_TYPE : EUC_2D\nNODE_COORD_SECTION\n1 0 0\nEOF\n"
    )
    with pytest.raises(ValueError, match=r"odd\.vrp is of type 'TSPTW'"):
        read(path)


def test_without_limits_a_shift_lasts_forever() -> None:
    instance = read(FOLDER / "X-n101-k25.vrp")
    assert {vehicle.shift.end_seconds for vehicle in instance.problem.vehicles} == {FOREVER}


def test_a_plane_reads_like_its_matrix() -> None:
    travel = on_plane(Plane(x=np.array([0.0, 3.0, 6.0]), y=np.array([0.0, 4.0, 9.0]), scale=10, rounding="down"))
    matrix = whole(travel).distances_metres

    assert matrix.tolist() == [[0, 50, 108], [50, 0, 58], [108, 58, 0]]
    rows = np.array([2, 0])
    assert travel.distances_metres[np.ix_(rows, rows)].tolist() == [[0, 108], [108, 0]]
    assert travel.distances_metres[[0, 1], [1, 2]].tolist() == [50, 58]


def test_a_large_instance_that_was_made_is_read_and_each_stop_can_be_reached_in_its_window(tmp_path: Path) -> None:
    path = tmp_path / "made.vrp"
    path.write_text(large.with_windows(300, seed=1))
    problem = read(path).problem
    vehicle = problem.vehicles[0]
    assert len(problem.visits) == 300
    assert problem.matrix is not None
    for visit in problem.visits:
        there = int(problem.matrix.durations_seconds[0, visit.location])
        (open_at,) = visit.windows
        assert vehicle.shift.start_seconds + there <= open_at.end_seconds
        assert max(there, open_at.start_seconds) + visit.service_seconds + there <= vehicle.shift.end_seconds


def test_long_routes_have_room_for_as_many_stops_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "made.vrp"
    path.write_text(large.with_long_routes(600, a_route=60, seed=1))
    problem = read(path).problem
    loads = sum(visit.demand[0] for visit in problem.visits)
    assert 9 <= loads / problem.vehicles[0].capacities[0] <= 11
