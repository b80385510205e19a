"""Whether an allocation table makes sense at all: refused before anything is searched."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.allocation.table import AllocationTable


class InvalidProblem(ValueError):
    """The problem contradicts itself; the message names the value."""


def require_valid(table: AllocationTable) -> None:
    """Refuses with the first fault found."""
    for fault in faults(table):
        raise InvalidProblem(fault)


def faults(table: AllocationTable) -> Iterator[str]:
    """Contradictions, each kind once, as a sentence that names the first."""
    for name, starts, rows, count in (
        ("starts", table.starts, table.orders, table.options),
        ("use_starts", table.use_starts, table.options, len(table.use_resources)),
    ):
        if len(starts) != rows + 1 or starts[0] != 0 or starts[-1] != count or (np.diff(starts) < 0).any():
            yield f"The {name} do not lead from 0 to {count} in {rows} steps, none of them back."
            return
    if len(table.use_amounts) != len(table.use_resources):
        yield f"There are {len(table.use_resources)} uses, and {len(table.use_amounts)} amounts of them."
        return
    yield from _below_zero("Resource {} has a capacity of {}", table.capacities)
    yield from _below_zero("Order {} has the penalty {}", table.penalties)
    yield from _below_zero("Use {} has the amount {}", table.use_amounts)
    is_strange = (table.use_resources < 0) | (table.use_resources >= table.resources)
    for use in np.flatnonzero(is_strange)[:1]:
        yield f"Use {use} draws on {table.use_resources[use]}, which is no resource; there are {table.resources}."


def _below_zero(words: str, values: NDArray[np.signedinteger[Any]]) -> Iterator[str]:
    for number in np.flatnonzero(values < 0)[:1]:
        yield f"{words.format(number, values[number])}; it must be zero or more."
