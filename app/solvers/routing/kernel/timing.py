"""What driving a route costs, behind an address: compiled once, not again into every function that asks."""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

import math
from functools import cache
from typing import Any

from numba import carray, cfunc, types  # type: ignore[attr-defined]  # numba exports by star

from app.solvers.routing.kernel.driving import timed
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.memory import FIRST, LONE, SECOND, SOURCES, long, memory_view, routes, whole


@cache
def timing_address() -> int:
    """Where the function lies that takes the memory's address, a route and how many items it has."""
    sources = SOURCES

    def cost_at(address: int, r: int, size: int) -> float:
        # Nothing else in this function would tell numba that what it keeps was compiled for an older record.
        if sources == 0:
            return 0.0
        return _cost(carray(memory_view(address), (1,))[0], r, size)

    address: Any = cfunc(types.float64(types.int64, types.int64, types.int64), cache=True)(cost_at).address
    return int(address)


@compiled
def _cost(m: Any, r: int, size: int) -> float:
    k = long(routes(m)[r].kind)
    if whole(m.lifo)[k] and not is_reachable(m, size):
        return math.inf
    return timed(m, m.visits + 2 * r, k, size)


@compiled
def is_reachable(m: Any, size: int) -> bool:
    """Whether, with goods stacked, each delivery lies on top: LIFO loading."""
    stack, items, top = whole(m.stack), whole(m.items), 0
    for j in range(size):
        c = long(items[j])
        if c >= m.visits:
            top = 0
            continue
        role = whole(m.role)[c]
        if role == SECOND:
            if top == 0 or stack[top - 1] != whole(m.mate)[c]:
                return False
            top -= 1
        elif top > 0 and brings(m, m.demands, c):
            return False
        if role == FIRST or (role == LONE and brings(m, m.pickups, c)):
            stack[top] = c
            top += 1
    return True


@compiled
def brings(m: Any, loads: int, c: int) -> bool:
    """Whether a visit has a load in an array of loads, in any dimension."""
    for d in range(m.dimensions):  # noqa: SIM110 - compiled code has no generators
        if whole(loads)[c * m.dimensions + d] > 0:
            return True
    return False
