"""Who may ride with whom: visits that stay together, keep apart, or exclude one another."""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

from typing import Any

from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.memory import nodes, whole


@compiled
def admits(m: Any, c: int, r: int) -> bool:
    """Whether nobody on the route must be apart from `c`, none of its company is elsewhere, no alternative served."""
    node = nodes(m)
    for j in range(whole(m.apart_ends)[c], whole(m.apart_ends)[c + 1]):
        if node[whole(m.apart)[j]].route == r:
            return False
    for j in range(whole(m.rival_ends)[c], whole(m.rival_ends)[c + 1]):
        if node[whole(m.rival)[j]].route >= 0:
            return False
    for j in range(whole(m.company_ends)[c], whole(m.company_ends)[c + 1]):
        other = node[whole(m.company)[j]].route
        if other >= 0 and other != r:
            return False
    return True


@compiled
def admits_both(m: Any, c: int, e: int, r: int) -> bool:
    """Whether the route admits both of a pair."""
    for j in range(whole(m.apart_ends)[c], whole(m.apart_ends)[c + 1]):
        if whole(m.apart)[j] == e:
            return False
    for j in range(whole(m.rival_ends)[c], whole(m.rival_ends)[c + 1]):
        if whole(m.rival)[j] == e:
            return False
    return admits(m, c, r) and admits(m, e, r)
