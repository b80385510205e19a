"""How jobs solve: in a child process, killed when it does not answer; a missing answer is said in words."""

from app.core.errors import Refusal
from app.solvers.allocation.problem import AllocationProblem
from app.solvers.allocation.solution import AllocationSolution
from app.solvers.process import SolverFailed, solve_in_process
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.solution import RoutingSolution
from app.solvers.stopping import StoppingRule

SEED = 1
# Starting the child, reading the problem and explaining the answer come on top of the search.
START_SECONDS, SHARE_ON_TOP = 60.0, 2.0
# An allocation this close to the best possible is good enough.
ALLOCATION_GAP = 0.001
# Parts of a routing problem are searched side by side, one on each core.
ROUTING_THREADS = 2


async def allocation(problem: AllocationProblem, *, seconds: float) -> AllocationSolution:
    """Searches for `seconds` at most."""
    stop = StoppingRule(seconds=seconds, relative_gap=ALLOCATION_GAP)
    try:
        return await solve_in_process("allocation", problem, stop=stop, seed=SEED, limit_seconds=_limit(seconds))
    except SolverFailed as failure:
        raise _refusal(failure) from failure


async def routing(problem: RoutingProblem, *, seconds: float) -> RoutingSolution:
    """Searches for about `seconds`."""
    stop = StoppingRule(seconds=seconds, threads=ROUTING_THREADS)
    try:
        return await solve_in_process("routing", problem, stop=stop, seed=SEED, limit_seconds=_limit(seconds))
    except SolverFailed as failure:
        raise _refusal(failure) from failure


def _limit(seconds: float) -> float:
    return START_SECONDS + SHARE_ON_TOP * seconds


def _refusal(failure: SolverFailed) -> Refusal:
    return Refusal("SOLVER_FAILED", f"{str(failure)[:500]} Start the job again; nothing was changed.")
