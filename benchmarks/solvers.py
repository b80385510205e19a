"""What each solver makes of a routing problem, as orders of visits: ours, and the peers people would use instead.

Each takes the problem, how many seconds on how many cores, and a seed, and answers orders by vehicle. What a peer
cannot express it refuses with Inexpressible. All search for as long as they are given; none is asked to stop early.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context

import numpy as np
import vroom

from app.solvers.progress import OnProgress
from app.solvers.routing import engine, ortools_engine, pyvrp_model
from app.solvers.routing.problem import Reload, RoutingProblem, TimeWindow, TravelMatrix, Vehicle, Visit
from app.solvers.routing.pyvrp_model import Inexpressible as Inexpressible
from app.solvers.routing.solution import RoutingSolution
from app.solvers.stopping import StoppingRule
from benchmarks.plane import whole

Orders = Mapping[str, list[str | Reload]]
Answer = Orders | RoutingSolution
Solver = Callable[..., Answer]
# Above this, peers that need the whole matrix as lists or several copies run out of memory.
MOST_PLACES_FOR_PEERS = 12_000


def doorstep(problem: RoutingProblem, *, seconds: float, cores: int, seed: int, on_progress: OnProgress) -> Answer:
    """Our engine: processor time, however busy the machine is; wall time only as a distant stop."""
    stop = StoppingRule(processor_seconds=seconds * cores, seconds=6 * seconds, threads=cores)
    return engine.solve(problem, stop=stop, seed=seed, on_progress=on_progress)


def ortools(problem: RoutingProblem, *, seconds: float, cores: int, seed: int, on_progress: OnProgress) -> Answer:
    """OR-Tools as our reference engine models it, on all cores. It only knows wall time."""
    stop = StoppingRule(seconds=seconds, threads=cores)
    return ortools_engine.solve(_with_matrix(problem), stop=stop, seed=seed, on_progress=on_progress)


def pyvrp(problem: RoutingProblem, *, seconds: float, cores: int, seed: int, on_progress: OnProgress) -> Answer:
    """PyVRP has one thread: as many seeds as cores, each on its own core, and the best of their answers."""
    complete = _with_matrix(problem)
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        found = [pool.submit(_pyvrp_once, complete, seconds, seed + at) for at in range(cores)]
        answers = [future.result() for future in found]
    if not any(answers):
        raise NothingFound("PyVRP found no feasible plan.")
    return min((answer for answer in answers if answer), key=lambda answer: answer[1])[0]


class NothingFound(Exception):
    """The solver ended without a feasible plan."""


def _pyvrp_once(problem: RoutingProblem, seconds: float, seed: int) -> tuple[Orders, float] | None:
    model = pyvrp_model.build(problem)
    begin = time.process_time()
    orders = pyvrp_model.search(model, stop=lambda best_cost: time.process_time() - begin > seconds, seed=seed)
    return None if orders is None else (orders, plan_cost(problem, orders))


def plan_cost(problem: RoutingProblem, orders: Orders) -> float:
    """Fixed costs, metres and penalties: what tells two feasible plans of one solver apart."""
    if problem.matrix is None:
        raise Inexpressible("A plan's metres need a matrix.")
    visits = {visit.id: visit for visit in problem.visits}
    vehicles = {vehicle.id: vehicle for vehicle in problem.vehicles}
    cost = sum(visit.unserved_penalty for visit in problem.visits)
    for vehicle_id, entries in orders.items():
        vehicle = vehicles[vehicle_id]
        inner = [entry.location if isinstance(entry, Reload) else visits[entry].location for entry in entries]
        places = [place for place in (vehicle.start_location, *inner, vehicle.end_location) if place is not None]
        metres = problem.matrix.distances_metres[np.array(places[:-1]), np.array(places[1:])].sum()
        cost += vehicle.fixed_cost + vehicle.cost_per_metre * float(metres)
        cost -= sum(visits[entry].unserved_penalty for entry in entries if isinstance(entry, str))
    return cost


def vroom_(problem: RoutingProblem, *, seconds: float, cores: int, seed: int, on_progress: OnProgress) -> Answer:
    """VROOM at its highest exploration level on all cores. It has no seed, and minimises whole costs."""
    if lacks := [name for name, rule in VROOM_LACKS.items() if rule(problem)]:
        raise Inexpressible(f"VROOM cannot express {', '.join(lacks)}.")
    complete = _with_matrix(problem)
    given = vroom.Input()
    _vroom_travel(given, complete)
    paired = {id for pair in problem.pairs for id in (pair.pickup_visit_id, pair.delivery_visit_id)}
    number = {visit.id: at for at, visit in enumerate(problem.visits)}
    _vroom_vehicles(given, problem)
    given.add_job([_vroom_job(visit, number[visit.id]) for visit in problem.visits if visit.id not in paired])
    visits = {visit.id: visit for visit in problem.visits}
    for pair in problem.pairs:
        pickup, delivery = visits[pair.pickup_visit_id], visits[pair.delivery_visit_id]
        steps = [_vroom_step(one, number[one.id]) for one in (pickup, delivery)]
        given.add_shipment(vroom.Shipment(*steps, amount=vroom.Amount(list(pickup.pickup))))
    solution = given.solve(exploration_level=5, nb_threads=cores, timeout=timedelta(seconds=seconds))
    orders: dict[str, list[str | Reload]] = {}
    for row in solution.routes[solution.routes["type"].isin(["job", "pickup", "delivery"])].itertuples():
        orders.setdefault(problem.vehicles[int(row.vehicle_id)].id, []).append(problem.visits[int(row.id)].id)
    return orders


VROOM_LACKS: dict[str, Callable[[RoutingProblem], bool]] = {
    "reloads": lambda problem: any(vehicle.reload_locations for vehicle in problem.vehicles),
    "release times": lambda problem: any(visit.release_seconds for visit in problem.visits),
    "backhauls last": lambda problem: not problem.pairs and any(any(visit.pickup) for visit in problem.visits),
    "prizes": lambda problem: len({visit.unserved_penalty for visit in problem.visits}) > 1,
    "maximum route duration": lambda problem: any(v.max_duration_seconds is not None for v in problem.vehicles),
}


def _vroom_travel(given: vroom.Input, problem: RoutingProblem) -> None:
    """One profile for each price of a metre, its costs scaled so that the dearest fits 32 bits."""
    if problem.matrix is None:
        raise Inexpressible("VROOM needs a matrix.")
    metres, seconds = problem.matrix.distances_metres, problem.matrix.durations_seconds
    for price in {vehicle.cost_per_metre for vehicle in problem.vehicles}:
        given.set_durations_matrix(f"{price}", seconds.astype(np.uint32))
        given.set_costs_matrix(f"{price}", np.rint(metres * price / _vroom_scale(problem)).astype(np.uint32))


def _vroom_scale(problem: RoutingProblem) -> float:
    return max(1.0, max(vehicle.cost_per_metre for vehicle in problem.vehicles) / 10)


def _vroom_vehicles(given: vroom.Input, problem: RoutingProblem) -> None:
    given.add_vehicle([_vroom_vehicle(problem, vehicle, at) for at, vehicle in enumerate(problem.vehicles)])


def _vroom_vehicle(problem: RoutingProblem, vehicle: Vehicle, at: int) -> vroom.Vehicle:
    return vroom.Vehicle(
        at,
        start=vehicle.start_location,
        end=vehicle.end_location,
        profile=f"{vehicle.cost_per_metre}",
        capacity=list(vehicle.capacities),
        time_window=vroom.TimeWindow(vehicle.shift.start_seconds, vehicle.shift.end_seconds),
        costs=vroom.VehicleCosts(fixed=min(2**31, round(vehicle.fixed_cost / _vroom_scale(problem)))),
    )


def _vroom_job(visit: Visit, number: int) -> vroom.Job:
    windows = [vroom.TimeWindow(window.start_seconds, window.end_seconds) for window in visit.windows]
    return vroom.Job(
        number,
        location=visit.location,
        default_service=visit.service_seconds,
        delivery=vroom.Amount(list(visit.demand)),
        **({"time_windows": windows} if windows else {}),
    )


def _vroom_step(visit: Visit, number: int) -> vroom.ShipmentStep:
    windows = [vroom.TimeWindow(window.start_seconds, window.end_seconds) for window in visit.windows]
    return vroom.ShipmentStep(
        number, location=visit.location, default_service=visit.service_seconds, time_windows=windows
    )


def _with_matrix(problem: RoutingProblem) -> RoutingProblem:
    """The same with a whole matrix, which the peers need."""
    if problem.matrix is None or isinstance(problem.matrix.distances_metres, np.ndarray):
        return problem
    size = problem.matrix.distances_metres.shape[0]
    if size > MOST_PLACES_FOR_PEERS:
        raise Inexpressible(f"A whole matrix of {size} places does not fit.")
    return replace(problem, matrix=whole(problem.matrix))


SOLVERS: dict[str, Solver] = {"doorstep": doorstep, "pyvrp": pyvrp, "vroom": vroom_, "ortools": ortools}


def warm_up(solver: str) -> None:
    """Loads and compiles what the solver needs, on a problem of a few visits; only ours is compiled."""
    if solver == "doorstep":
        for windows in ((), (TimeWindow(start_seconds=0, end_seconds=3_600),)):
            engine.solve(_tiny(windows), stop=StoppingRule(iterations=10))


def _tiny(windows: tuple[TimeWindow, ...]) -> RoutingProblem:
    steps = np.abs(np.subtract.outer(np.arange(5), np.arange(5))).astype(np.int64) * 60
    shift = TimeWindow(start_seconds=0, end_seconds=7_200)
    return RoutingProblem(
        vehicles=tuple(
            Vehicle(id=name, start_location=0, end_location=0, shift=shift, capacities=(3,), cost_per_metre=1.0)
            for name in "ab"
        ),
        visits=tuple(Visit(id=str(at), location=at, demand=(1,), windows=windows) for at in range(1, 5)),
        matrix=TravelMatrix(distances_metres=steps, durations_seconds=steps),
    )
