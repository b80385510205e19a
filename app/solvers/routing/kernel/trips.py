"""Several trips a vehicle: where to reload, and dropping reloads that no trip needs any more."""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

import math
from typing import Any

from app.solvers.routing.kernel.chain import link, touch, touch_route
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.memory import NOBODY, SECOND, amounts, kinds, long, nodes, routes, row, visits, whole
from app.solvers.routing.kernel.routewise import is_carried, route_cost, write_items


@compiled
def may_reload(m: Any, r: int) -> bool:
    """Whether the vehicle may make one more trip."""
    left = whole(m.max_reloads)[routes(m)[r].kind]
    for v in range(whole(m.reload_first)[r], whole(m.reload_first)[r + 1]):
        left -= nodes(m)[v].route >= 0
    return left > 0


@compiled
def spare_reload(m: Any, r: int, place: int) -> int:
    """An unused reload of the vehicle at this matrix row, -1 where none is left."""
    if not may_reload(m, r):
        return -1
    for v in range(whole(m.reload_first)[r], whole(m.reload_first)[r + 1]):
        if nodes(m)[v].route < 0 and visits(m)[v].row == place:
            return v
    return -1


@compiled
def put_reload(m: Any, r: int, p: int, v: int) -> None:
    """Let the vehicle reload behind `p`; the caller refreshes the route."""
    node, profile = nodes(m), long(routes(m)[r].profile)
    x = long(node[p].next)
    touch(m, p)
    touch(m, x)
    touch(m, v)
    touch_route(m, r)
    routes(m)[r].distance -= node[p].gap
    link(m, profile, p, v)
    link(m, profile, v, x)
    routes(m)[r].distance += node[v].back + node[v].gap
    node[v].route = r


@compiled
def drop_reloads(m: Any, r: int) -> None:
    """Unlink reloads that begin or end an empty trip; the caller refreshes the route."""
    node, route = nodes(m), routes(m)
    for v in range(whole(m.reload_first)[r], whole(m.reload_first)[r + 1]):
        if node[v].route < 0:
            continue
        p, x = long(node[v].prev), long(node[v].next)
        if p < m.visits and x < m.visits:
            continue
        touch(m, p)
        touch(m, x)
        touch(m, v)
        touch_route(m, r)
        route[r].distance -= node[v].back + node[v].gap
        link(m, long(route[r].profile), p, x)
        route[r].distance += node[p].gap
        node[v].route = -1
    if route[r].size == 0:
        route[r].distance = 0


@compiled
def new_trip(m: Any, c: int, best: float) -> tuple[float, int, int, int, int]:
    """The cheapest place with a reload before or behind `c`: cost, node before, route, reload, 1 if that comes first.

    A reload behind `c` is tried where a trip begins.
    """
    node, n = nodes(m), m.visits
    found, place, chosen, reload, first = best, -1, -1, -1, 0
    for r in range(m.slots):
        if routes(m)[r].size == 0 or routes(m)[r].spots <= 0 or not may_reload(m, r):
            continue
        last_row = -1
        for v in range(whole(m.reload_first)[r], whole(m.reload_first)[r + 1]):
            if node[v].route >= 0 or visits(m)[v].row == last_row:
                continue
            last_row = visits(m)[v].row
            p = n + 2 * r
            while p != n + 2 * r + 1:
                for order in range(1 if p < n else 2):
                    if node[p].wall:
                        continue
                    a, b = (v, c) if order == 0 else (c, v)
                    cost = trip_cost(m, c, r, p, a, b, found)
                    if cost < found:
                        found, place, chosen, reload, first = cost, p, r, v, 1 - order
                p = long(node[p].next)
    return found, place, chosen, reload, first


@compiled
def trip_cost(m: Any, c: int, r: int, p: int, a: int, b: int, best: float) -> float:
    """What inserting `a` and then `b` behind `p` costs, one of them `c`, the other a reload."""
    route, node = routes(m)[r], nodes(m)
    start = route.profile * m.rows
    pa, pb = row(m, a), row(m, b)
    metres = whole(m.distance)[(start + row(m, p)) * m.rows + pa] + whole(m.distance)[(start + pa) * m.rows + pb]
    metres += whole(m.distance)[(start + pb) * m.rows + row(m, long(node[p].next))] - node[p].gap
    price = amounts(m.prices)[c * m.kinds + route.kind] if m.priced else 0.0
    if metres * route.per_metre + price >= best:
        return math.inf
    size = write_items(m, r, p, a, b, NOBODY, NOBODY)
    if not is_carried(m, long(route.kind), size) or (kinds(m)[route.kind].pickups_last and not is_ordered(m, size)):
        return math.inf
    if m.paired and splits_pair(m, size):
        return math.inf
    return route_cost(m, r, size) + route.price + price - route.cost


@compiled
def splits_pair(m: Any, size: int) -> bool:
    """Whether a delivery is on another trip than its pickup."""
    items, begin = whole(m.items), 0
    for j in range(size):
        c = long(items[j])
        if c >= m.visits:
            begin = j + 1
        elif whole(m.role)[c] == SECOND:
            i = begin
            while items[i] != whole(m.mate)[c] and i < j:
                i += 1
            if i == j:
                return True
    return False


@compiled
def is_ordered(m: Any, size: int) -> bool:
    """Whether on each trip all deliveries from the depot come before collections for it."""
    collected = False
    for j in range(size):
        c = long(whole(m.items)[j])
        if c >= m.visits:
            collected = False
        elif whole(m.role)[c] == 0:
            for d in range(m.dimensions):
                if collected and whole(m.demands)[c * m.dimensions + d] > 0:
                    return False
            for d in range(m.dimensions):
                collected = collected or whole(m.pickups)[c * m.dimensions + d] > 0
    return True
