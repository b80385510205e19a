"""Searches the parts of a problem, side by side where there are threads for it; the whole takes about the rule's time.

OR-Tools holds the interpreter during its search, so parts run side by side in processes. They are started afresh
(a fork would copy a process with running threads) and end with this one.
"""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing import get_context

from app.solvers.lifeline import end_with_parent
from app.solvers.progress import OnProgress, Progress
from app.solvers.routing import ortools_model
from app.solvers.routing.grouping import Part
from app.solvers.routing.ortools_model import Found
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.travel import travel_of
from app.solvers.stopping import StoppingRule


@dataclass(frozen=True, kw_only=True)
class Task:
    """One part as a problem of its own, with matrices of its own places, and how long to search it."""

    problem: RoutingProblem
    seconds: float | None
    iterations: int | None


def search(parts: Sequence[Part], problem: RoutingProblem, *, stop: StoppingRule, on_progress: OnProgress) -> Found:
    """What was found for all parts together."""
    lanes = lanes_of(parts, threads=stop.threads)
    tasks = [[_task(part, lane, problem, stop) for part in lane] for lane in lanes]
    total = sum(len(part.visits) for part in parts) or 1
    found = Found(orders={}, seconds=0.0, iterations=0)

    def note(task: Task, part_found: Found) -> None:
        nonlocal found
        found = found + part_found
        done.append(len(task.problem.visits))
        message = f"part {len(done)} of {len(parts)} searched: {sum(done)} of {total} stops"
        on_progress(Progress(fraction=0.9 * sum(done) / total, message=message))

    done: list[int] = []
    if len(tasks) <= 1:
        for task in (task for lane in tasks for task in lane):
            note(task, run(task))
        return found
    with ExitStack() as stack:
        running: dict[Future[Found], Task] = {}
        for lane_tasks in tasks:
            lane_process = stack.enter_context(_process())
            running |= {lane_process.submit(run, task): task for task in lane_tasks}
        for future in as_completed(running):
            note(running[future], future.result())
    return found


def lanes_of(parts: Sequence[Part], *, threads: int) -> list[list[Part]]:
    """The parts in at most `threads` lanes of about equal visits: the largest first, each to the emptiest lane."""
    lanes: list[list[Part]] = [[] for _ in range(min(threads, len(parts)))]
    for part in sorted(parts, key=lambda part: -len(part.visits)):
        min(lanes, key=_size).append(part)
    return lanes


def run(task: Task) -> Found:
    """One search, in whichever process this is."""
    return ortools_model.search(task.problem, seconds=task.seconds, iterations=task.iterations)


def _size(lane: Sequence[Part]) -> int:
    return sum(len(part.visits) for part in lane)


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        max_workers=1, mp_context=get_context("spawn"), initializer=end_with_parent, initargs=(os.getpid(),)
    )


def _task(part: Part, lane: Sequence[Part], problem: RoutingProblem, stop: StoppingRule) -> Task:
    """The part's share of its lane's time goes by visits; its places are numbered anew."""
    places = {visit.location for visit in part.visits}
    ends = {place for vehicle in part.vehicles for place in (vehicle.start_location, vehicle.end_location)}
    kept = sorted(places | {place for place in ends if place is not None})
    number: dict[int | None, int] = {place: at for at, place in enumerate(kept)}
    vehicles = (
        replace(
            vehicle, start_location=number.get(vehicle.start_location), end_location=number.get(vehicle.end_location)
        )
        for vehicle in part.vehicles
    )
    visits = (replace(visit, location=number[visit.location]) for visit in part.visits)
    profiles = {vehicle.profile for vehicle in part.vehicles}
    return Task(
        problem=replace(
            problem,
            vehicles=tuple(vehicles),
            visits=tuple(visits),
            locations=(),
            matrix=None,
            roads={},
            matrices={profile: travel_of(problem, profile).block(kept) for profile in sorted(profiles)},
        ),
        seconds=None if stop.seconds is None else stop.seconds * len(part.visits) / _size(lane),
        iterations=stop.iterations,
    )
