"""Insertion of a pair: the pickup at some place, the delivery at any place behind it on the same route.

From each place of the pickup one walk along the route tries every place of the delivery: arrival times and loads with
the pickup aboard are passed on, the rest of the route answers from what each node knows. Exact for loads, one window
a visit and shifts.
"""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

import math
from typing import Any

from app.solvers.routing.kernel.chain import put_in
from app.solvers.routing.kernel.company import admits_both
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.memory import (
    amounts,
    dice,
    kinds,
    long,
    nodes,
    routes,
    row,
    spare_slot,
    visits,
    whole,
    work,
)
from app.solvers.routing.kernel.rolling import positions_to_blink, roll
from app.solvers.routing.kernel.routewise import exact_pair

LOG_OF_KEEPING = math.log(0.99)
EVERYWHERE_CHANCE = 0.1


@compiled
def insert_pair(m: Any, c: int, e: int) -> None:
    """Put pickup `c` and delivery `e` at their cheapest places, or leave both out."""
    limit = amounts(m.penalty)[c] + amounts(m.penalty)[e]
    best, p, q, r = near_pair(m, c, e, limit)
    for k in range(m.kinds):
        slot = spare_slot(m, k)
        if slot < 0:
            continue
        start = m.visits + 2 * slot
        if nodes(m)[start].wall:
            continue
        fixed = kinds(m)[k].fixed
        cost, behind = along(m, c, e, slot, start, best - fixed)
        if cost + fixed < best:
            best, p, q, r = cost + fixed, start, behind, slot
    if r < 0 and (m.thorough or roll(dice(m)) < EVERYWHERE_CHANCE):
        best, p, q, r = any_pair(m, c, e, limit)
    if r >= 0:
        put_in(m, c, p, r)
        put_in(m, e, q, r)


@compiled
def near_pair(m: Any, c: int, e: int, limit: float) -> tuple[float, int, int, int]:
    """The cheapest places with the pickup next to one of its neighbours: cost, the nodes before each, the route."""
    node, close = nodes(m), whole(m.close + 4 * c * m.close_size)
    best, first, second, chosen, blink = limit, -1, -1, -1, m.blink
    for k in range(m.close_size):
        v = long(close[k])
        r = long(node[v].route)
        if r < 0 or routes(m)[r].spots < 2:
            continue
        blink -= 2
        if blink < 0:
            blink = positions_to_blink(dice(m), LOG_OF_KEEPING)
            continue
        for side in range(2):
            p = v if side == 0 else long(node[v].prev)
            if node[p].wall:
                continue
            cost, behind = along(m, c, e, r, p, best)
            if cost < best:
                best, first, second, chosen = cost, p, behind, r
    m.blink = blink
    return best, first, second, chosen


@compiled
def any_pair(m: Any, c: int, e: int, limit: float) -> tuple[float, int, int, int]:
    """The cheapest places on any route in use."""
    node = nodes(m)
    best, first, second, chosen = limit, -1, -1, -1
    for r in range(m.slots):
        if routes(m)[r].size == 0 or routes(m)[r].spots < 2:
            continue
        p = m.visits + 2 * r
        while p != m.visits + 2 * r + 1:
            if not node[p].wall:
                cost, behind = along(m, c, e, r, p, best)
                if cost < best:
                    best, first, second, chosen = cost, p, behind, r
            p = long(node[p].next)
    return best, first, second, chosen


@compiled
def along(m: Any, c: int, e: int, r: int, p: int, best: float) -> tuple[float, int]:  # noqa: C901 - one hot walk
    """The cheapest place for `e` with `c` right behind `p`: its cost, and the node before it (`c` itself at first)."""
    route, node, visit = routes(m)[r], nodes(m), visits(m)
    timed, price, rows = m.level > 0, route.per_metre, m.rows
    found, behind = math.inf, -1
    extra = 0.0
    if m.priced:
        extra = amounts(m.prices)[c * m.kinds + route.kind] + amounts(m.prices)[e * m.kinds + route.kind]
    matrix = route.profile * rows * rows
    to_c = whole(m.distance_back + 4 * (matrix + c * rows))
    from_c = whole(m.distance + 4 * (matrix + c * rows))
    to_e = whole(m.distance_back + 4 * (matrix + e * rows))
    from_e = whole(m.distance + 4 * (matrix + e * rows))
    time_to_e = whole(m.duration_back + 4 * (matrix + e * rows))
    time_from_e = whole(m.duration + 4 * (matrix + e * rows))
    x = long(node[p].next)
    b = row(m, x)
    gap = node[p].gap if route.size > 0 else 0
    upto = to_c[row(m, p)]
    if not boards(m, c, p) or (m.tied and not admits_both(m, c, e, r)):
        return found, behind
    service = work(m, r)
    clock = 0
    if timed:
        begin = node[p].depart + whole(m.duration_back)[matrix + c * rows + row(m, p)]
        if begin > visit[c].close:
            return found, behind
        clock = max(begin, visit[c].open) + service[c]
        begin = clock + time_to_e[c]
        on = max(begin, visit[e].open) + service[e] + time_from_e[b]
        fits = begin <= visit[e].close and on <= node[x].late
    else:
        fits = True
    if fits:
        cost = extra + price * (upto + from_c[e] + from_e[b] - gap)
        if cost < best and m.rich:
            cost = exact_pair(m, c, e, r, p, c)
        if cost < best:
            best, found, behind = cost, cost, c
    base = extra + price * (upto + from_c[b] - gap)
    leg = whole(m.duration)[matrix + c * rows + b]
    while x < m.visits and base < best:
        if timed:
            clock = max(clock + leg, visit[x].open)
            if clock > node[x].late:
                break
            clock += service[x]
        if not boards(m, c, x):
            break
        y = long(node[x].next)
        if not node[x].wall:
            b = row(m, y)
            cost = base + price * (to_e[x] + from_e[b] - node[x].gap)
            if cost < best:
                fits = True
                if timed:
                    begin = clock + time_to_e[x]
                    on = max(begin, visit[e].open) + service[e] + time_from_e[b]
                    fits = begin <= visit[e].close and on <= node[y].late
                if fits and m.rich:
                    cost = exact_pair(m, c, e, r, p, x)
                if fits and cost < best:
                    best, found, behind = cost, cost, x
        leg = node[x].leg
        x = y
    return found, behind


@compiled
def boards(m: Any, c: int, v: int) -> bool:
    """Whether there is room for the goods of pickup `c` on leaving node `v`, or coming with it."""
    kind, size = routes(m)[nodes(m)[v].route].kind, m.dimensions
    for d in range(size):
        have = whole(m.peaks)[3 * (v * size + d) + 2]
        if have + whole(m.pickups)[c * size + d] > whole(m.capacities)[kind * size + d]:
            return False
    return True
