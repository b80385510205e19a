"""PyVRP beside the kernel: on parts of a plan whose routes are long, and on problems that only it can say.

PyVRP holds the interpreter, so each search has a process of its own, which ends with this one.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from app.solvers.budget import Budget
from app.solvers.lifeline import end_with_parent
from app.solvers.routing import pyvrp_model
from app.solvers.routing.decomposition import Part
from app.solvers.routing.flattening import Flat
from app.solvers.routing.kernel import Plan
from app.solvers.routing.problem import DEFAULT_PROFILE, Pair, RoutingProblem, Vehicle
from app.solvers.routing.pyvrp_model import Orders
from app.solvers.routing.travel import travel_of

# A child looks at its time only between iterations, and loading takes it a moment.
CHILD_GRACE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Task:
    """One search: how many seconds of the processor, or of the clock where those are not limited, or iterations."""

    problem: RoutingProblem
    start: Orders | None
    seed: int
    processor_seconds: float | None
    seconds: float | None
    iterations: int | None


@dataclass(frozen=True, kw_only=True)
class Searched:
    """The best orders, None where nothing feasible was found; and what it took of the processor."""

    orders: Orders | None
    iterations: int
    processor_seconds: float


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes that end with this one."""
    context = get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=end_with_parent, initargs=(os.getpid(),))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class Limit:
    """Says when a search has had its budget; counts its iterations."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.iterations = 0
        self._began = os.times().elapsed

    def __call__(self, best_cost: int) -> bool:
        """As PyVRP asks before each iteration."""
        task = self.task
        self.iterations += 1
        if task.iterations is not None and self.iterations > task.iterations:
            return True
        if task.processor_seconds is not None and time.process_time() >= task.processor_seconds:
            return True
        return task.seconds is not None and os.times().elapsed - self._began >= task.seconds


def run(task: Task) -> Searched:
    """In the child. Its processor time counts from the child's own beginning of this search."""
    before = time.process_time()
    if task.processor_seconds is not None:
        task = replace(task, processor_seconds=before + task.processor_seconds)
    limit = Limit(task)
    model = pyvrp_model.build(task.problem)
    orders = pyvrp_model.search(model, stop=limit, seed=task.seed, start=task.start)
    return Searched(orders=orders, iterations=limit.iterations, processor_seconds=time.process_time() - before)


def task_of(flat: Flat, part: Part, *, budget: Budget, share: float, counted: float, seed: int) -> Task:
    """The part as a problem of its own, with `share` of the time, or `counted` of the iterations, for this one search.

    The time depends on how many searches there are at once; the iterations must not, so that the answer does not.
    """
    stop = budget.stop
    threads = stop.threads
    return Task(
        problem=part_problem(flat, part),
        start=part_orders(flat, part),
        seed=seed,
        processor_seconds=None if stop.processor_seconds is None else share * stop.processor_seconds / threads,
        seconds=None if stop.seconds is None else share * stop.seconds,
        iterations=None if stop.iterations is None else max(1, int(counted * stop.iterations / PYVRP_ITERATION)),
    )


# About as many steps of the kernel take as long as one iteration of PyVRP.
PYVRP_ITERATION = 30
# Where iterations are counted, as many searches of a whole problem, however many threads there are.
SEEDS = 2


def part_problem(flat: Flat, part: Part) -> RoutingProblem:
    """Its visits at places 0, 1, ..., then the terminals; its vehicles named by kind and number."""
    if len(flat.whole.travel) != 1:
        raise pyvrp_model.Inexpressible("PyVRP cannot express travel by profile.")
    terminals = flat.whole.terminals.tolist()
    behind = {place: len(part.visits) + at for at, place in enumerate(terminals)}
    visits = tuple(replace(flat.visits[visit], location=at) for at, visit in enumerate(part.visits.tolist()))
    vehicles = [
        _moved(flat.vehicles[kind][number], f"{kind}/{number}", behind)
        for kind, count in enumerate(part.counts.tolist())
        for number in range(min(count, len(visits)))
    ]
    rows = np.concatenate([flat.whole.places[part.visits], flat.whole.terminals])
    matrix = flat.whole.travel[0].block(rows)
    return RoutingProblem(vehicles=tuple(vehicles), visits=visits, matrix=matrix, pairs=_pairs_of(flat, part))


def _pairs_of(flat: Flat, part: Part) -> tuple[Pair, ...]:
    """Those of the whole that are in the part: both of each are."""
    if flat.whole.data.pairs is None:
        return ()
    here = set(part.visits.tolist())
    return tuple(
        Pair(pickup_visit_id=flat.visits[first].id, delivery_visit_id=flat.visits[second].id)
        for first, second in flat.whole.data.pairs.tolist()
        if first in here
    )


def _moved(vehicle: Vehicle, name: str, behind: dict[int, int]) -> Vehicle:
    start, end = vehicle.start_location, vehicle.end_location
    return replace(
        vehicle,
        id=name,
        profile=DEFAULT_PROFILE,
        start_location=None if start is None else behind[start],
        end_location=None if end is None else behind[end],
    )


def part_orders(flat: Flat, part: Part) -> Orders:
    """The part's routes by the names of its vehicles."""
    taken = [0] * len(part.counts)
    orders: Orders = {}
    for kind, route in zip(part.plan.kinds.tolist(), part.plan.routes(), strict=True):
        orders[f"{kind}/{taken[kind]}"] = [flat.visits[int(part.visits[visit])].id for visit in route]
        taken[kind] += 1
    return orders


def plan_of(flat: Flat, part: Part, orders: Orders) -> Plan:
    """Routes in the part's own numbers again."""
    number = {flat.visits[visit].id: at for at, visit in enumerate(part.visits.tolist())}
    routes = [(int(name.split("/")[0]), [number[str(one)] for one in order]) for name, order in orders.items() if order]
    return Plan.of([route for _, route in routes], [kind for kind, _ in routes])


def search_whole(problem: RoutingProblem, *, start: Orders, budget: Budget, seed: int) -> tuple[list[Orders], int]:
    """The answers of some seeds to the whole problem, and their iterations, in what is left of the budget."""
    stop = budget.stop
    left = max(0.0, 1.0 - budget.share())
    seeds = SEEDS if stop.iterations is not None else stop.threads
    task = Task(
        problem=with_matrix(problem),
        start=start,
        seed=seed,
        processor_seconds=None if stop.processor_seconds is None else left * stop.processor_seconds / stop.threads,
        seconds=None if stop.seconds is None else left * stop.seconds,
        iterations=None if stop.iterations is None else max(1, stop.iterations // PYVRP_ITERATION // seeds),
    )
    with processes(stop.threads) as pool:
        searches = [pool.submit(run, replace(task, seed=seed + at)) for at in range(seeds)]
        found = [future.result() for future in searches]
    budget.spent_elsewhere += sum(one.processor_seconds for one in found)
    return [one.orders for one in found if one.orders is not None], sum(one.iterations for one in found)


def knows(problem: RoutingProblem) -> bool:
    """Whether PyVRP can express all that this problem says. Only for small problems."""
    try:
        return not any(pyvrp_model.unknown_to_pyvrp(with_matrix(problem)))
    except pyvrp_model.Inexpressible:
        return False


def with_matrix(problem: RoutingProblem) -> RoutingProblem:
    """The same problem with a matrix of all its places. Only for small problems."""
    if problem.matrix is not None and not problem.matrices and not problem.roads:
        return problem
    profiles = {vehicle.profile for vehicle in problem.vehicles}
    if len(profiles) > 1:
        raise pyvrp_model.Inexpressible("PyVRP cannot express travel by profile.")
    travel = travel_of(problem, profiles.pop())
    size = len(problem.locations) if travel.matrix is None else travel.matrix.distances_metres.shape[0]
    return replace(problem, matrix=travel.block(range(size)), matrices={}, roads={})
