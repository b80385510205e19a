"""How jobs solve: in a child process, killed when it does not answer; a missing answer is said in words."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import structlog

from app.core.errors import Refusal
from app.solvers.allocation.solution import AllocationSolution
from app.solvers.allocation.table import AllocationTable
from app.solvers.process import SolverFailed, SolverTimedOut, solve_in_process
from app.solvers.progress import Progress
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.solution import RoutingSolution
from app.solvers.stopping import StoppingRule

SEED = 1
# Starting the child, on a new machine compiling the kernel, and explaining the answer come on top of the search.
START_SECONDS, SHARE_ON_TOP = 240.0, 3.0
# An allocation this close to the best possible is good enough.
ALLOCATION_GAP = 0.001
TELL_EVERY_SECONDS = 1.0
# The last line of a traceback, and how a child that was killed ends: another run may fare better.
CAUSE = re.compile(r"(?:\w+\.)*(?P<name>[A-Z]\w*): (?P<sentence>.+)")
KILLED = "The solver ended with signal"
log = structlog.get_logger(__name__)

Report = Callable[[float, str], Awaitable[None]]


async def _unheard(_: float, __: str) -> None:
    """For a search that nobody watches."""


@dataclass(frozen=True, kw_only=True)
class RoutingTask:
    """A routing problem, and how to search it. `node` and `job` are what the log names should that fail."""

    problem: RoutingProblem
    stop: StoppingRule
    seed: int = SEED
    node: str | None = None
    job: str | None = None


async def allocation(
    table: AllocationTable, *, seconds: float, threads: int = 1, report: Report = _unheard
) -> AllocationSolution:
    """Searches for `seconds` at most; `report` hears how far it is."""
    stop = StoppingRule(seconds=seconds, relative_gap=ALLOCATION_GAP, threads=threads)
    async with _telling(report) as latest:
        return await solve_in_process(
            "allocation", table, stop=stop, seed=SEED, limit_seconds=_limit(seconds), on_progress=latest.append
        )


async def search(task: RoutingTask, *, asked: asyncio.Event, report: Report) -> RoutingSolution:
    """Searches as the task says, or until it is `asked` to end; `report` hears how far it is."""
    async with _telling(report, node=task.node, job=task.job) as latest:
        solution = await solve_in_process(
            "routing",
            task.problem,
            stop=task.stop,
            seed=task.seed,
            limit_seconds=_limit(task.stop.seconds or 0.0),
            on_progress=latest.append,
            asked=asked,
        )
    if solution.quality.repaired is not None:
        log.error("the engine broke a rule", fault=solution.quality.repaired, visits=len(task.problem.visits))
    return solution


@contextlib.asynccontextmanager
async def _telling(report: Report, **concerns: str | None) -> AsyncIterator[list[Progress]]:
    """Passes on what is appended; a solver's failure becomes a refusal, and is logged whole."""
    latest: list[Progress] = []
    telling = asyncio.create_task(_tell(latest, report))
    try:
        yield latest
    except SolverFailed as failure:
        log.error("the solver failed", failure=str(failure), **concerns)
        raise _refusal(failure) from failure
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(latest: list[Progress], report: Report) -> None:
    told: Progress | None = None
    while True:
        await asyncio.sleep(TELL_EVERY_SECONDS)
        if latest and latest[-1] != told:
            told = latest[-1]
            latest.clear()
            await report(told.fraction, told.message)


def _limit(seconds: float) -> float:
    return START_SECONDS + SHARE_ON_TOP * seconds


def _refusal(failure: SolverFailed) -> Refusal:
    """What went wrong, in the last line of its cause, and what to do."""
    words = str(failure)
    if isinstance(failure, SolverTimedOut) or words.startswith(KILLED):
        first = words.splitlines()[0].split(". ")[0].rstrip(".")
        return Refusal("SOLVER_FAILED", f"{first}. Nothing was changed. Start the job again.")
    last = next((line.strip() for line in reversed(words.splitlines()) if line.strip()), words)
    cause = CAUSE.fullmatch(last)
    if cause is not None and cause["name"] == "InvalidProblem":
        return Refusal(
            "SOLVER_FAILED",
            f"The problem contradicts itself: {cause['sentence']} Nothing was changed. Correct that first.",
        )
    return Refusal("SOLVER_FAILED", f"The solver failed: {last} Nothing was changed; the workers' log has it whole.")
