"""One solver's run in a process of its own, judged by the one checker: pickles on stdin and stdout.

The process runs the solver twice on a tiny problem first, so that loading and compiling are not measured.
"""

import io
import os
import pickle
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass

from app.solvers.progress import silent
from app.solvers.routing import checker
from app.solvers.routing.answering import answer
from app.solvers.routing.problem import Reload, RoutingProblem
from app.solvers.routing.schedule import Terms
from app.solvers.routing.solution import Quality, RoutingSolution
from benchmarks.instances import REQUIRED

KIBIBYTES_PER_MEBIBYTE = 1_024


@dataclass(frozen=True, kw_only=True)
class Judged:
    """`note` says what went wrong, if anything did. `objective` is in the problem's own units."""

    note: str = ""
    objective: float | None = None
    vehicles: int | None = None
    required_unserved: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    peak_mib: int = 0


def main() -> None:
    """Task in, judgement out; what a library prints goes nowhere."""
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    solver, problem, seconds, cores, seed = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    with redirect_stdout(io.StringIO()):
        judged = judge(solver, problem, seconds=seconds, cores=cores, seed=seed)
    target.write(pickle.dumps(judged))
    target.flush()


def judge(solver: str, problem: RoutingProblem, *, seconds: float, cores: int, seed: int) -> Judged:
    """Runs the solver and checks what it says."""
    from benchmarks import solvers

    solve = solvers.SOLVERS[solver]
    solvers.warm_up(solver)
    began, used = time.perf_counter(), _processor_seconds()
    try:
        found = solve(problem, seconds=seconds, cores=cores, seed=seed, on_progress=silent)
    except (solvers.Inexpressible, solvers.NothingFound) as refused:
        return Judged(note=str(refused))
    took, spent, peak = time.perf_counter() - began, _processor_seconds() - used, _peak_mib()
    solution = found if isinstance(found, RoutingSolution) else solution_of(problem, found)
    violations = checker.check(problem, solution)
    penalty = {visit.id: visit.unserved_penalty for visit in problem.visits}
    return Judged(
        note=f"{len(violations)} violations: {violations[0]}" if violations else "",
        objective=solution.objective,
        vehicles=len(solution.routes),
        required_unserved=sum(penalty[one.visit_id] >= REQUIRED for one in solution.unserved),
        seconds=took,
        processor_seconds=spent,
        peak_mib=peak,
    )


def solution_of(problem: RoutingProblem, orders: Mapping[str, Sequence[str | Reload]]) -> RoutingSolution:
    """A peer's orders, timed as ours are."""
    terms = Terms(problem)
    named = {vehicle: terms.order(order) for vehicle, order in orders.items() if order}
    return answer(terms, named, Quality(solver="peer", seconds=0.0, iterations=0))


def _processor_seconds() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def _peak_mib() -> int:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) // KIBIBYTES_PER_MEBIBYTE


if __name__ == "__main__":
    # Under `-m` this module is __main__; the parent expects benchmarks.judging.Judged.
    from benchmarks.judging import main as run

    run()
