"""The allocation engine: prices and a search at any size, an exact search on top where the problem is small.

Explains nothing: whoever made the table knows what its numbers mean.
"""

from dataclasses import replace

from app.solvers.allocation.exact import ExactAnswer, search_exactly
from app.solvers.allocation.searching import TableAnswer, gap, search
from app.solvers.allocation.solution import AllocationQuality, AllocationSolution
from app.solvers.allocation.table import AllocationTable
from app.solvers.allocation.validation import require_valid
from app.solvers.budget import Budget
from app.solvers.progress import OnProgress, Progress, silent
from app.solvers.stopping import StoppingRule

# Up to so many options an exact search may close the gap; beyond, it finds nothing in the time there is.
MOST_FOR_EXACT = 60_000
# So much of the time is the exact search's, where there is one.
EXACT_SHARE = 0.7
LEAST_SECONDS = 0.01
# Where an exact search follows, the progress up to here is the first search's.
FIRST_PART = 0.6


def solve(
    table: AllocationTable, *, stop: StoppingRule, seed: int = 0, on_progress: OnProgress = silent
) -> AllocationSolution:
    """The cheapest allocation found within the rule. Refuses a problem that contradicts itself."""
    require_valid(table)
    budget = Budget(stop)
    is_small = table.options <= MOST_FOR_EXACT
    if is_small:
        answer = search(table, stop=_first_rule(stop), seed=seed, on_progress=_first_part(on_progress))
    else:
        answer = search(table, stop=stop, seed=seed, on_progress=on_progress)
    chosen, quality = answer.chosen, _quality(answer, budget)
    if is_small and not quality.is_optimal and (answer.gap > stop.relative_gap or stop.relative_gap == 0):
        on_progress(
            Progress(fraction=FIRST_PART, message=f"Closing a gap of {answer.objective - answer.prices.bound}.")
        )
        found = search_exactly(table, answer, stop=_exact_rule(stop, budget), seed=seed)
        chosen, quality = found.chosen, _exact_quality(table, found, budget)
    objective = table.objective(chosen)
    on_progress(Progress(fraction=0.95, message=f"Found an allocation that costs {objective}."))
    return AllocationSolution(chosen=chosen, objective=objective, quality=quality, prices=answer.prices.by_resource)


def _first_part(on_progress: OnProgress) -> OnProgress:
    return lambda progress: on_progress(replace(progress, fraction=FIRST_PART * progress.fraction))


def _first_rule(stop: StoppingRule) -> StoppingRule:
    share = 1.0 - EXACT_SHARE
    return replace(
        stop,
        seconds=stop.seconds and stop.seconds * share,
        processor_seconds=stop.processor_seconds and stop.processor_seconds * share,
    )


def _exact_rule(stop: StoppingRule, budget: Budget) -> StoppingRule:
    """What is left; processor time is taken for wall time, which CP-SAT measures."""
    lefts = [] if stop.seconds is None else [stop.seconds - budget.seconds()]
    if stop.processor_seconds is not None:
        lefts.append((stop.processor_seconds - budget.processor_seconds()) / stop.threads)
    seconds = max(LEAST_SECONDS, min(lefts)) if lefts else None
    return replace(stop, seconds=seconds, processor_seconds=None)


def _quality(answer: TableAnswer, budget: Budget) -> AllocationQuality:
    return AllocationQuality(
        solver="prices",
        seconds=budget.seconds(),
        iterations=answer.rounds,
        bound=float(answer.prices.bound),
        is_optimal=answer.objective <= answer.prices.bound,
        gap=answer.gap,
    )


def _exact_quality(table: AllocationTable, found: ExactAnswer, budget: Budget) -> AllocationQuality:
    objective = table.objective(found.chosen)
    return AllocationQuality(
        solver="prices+ortools-cp-sat",
        seconds=budget.seconds(),
        iterations=found.branches,
        bound=found.bound,
        is_optimal=found.is_proved or objective <= found.bound,
        gap=gap(objective, found.bound),
    )
