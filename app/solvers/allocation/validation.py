"""Whether an allocation problem makes sense at all: refused before anything is searched."""

from collections import Counter
from collections.abc import Iterable, Iterator

from app.solvers.allocation.problem import AllocationOrder, AllocationProblem


class InvalidProblem(ValueError):
    """The problem contradicts itself; the message names the value."""


def require_valid(problem: AllocationProblem) -> None:
    """Refuses with the first fault found."""
    for fault in faults(problem):
        raise InvalidProblem(fault)


def faults(problem: AllocationProblem) -> Iterator[str]:
    """Every contradiction, as a sentence."""
    yield from _repeated("order", (order.id for order in problem.orders))
    yield from _repeated("resource", (resource.id for resource in problem.resources))
    for resource in problem.resources:
        if resource.capacity < 0:
            yield f"Resource {resource.id} has a capacity of {resource.capacity}; it must be zero or more."
    known = {resource.id for resource in problem.resources}
    for order in problem.orders:
        yield from _order_faults(order, known)


def _repeated(noun: str, ids: Iterable[str]) -> Iterator[str]:
    for id, times in Counter(ids).items():
        if times > 1:
            yield f"The {noun} {id} is given {times} times; ids must be unique."


def _order_faults(order: AllocationOrder, known: set[str]) -> Iterator[str]:
    if order.unallocated_penalty < 0:
        yield f"Order {order.id} has the penalty {order.unallocated_penalty}; it must be zero or more."
    yield from _repeated(f"option of order {order.id},", (option.id for option in order.options))
    for option in order.options:
        for use in option.uses:
            if use.resource_id not in known:
                yield f"Option {option.id} of order {order.id} uses {use.resource_id}, which is no resource."
            if use.amount < 0:
                yield f"Option {option.id} of order {order.id} uses {use.amount} of {use.resource_id}; at least 0."
