"""Whether an allocation keeps its limits and adds up to what it claims. Shares no code with the engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.solvers.allocation.solution import AllocationSolution
from app.solvers.allocation.table import AllocationTable

# Bounds are floating point.
TOLERANCE = 1e-6


class ViolationKind(StrEnum):
    """What is broken."""

    WRONG_LENGTH = "WRONG_LENGTH"
    FOREIGN_OPTION = "FOREIGN_OPTION"
    RESOURCE_OVERDRAWN = "RESOURCE_OVERDRAWN"
    CLAIMED_TOTAL = "CLAIMED_TOTAL"
    BOUND_ABOVE_OBJECTIVE = "BOUND_ABOVE_OBJECTIVE"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken promise."""

    kind: ViolationKind
    detail: str


def check(table: AllocationTable, solution: AllocationSolution) -> tuple[Violation, ...]:
    """Every violation; none for an allocation that can be carried out."""
    return tuple(Violation(kind=kind, detail=detail) for kind, detail in _violations(table, solution))


def _violations(table: AllocationTable, solution: AllocationSolution) -> Iterator[tuple[ViolationKind, str]]:
    chosen = solution.chosen
    if len(chosen) != len(table.penalties):
        yield ViolationKind.WRONG_LENGTH, f"There are {len(table.penalties)} orders and {len(chosen)} answers."
        return
    found = overdrawn(table, chosen)
    for resource, excess in found:
        if resource < 0:
            yield ViolationKind.FOREIGN_OPTION, f"Order {excess} got option {chosen[excess]}, which is not its own."
        else:
            yield ViolationKind.RESOURCE_OVERDRAWN, f"Resource {resource} is overdrawn by {excess}."
    if found:
        return
    objective = sum(
        int(table.penalties[order] if option == -1 else table.costs[option]) for order, option in enumerate(chosen)
    )
    if solution.objective != objective:
        yield ViolationKind.CLAIMED_TOTAL, f"The objective is {objective}, not {solution.objective}."
    bound = solution.quality.bound
    if bound is not None and bound > objective + TOLERANCE:
        yield ViolationKind.BOUND_ABOVE_OBJECTIVE, f"The bound {bound} is above the objective {objective}."


def overdrawn(table: AllocationTable, chosen: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """The same for answers by number: (resource, units too many), and (-1, order) for an option of another order.

    `chosen` [orders]: a row of the table's options, or -1.
    """
    served = np.flatnonzero(chosen != -1)
    options = chosen[served]
    foreign = (options < table.starts[served]) | (options >= table.starts[served + 1])
    if foreign.any():
        return tuple((-1, int(order)) for order in served[foreign])
    is_used = np.zeros(table.options, dtype=np.bool_)
    is_used[options] = True
    rows = np.repeat(is_used, np.diff(table.use_starts))
    used = np.bincount(table.use_resources[rows], weights=table.use_amounts[rows], minlength=table.resources)
    return tuple((int(at), int(used[at] - table.capacities[at])) for at in np.flatnonzero(used > table.capacities))
