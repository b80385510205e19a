"""Insertions that only a look at the whole route can judge: its items are written down, then timed exactly."""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

from typing import Any

from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.memory import NOBODY, amounts, called, kinds, long, nodes, routes, whole


@compiled
def write_items(m: Any, r: int, p: int, first: int, second: int, q: int, third: int) -> int:
    """The route's nodes with `first` and `second` behind `p`, and `third` behind `q`; NOBODY leaves one out."""
    node, items = nodes(m), whole(m.items)
    end = m.visits + 2 * r + 1
    size, v = 0, m.visits + 2 * r
    while v != end:
        if v == p:
            if first >= 0:
                items[size] = first
                size += 1
                if q == first and third >= 0:
                    items[size] = third
                    size += 1
            if second >= 0:
                items[size] = second
                size += 1
        elif v == q and third >= 0:
            items[size] = third
            size += 1
        v = long(node[v].next)
        if v != end:
            items[size] = v
            size += 1
    return size


@compiled
def is_carried(m: Any, k: int, size: int) -> bool:
    """Whether the load of each trip fits the vehicle all the way."""
    items, dimensions = whole(m.items), m.dimensions
    for d in range(dimensions):
        room = whole(m.capacities)[k * dimensions + d]
        begin = 0
        while begin <= size:
            end, load = begin, 0
            while end < size and items[end] < m.visits:
                load += whole(m.demands)[items[end] * dimensions + d]
                end += 1
            if load > room:
                return False
            for j in range(begin, end):
                at = items[j] * dimensions + d
                load += whole(m.pickups)[at] - whole(m.demands)[at] - whole(m.drops)[at]
                if load > room:
                    return False
            begin = end + 1
    return True


@compiled
def route_cost(m: Any, r: int, size: int) -> float:
    """The cost of the items on this vehicle without prices of visits; infinite where a rule is in the way."""
    return called(m.timing, m, r, size)


@compiled
def exact(m: Any, c: int, r: int, p: int) -> float:
    """What inserting `c` behind `p` costs, fixed cost apart."""
    route = routes(m)[r]
    size = write_items(m, r, p, c, NOBODY, NOBODY, NOBODY)
    cost = route_cost(m, r, size) + route.price - route.cost
    if m.priced:
        cost += amounts(m.prices)[c * m.kinds + route.kind]
    return cost - (kinds(m)[route.kind].fixed if route.size == 0 else 0.0)


@compiled
def exact_pair(m: Any, c: int, e: int, r: int, p: int, q: int) -> float:
    """What inserting pickup `c` behind `p` and delivery `e` behind `q` costs, fixed cost apart."""
    route = routes(m)[r]
    size = write_items(m, r, p, c, NOBODY, q, e)
    cost = route_cost(m, r, size) + route.price - route.cost
    if m.priced:
        cost += amounts(m.prices)[c * m.kinds + route.kind] + amounts(m.prices)[e * m.kinds + route.kind]
    return cost - (kinds(m)[route.kind].fixed if route.size == 0 else 0.0)
