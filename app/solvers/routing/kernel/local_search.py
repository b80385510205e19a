"""Local search around the visits that an iteration has just placed: tails of routes exchanged, routes untwisted.

What removed strings are too short for, and what matters most where routes are long: 2-opt and 2-opt* (Potvin and
Rousseau, JORS 46, 1995), each move joining a visit to one of its nearest. Exchanges are among vehicles of one kind; a
route is driven the other way round only where loads alone matter.
"""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

from typing import Any

from app.solvers.routing.kernel.chain import backward, forward, link, settle, touch, touch_route
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.memory import amounts, kinds, long, nodes, routes, row, visits, whole

LEAST_GAIN = 1e-6


@compiled
def improve_locally(m: Any) -> None:
    """Join each visit of the pool to its nearest where the plan gets cheaper by it, one pass."""
    for j in range(m.pool_size):
        c = long(whole(m.pool)[j])
        if nodes(m)[c].route >= 0:
            _join_nearest(m, c)


@compiled
def _join_nearest(m: Any, c: int) -> None:
    node, route = nodes(m), routes(m)
    close = whole(m.close + 4 * c * m.close_size)
    for k in range(m.joins):
        v = long(close[k])
        r, s = long(node[c].route), long(node[v].route)
        if s < 0 or route[r].kind != route[s].kind:
            continue
        at = (route[r].profile * m.rows + c) * m.rows + v
        there, back = long(whole(m.distance)[at]), long(whole(m.distance_back)[at])
        if min(there, back) >= max(node[c].gap, node[c].back):
            if m.two_way:
                return  # the others are no nearer
            continue
        if r == s:
            if m.two_way:
                _untwist(m, c, v)
            continue
        if there < node[c].gap + node[v].back:
            _exchange(m, c, v, there)
        if node[c].route != node[v].route and back < node[c].back + node[v].gap:
            _exchange(m, v, c, back)
        if m.two_way and node[c].route != node[v].route:
            _join_turned(m, c, v)


@compiled
def _exchange(m: Any, p: int, v: int, metres: int) -> None:
    """Let `v` with all behind it follow `p`, and what followed `p` the one before `v`, where that fits and pays."""
    node, n = nodes(m), m.visits
    r, s = long(node[p].route), long(node[v].route)
    route = routes(m)
    f = long(route[r].profile)
    q, x = long(node[v].prev), long(node[p].next)
    other = long(whole(m.distance)[(f * m.rows + row(m, q)) * m.rows + row(m, x)])
    if q >= n and x >= n:
        other = 0  # that route ends up empty
    gained = node[p].gap + node[v].back - metres - other
    if gained <= 0:
        return
    if m.level > 0 and not _is_in_time(m, f, p, v, q, x):
        return
    load, size, length = 0, 0, 0  # what s loses less what r loses
    w = v
    while w < n:
        load += visits(m)[w].demand
        size += 1
        length += node[w].gap
        w = long(node[w].next)
    w = x
    while w < n:
        load -= visits(m)[w].demand
        size -= 1
        length -= node[w].gap
        w = long(node[w].next)
    if load > route[r].room or -load > route[s].room or size > route[r].spots or -size > route[s].spots:
        return
    for d in range(1, m.dimensions):
        if not _fits(m, r, s, v, x, d):
            return
    if m.level == 2 and not _pays(m, r, s, p, v, q, x, length, metres, other):
        return
    _swap(m, r, s, p, v, q, x, load, size)


@compiled
def _is_in_time(m: Any, f: int, p: int, v: int, q: int, x: int) -> bool:
    node, duration = nodes(m), whole(m.duration)
    if node[p].depart + duration[(f * m.rows + row(m, p)) * m.rows + row(m, v)] > node[v].late:
        return False
    return node[q].depart + duration[(f * m.rows + row(m, q)) * m.rows + row(m, x)] <= node[x].late


@compiled
def _tail_load(m: Any, v: int, d: int) -> int:
    load = 0
    while v < m.visits:
        load += whole(m.demands)[v * m.dimensions + d]
        v = long(nodes(m)[v].next)
    return load


@compiled
def _fits(m: Any, r: int, s: int, v: int, x: int, d: int) -> bool:
    load = _tail_load(m, v, d) - _tail_load(m, x, d)
    return load <= whole(m.loads)[r * m.dimensions + d] and -load <= whole(m.loads)[s * m.dimensions + d]


@compiled
def _joined(m: Any, f: int, p: int, x: int) -> int:
    """How long a route lasts of which `p` ends the one part and `x` begins the other (Vidal et al. 2013)."""
    node = nodes(m)
    reach = node[p].fd + whole(m.duration)[(f * m.rows + row(m, p)) * m.rows + row(m, x)]
    return reach + node[x].bd + max(node[x].be - reach - node[p].fl, 0)


@compiled
def _pays(m: Any, r: int, s: int, p: int, v: int, q: int, x: int, length: int, metres: int, other: int) -> bool:
    """Whether the exchange keeps the limits of both vehicles, and is cheaper with the seconds counted."""
    node, n, route = nodes(m), m.visits, routes(m)
    kind, f = kinds(m)[route[r].kind], long(route[r].profile)
    first, second = _joined(m, f, p, v), long(0)
    if q < n or x < n:
        second = _joined(m, f, q, x)
    if max(first, second) > kind.max_duration:
        return False
    to_r = route[r].distance + length + metres - node[p].gap
    to_s = route[s].distance - length + other - node[v].back
    if max(to_r, to_s) > kind.max_distance:
        return False
    before = _seconds_cost(kind, long(node[2 * r + n + 1].fd)) + _seconds_cost(kind, long(node[2 * s + n + 1].fd))
    after = _seconds_cost(kind, first) + _seconds_cost(kind, second)
    gained = node[p].gap + node[v].back - metres - other
    return before - after + kind.per_metre * gained > LEAST_GAIN


@compiled
def _seconds_cost(kind: Any, seconds: int) -> float:
    return kind.per_second * seconds + kind.overtime * max(seconds - kind.regular, 0)


@compiled
def _swap(m: Any, r: int, s: int, p: int, v: int, q: int, x: int, load: int, size: int) -> None:
    """Carry it out."""
    node, n, route = nodes(m), m.visits, routes(m)
    f = long(route[r].profile)
    end_r, end_s = 2 * r + n + 1, 2 * s + n + 1
    last_r, last_s = long(node[end_r].prev), long(node[end_s].prev)
    touch_route(m, r)
    touch_route(m, s)
    if m.priced:
        price = _tail_price(m, v, s) - _tail_price(m, x, r)
        route[r].price += price
        route[s].price -= price
    length = _hand_over(m, v, r) - _hand_over(m, x, s)
    for w in (p, q, end_r, end_s):
        touch(m, w)
    for d in range(1, m.dimensions):
        moved = _tail_load(m, v, d) - _tail_load(m, x, d)
        whole(m.loads)[r * m.dimensions + d] -= moved
        whole(m.loads)[s * m.dimensions + d] += moved
    route[r].distance += length - node[p].gap
    route[s].distance -= length + node[v].back
    link(m, f, p, v)
    link(m, f, last_s, end_r)
    if x < n:
        link(m, f, q, x)
        link(m, f, last_r, end_s)
    else:
        link(m, f, q, end_s)
    route[r].distance += node[p].gap
    route[s].distance += node[q].gap
    route[r].room -= load
    route[s].room += load
    route[r].size += size
    route[s].size -= size
    route[r].spots -= size
    route[s].spots += size
    if route[s].size == 0:
        route[s].distance = 0
        whole(m.spare)[route[s].kind] = s
    if m.level > 0:
        y = long(node[q].next)
        forward(m, r, p, v)
        backward(m, r, v, p)
        forward(m, s, q, y)
        backward(m, s, y, q)
        _settle_end(m, r, last_s)
        _settle_end(m, s, last_r if x < n else q)
    settle(m, r)
    settle(m, s)


@compiled
def _hand_over(m: Any, v: int, r: int) -> int:
    """All from `v` on are on route `r` now; how many metres follow them."""
    node, metres = nodes(m), 0
    while v < m.visits:
        touch(m, v)
        node[v].route = r
        metres += node[v].gap
        v = long(node[v].next)
    return metres


@compiled
def _tail_price(m: Any, v: int, r: int) -> float:
    price = 0.0
    while v < m.visits:
        price += amounts(m.prices)[v * m.kinds + routes(m)[r].kind]
        v = long(nodes(m)[v].next)
    return price


@compiled
def _settle_end(m: Any, r: int, last: int) -> None:
    """A route's end has another visit before it."""
    end = 2 * r + m.visits + 1
    forward(m, r, last, end)
    backward(m, r, end, last)


@compiled
def _untwist(m: Any, c: int, v: int) -> None:
    """Let `c` and `v` of one route be next to each other, what lies between turned round, where that is shorter."""
    node, n = nodes(m), m.visits
    start = routes(m)[node[c].route].profile * m.rows
    direct = whole(m.distance)[(start + c) * m.rows + v]
    for ahead in range(2):
        x, y = long(node[c].next if ahead else node[c].prev), long(node[v].next if ahead else node[v].prev)
        now = node[c].gap + node[v].gap if ahead else node[c].back + node[v].back
        gained = now - direct - whole(m.distance)[(start + row(m, x)) * m.rows + row(m, y)]
        if gained <= 0 or x == v or y == c:
            continue
        w = c
        while w < n and w != v:
            w = long(node[w].next)
        if w == v:
            first, last = (x, v) if ahead else (c, y)
        else:
            first, last = (y, c) if ahead else (v, x)
        _turn(m, long(node[c].route), first, last)
        settle(m, long(node[c].route))
        return


@compiled
def _turn(m: Any, r: int, first: int, last: int) -> None:
    """Drive from `first` to `last` the other way round; distances are the same both ways."""
    node, f = nodes(m), long(routes(m)[r].profile)
    p, x = long(node[first].prev), long(node[last].next)
    touch_route(m, r)
    touch(m, p)
    touch(m, x)
    routes(m)[r].distance -= node[p].gap + node[last].gap
    w = first
    while True:
        touch(m, w)
        following, gap = long(node[w].next), node[w].gap
        node[w].next = node[w].prev
        node[w].gap = node[w].back
        node[w].prev = following
        node[w].back = gap
        if w == last:
            break
        w = following
    link(m, f, p, last)
    link(m, f, first, x)
    routes(m)[r].distance += node[p].gap + node[first].gap


@compiled
def _join_turned(m: Any, c: int, v: int) -> None:
    """Let `c` and `v` of two routes be next to each other, the other route turned round for it.

    Ahead: both keep what is before them, now one route. Else: both keep what is behind them.
    """
    node, n, route = nodes(m), m.visits, routes(m)
    r, s = long(node[c].route), long(node[v].route)
    start = route[r].profile * m.rows
    direct = whole(m.distance)[(start + c) * m.rows + v]
    for ahead in range(2):
        x, y = long(node[c].next if ahead else node[c].prev), long(node[v].next if ahead else node[v].prev)
        other = long(whole(m.distance)[(start + row(m, x)) * m.rows + row(m, y)])
        if x >= n and y >= n:
            other = 0
        now = node[c].gap + node[v].gap if ahead else node[c].back + node[v].back
        if now - direct - other <= 0:
            continue
        load, size = 0, 0
        w = v
        while w < n:
            load += visits(m)[w].demand
            size += 1
            w = long(node[w].prev if ahead else node[w].next)
        w = x
        while w < n:
            load -= visits(m)[w].demand
            size -= 1
            w = long(node[w].next if ahead else node[w].prev)
        if load > route[r].room or -load > route[s].room or size > route[r].spots or -size > route[s].spots:
            continue
        _turn(m, s, long(node[n + 2 * s].next), long(node[n + 2 * s + 1].prev))
        if ahead:
            _swap(m, r, s, c, v, long(node[v].prev), long(node[c].next), load, size)
        else:
            load += route[s].room - route[r].room
            size += route[r].size - route[s].size
            _swap(m, s, r, v, c, long(node[c].prev), long(node[v].next), load, size)
        return
