"""Routes as chains of nodes: linking, unlinking, what each node knows of its route, and taking changes back.

Each node keeps what a constant-time insertion test needs (Savelsbergh 1992; Vidal et al. 2013, section 4.2): the
earliest departure, the latest begin, and from level 2 the durations of the route before and behind it. After a change
only the nodes whose knowledge changes are visited. The first change of a record in an iteration saves it in a journal.
"""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

from typing import Any

from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.memory import (
    NOBODY,
    amounts,
    kinds,
    long,
    nodes,
    routes,
    row,
    saved_nodes,
    saved_routes,
    visits,
    whole,
    work,
)
from app.solvers.routing.kernel.routewise import route_cost, write_items

# The cost of a route that breaks a rule of time since a visit was taken out: above any other, and still exact enough.
BROKEN = 1e11


@compiled
def touch(m: Any, v: int) -> None:
    """Save a node before its first change in this iteration."""
    if nodes(m)[v].stamp != m.tick:
        nodes(m)[v].stamp = m.tick
        saved_nodes(m)[m.saved_nodes] = nodes(m)[v]
        whole(m.journal_nodes)[m.saved_nodes] = v
        m.saved_nodes += 1


@compiled
def touch_route(m: Any, r: int) -> None:
    """Save a route before its first change in this iteration."""
    if routes(m)[r].stamp != m.tick:
        routes(m)[r].stamp = m.tick
        saved_routes(m)[m.saved_routes] = routes(m)[r]
        whole(m.journal_routes)[m.saved_routes] = r
        for d in range(1, m.dimensions):
            whole(m.journal_loads)[m.saved_routes * m.dimensions + d] = whole(m.loads)[r * m.dimensions + d]
        m.saved_routes += 1


@compiled
def link(m: Any, profile: int, p: int, x: int) -> None:
    """Let `x` follow `p`; both have been touched."""
    a = row(m, p)
    b = row(m, x)
    gap = whole(m.distance)[(profile * m.rows + a) * m.rows + b]
    nodes(m)[p].next = x
    nodes(m)[p].gap = gap
    nodes(m)[x].prev = p
    nodes(m)[x].back = gap
    if m.level > 0:
        nodes(m)[p].leg = whole(m.duration)[(profile * m.rows + a) * m.rows + b]


@compiled
def forward(m: Any, r: int, v: int, until: int) -> None:
    """Pass on what comes before, from the node behind `v` to `until`, and further while anything changes."""
    node, visit = nodes(m), visits(m)
    end = 2 * r + 1 + m.visits
    service = work(m, r)
    passed = v == until
    while v != end:
        x = long(node[v].next)
        stay = service[x]
        if m.level == 1:
            depart = max(node[v].depart + node[v].leg, visit[x].open) + stay
            if passed and depart == node[x].depart:
                return
            touch(m, x)
        else:
            begin = node[v].depart - node[v].fd  # the earliest start of all before
            reach = node[v].fd + node[v].leg
            wait = max(visit[x].open - reach - node[v].fl, 0)
            fd = reach + wait + stay
            fl = min(visit[x].close - reach, node[v].fl)
            depart = max(visit[x].open - reach, begin) - wait + fd
            if passed and depart == node[x].depart and fd == node[x].fd and fl == node[x].fl:
                return
            touch(m, x)
            node[x].fd = fd
            node[x].fl = fl
        node[x].depart = depart
        if x == until:
            passed = True
        v = x


@compiled
def backward(m: Any, r: int, x: int, until: int) -> None:
    """Pass on what comes behind, from the node before `x` to `until`, and further while anything changes."""
    node, visit = nodes(m), visits(m)
    start = 2 * r + m.visits
    service = work(m, r)
    passed = x == until
    while x != start:
        v = long(node[x].prev)
        reach = service[v] + node[v].leg
        late = min(node[x].late - reach, visit[v].close)
        if m.level == 1:
            if passed and late == node[v].late:
                return
            touch(m, v)
        else:
            wait = max(node[x].be - reach - visit[v].close, 0)
            bd = reach + node[x].bd + wait
            be = max(node[x].be - reach, visit[v].open) - wait
            if passed and late == node[v].late and bd == node[v].bd and be == node[v].be:
                return
            touch(m, v)
            node[v].bd = bd
            node[v].be = be
        node[v].late = late
        if v == until:
            passed = True
        x = v


@compiled
def weigh(m: Any, r: int) -> None:
    """The load on leaving each node of a route, and the highest before and behind it on its trip."""
    node, n = nodes(m), m.visits
    end = 2 * r + n + 1
    v = 2 * r + n
    while v != end:
        last = v
        x = long(node[v].next)
        while x < n:
            last = x
            x = long(node[x].next)
        for d in range(m.dimensions):
            weigh_trip(m, v, last, d)
        v = x


@compiled
def weigh_trip(m: Any, start: int, last: int, d: int) -> None:
    """The same for one trip and one dimension: from the node where it begins to its last visit."""
    node, peaks, n, size = nodes(m), whole(m.peaks), m.visits, m.dimensions
    load = 0
    v = long(node[start].next)
    while v < n:
        load += whole(m.demands)[v * size + d]
        v = long(node[v].next)
    peak = load
    peaks[3 * (start * size + d)] = peak
    peaks[3 * (start * size + d) + 2] = load
    v = long(node[start].next)
    while v < n:
        at = v * size + d
        load += whole(m.pickups)[at] - whole(m.demands)[at] - whole(m.drops)[at]
        peak = max(peak, load)
        peaks[3 * at] = peak
        peaks[3 * at + 2] = load
        v = long(node[v].next)
    peak = 0
    v = last
    while True:
        at = v * size + d
        peak = max(peak, peaks[3 * at + 2])
        peaks[3 * at + 1] = peak
        if v == start:
            return
        v = long(node[v].prev)


@compiled
def settle(m: Any, r: int) -> None:
    """Bring a changed route's cost, and with it the plan's, up to date."""
    route, kind = routes(m)[r], kinds(m)[routes(m)[r].kind]
    cost = 0.0
    if m.rich:
        route.duration = 0
        if route.size > 0:
            size = write_items(m, r, NOBODY, NOBODY, NOBODY, NOBODY, NOBODY)
            cost = min(route_cost(m, r, size), BROKEN) + route.price
            route.duration = m.drive_seconds
    elif route.size > 0:
        cost = kind.fixed + kind.per_metre * route.distance + route.price
        if m.level == 2:
            duration = nodes(m)[2 * r + m.visits + 1].fd
            cost += kind.per_second * duration + kind.overtime * max(duration - kind.regular, 0)
    m.cost += cost - route.cost
    route.cost = cost
    if m.mixed:
        weigh(m, r)


@compiled
def refresh(m: Any, r: int) -> None:
    """Pass on everything along a whole route and settle it."""
    start, end = 2 * r + m.visits, 2 * r + m.visits + 1
    if m.level > 0:
        forward(m, r, start, end)
        backward(m, r, end, start)
    touch_route(m, r)
    settle(m, r)


@compiled
def take_out(m: Any, c: int) -> None:
    """Unlink a visit; the caller then passes on the change and settles the route."""
    node, route = nodes(m), routes(m)
    r = long(node[c].route)
    p, x = long(node[c].prev), long(node[c].next)
    touch(m, c)
    touch(m, p)
    touch(m, x)
    touch_route(m, r)
    route[r].distance -= node[c].back + node[c].gap
    link(m, long(route[r].profile), p, x)
    route[r].distance += node[p].gap
    route[r].size -= 1
    route[r].spots += 1
    route[r].room += visits(m)[c].demand
    for d in range(1, m.dimensions):
        whole(m.loads)[r * m.dimensions + d] += whole(m.demands)[c * m.dimensions + d]
    if m.priced:
        route[r].price -= amounts(m.prices)[c * m.kinds + route[r].kind]
    if route[r].size == 0:
        route[r].distance = 0
        whole(m.spare)[route[r].kind] = r
    node[c].route = -1
    m.cost += amounts(m.penalty)[c]
    whole(m.place)[c] = m.absent_size
    whole(m.absent)[m.absent_size] = c
    m.absent_size += 1


@compiled
def put_in(m: Any, c: int, p: int, r: int) -> None:
    """Link an absent visit behind `p` on route `r`, pass on the change and settle the route."""
    node, route = nodes(m), routes(m)
    x = long(node[p].next)
    touch(m, c)
    touch(m, p)
    touch(m, x)
    touch_route(m, r)
    if route[r].size > 0:
        route[r].distance -= node[p].gap
    link(m, long(route[r].profile), p, c)
    link(m, long(route[r].profile), c, x)
    route[r].distance += node[c].back + node[c].gap
    route[r].size += 1
    route[r].spots -= 1
    route[r].room -= visits(m)[c].demand
    for d in range(1, m.dimensions):
        whole(m.loads)[r * m.dimensions + d] -= whole(m.demands)[c * m.dimensions + d]
    if m.priced:
        route[r].price += amounts(m.prices)[c * m.kinds + route[r].kind]
    node[c].route = r
    node[c].wall = 0
    forget(m, c)
    m.cost -= amounts(m.penalty)[c]
    if m.rich:
        refresh(m, r)
        return
    if m.level > 0:
        forward(m, r, p, c)
        backward(m, r, x, c)
    settle(m, r)


@compiled
def forget(m: Any, c: int) -> None:
    """Take a visit off the list of the absent: the last one takes its place."""
    m.absent_size -= 1
    last = whole(m.absent)[m.absent_size]
    whole(m.absent)[whole(m.place)[c]] = last
    whole(m.place)[last] = whole(m.place)[c]


@compiled
def take_back(m: Any, cost: float) -> None:
    """Undo the iteration: every saved record as it was."""
    node = nodes(m)
    for j in range(m.saved_nodes):
        v = long(whole(m.journal_nodes)[j])
        gone = v < m.visits and node[v].route < 0
        node[v] = saved_nodes(m)[j]
        if v < m.visits:
            if gone and node[v].route >= 0:
                forget(m, v)
            elif not gone and node[v].route < 0:
                whole(m.place)[v] = m.absent_size
                whole(m.absent)[m.absent_size] = v
                m.absent_size += 1
    for j in range(m.saved_routes):
        r = long(whole(m.journal_routes)[j])
        routes(m)[r] = saved_routes(m)[j]
        for d in range(1, m.dimensions):
            whole(m.loads)[r * m.dimensions + d] = whole(m.journal_loads)[j * m.dimensions + d]
        if routes(m)[r].size == 0:
            whole(m.spare)[routes(m)[r].kind] = r
    if m.mixed:
        for j in range(m.saved_routes):
            weigh(m, long(whole(m.journal_routes)[j]))
    m.cost = cost
