"""PyVRP beside the kernel: on parts of a plan whose routes are long, and on problems that only it can say.

PyVRP holds the interpreter, so each search has a process of its own, which ends with this one.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from typing import TypedDict

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

# Every so often the parent looks whether somebody asks to end.
LOOK_SECONDS = 0.2
# Each round goes on from the best so far, of parts with another cut; shorter ones spend their time on beginning.
SECONDS_A_ROUND, SECONDS_A_WHOLE_ROUND, MOST_ROUNDS = 6.0, 3.0, 12


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


class Children:
    """Fresh processes, one a thread of the budget's rule, that end with this one."""

    def __init__(self, pool: ProcessPoolExecutor, end: Event, budget: Budget) -> None:
        self._pool, self._end, self._budget = pool, end, budget

    def search(self, tasks: Sequence[Task]) -> list[Searched]:
        """All tasks side by side; their answers in that order. Once somebody asks to end, each has its best so far."""
        running = [self._pool.submit(run, task) for task in tasks]
        waiting = set(running)
        while waiting:
            if self._budget.stop.is_asked():
                self._end.set()
            _, waiting = wait(waiting, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
        found = [future.result() for future in running]
        self._budget.spent_elsewhere += sum(one.processor_seconds for one in found)
        return found


@contextmanager
def children(budget: Budget) -> Iterator[Children]:
    """Processes for as long as this lasts."""
    context = get_context("spawn")
    end = context.Event()
    pool = ProcessPoolExecutor(budget.stop.threads, mp_context=context, initializer=_begin, initargs=(os.getpid(), end))
    try:
        yield Children(pool, end, budget)
    finally:
        pool.shutdown(cancel_futures=True)


_end: Event | None = None


def _begin(parent: int, end: Event) -> None:
    """In the child."""
    global _end
    end_with_parent(parent)
    _end = end


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
        if _end is not None and _end.is_set():
            return True
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
    return Task(
        problem=part_problem(flat, part),
        start=part_orders(flat, part),
        seed=seed,
        **_limits(budget, share=share, counted=counted),
    )


class Limits(TypedDict):
    """Of a task."""

    processor_seconds: float | None
    seconds: float | None
    iterations: int | None


def _limits(budget: Budget, *, share: float, counted: float) -> Limits:
    stop = budget.stop
    return Limits(
        processor_seconds=None if stop.processor_seconds is None else share * stop.processor_seconds / stop.threads,
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


def rounds_of(budget: Budget, share: float, *, seconds: float = SECONDS_A_ROUND) -> int:
    """How often to begin anew in that share of the budget, when a round has about so many seconds."""
    if not budget.seconds_allowed():
        return MOST_ROUNDS // 3
    return max(1, min(MOST_ROUNDS, round(share * budget.seconds_allowed() / seconds)))


@dataclass(frozen=True, kw_only=True)
class Best:
    """The cheapest orders so far, and the iterations of all searches."""

    orders: Orders
    cost: float
    iterations: int


def search_whole(
    problem: RoutingProblem,
    *,
    start: Orders,
    cost: Callable[[Orders], float],
    budget: Budget,
    seed: int,
    since: float,
    on_round: Callable[[float, Best], None],
) -> Best:
    """The whole problem with some seeds, round by round, in what is left of the budget.

    `since`: how much of it was to be gone before, which is what counts where iterations are counted.
    """
    stop = budget.stop
    seeds = SEEDS if stop.iterations is not None else stop.threads
    best = Best(orders=start, cost=cost(start), iterations=0)
    posed = with_matrix(problem)
    rounds = rounds_of(budget, 1.0 - since, seconds=SECONDS_A_WHOLE_ROUND)
    with children(budget) as searching:
        for number in range(rounds):
            left = max(0.0, 1.0 - budget.share()) / (rounds - number)
            if not left:
                break
            tasks = [
                Task(
                    problem=posed,
                    start=best.orders,
                    seed=seed + number * seeds + at,
                    **_limits(budget, share=left, counted=(1.0 - since) / rounds / seeds),
                )
                for at in range(seeds)
            ]
            for one in searching.search(tasks):
                best = replace(best, iterations=best.iterations + one.iterations)
                if one.orders is not None and (found := cost(one.orders)) < best.cost:
                    best = replace(best, orders=one.orders, cost=found)
            on_round(since + (1.0 - since) * (number + 1) / rounds, best)
    return best


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
