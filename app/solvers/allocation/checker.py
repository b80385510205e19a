"""Whether an allocation keeps its limits and adds up to what it claims. Shares no code with the engine."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.solvers.allocation.problem import AllocationProblem, Option
from app.solvers.allocation.solution import AllocationSolution
from app.solvers.allocation.table import AllocationTable


class ViolationKind(StrEnum):
    """What is broken."""

    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    UNKNOWN_OPTION = "UNKNOWN_OPTION"
    ORDER_TWICE = "ORDER_TWICE"
    ORDER_FORGOTTEN = "ORDER_FORGOTTEN"
    RESOURCE_OVERDRAWN = "RESOURCE_OVERDRAWN"
    CLAIMED_COST = "CLAIMED_COST"
    CLAIMED_TOTAL = "CLAIMED_TOTAL"
    BOUND_ABOVE_OBJECTIVE = "BOUND_ABOVE_OBJECTIVE"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken promise; `subject` is the order, the resource or the total it is about."""

    kind: ViolationKind
    subject: str
    detail: str


def check(problem: AllocationProblem, solution: AllocationSolution) -> tuple[Violation, ...]:
    """Every violation; none for an allocation that can be carried out."""
    options = {(order.id, option.id): option for order in problem.orders for option in order.options}
    return (
        *_coverage(problem, solution, options),
        *_resources(problem, solution, options),
        *_totals(problem, solution),
    )


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


def _violation(kind: ViolationKind, subject: str, detail: str) -> Violation:
    return Violation(kind=kind, subject=subject, detail=detail)


def _coverage(
    problem: AllocationProblem, solution: AllocationSolution, options: dict[tuple[str, str], Option]
) -> Iterator[Violation]:
    known = {order.id for order in problem.orders}
    mentioned = Counter([choice.order_id for choice in solution.choices])
    mentioned.update(unallocated.order_id for unallocated in solution.unallocated)
    for id, times in mentioned.items():
        if id not in known:
            yield _violation(ViolationKind.UNKNOWN_ORDER, id, "The problem has no such order.")
        if times > 1:
            yield _violation(ViolationKind.ORDER_TWICE, id, f"The order appears {times} times.")
    for id in sorted(known - mentioned.keys()):
        yield _violation(ViolationKind.ORDER_FORGOTTEN, id, "The order has no choice and is not unallocated.")
    for choice in solution.choices:
        option = options.get((choice.order_id, choice.option_id))
        if option is None:
            yield _violation(ViolationKind.UNKNOWN_OPTION, choice.order_id, f"It has no option {choice.option_id}.")
        elif option.cost != choice.cost:
            detail = f"It claims a cost of {choice.cost}; its components are {option.cost}."
            yield _violation(ViolationKind.CLAIMED_COST, choice.order_id, detail)


def _resources(
    problem: AllocationProblem, solution: AllocationSolution, options: dict[tuple[str, str], Option]
) -> Iterator[Violation]:
    used: Counter[str] = Counter()
    for choice in solution.choices:
        option = options.get((choice.order_id, choice.option_id))
        for use in option.uses if option is not None else ():
            used[use.resource_id] += use.amount
    for resource in problem.resources:
        if used[resource.id] > resource.capacity:
            detail = f"{used[resource.id]} of {resource.capacity} are used."
            yield _violation(ViolationKind.RESOURCE_OVERDRAWN, resource.id, detail)


def _totals(problem: AllocationProblem, solution: AllocationSolution) -> Iterator[Violation]:
    penalties = {order.id: order.unallocated_penalty for order in problem.orders}
    cost = sum(choice.cost for choice in solution.choices)
    objective = cost + sum(penalties.get(left.order_id, 0) for left in solution.unallocated)
    for name, claimed, true in (("cost", solution.cost, cost), ("objective", solution.objective, objective)):
        if claimed != true:
            yield _violation(ViolationKind.CLAIMED_TOTAL, name, f"The total {name} is {true}, not {claimed}.")
    bound = solution.quality.bound
    if bound is not None and bound > objective + 1e-6:
        detail = f"The bound {bound} is above the objective {objective}."
        yield _violation(ViolationKind.BOUND_ABOVE_OBJECTIVE, "bound", detail)
