"""Greedy insertion with blinks: each visit of the pool goes to its cheapest place, some places being overlooked.

SISR, Christiaens & Vanden Berghe (2020), section 5.3, with granular neighbourhoods (Toth & Vigo 2003): only places next
to a visit's neighbours are looked at, and an empty vehicle of each kind; everywhere only where that finds none.
"""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

import math
from typing import Any

from app.solvers.routing.kernel.chain import put_in
from app.solvers.routing.kernel.company import admits
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.memory import (
    AHEAD,
    BACK,
    LONE,
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
from app.solvers.routing.kernel.pairing import insert_pair
from app.solvers.routing.kernel.rolling import below, positions_to_blink, roll
from app.solvers.routing.kernel.routewise import exact
from app.solvers.routing.kernel.trips import new_trip, put_reload

LOG_OF_KEEPING = math.log(0.99)
EVERYWHERE_CHANCE = 0.1
CHOOSY_CHANCE = 0.25


@compiled
def order_pool(m: Any) -> None:
    """Sort the pool: at random, by load, far or near first; with windows also by width, opening or closing.

    Or, where not every vehicle may come to all, who has the fewest to choose from first.
    """
    pool, keys = whole(m.pool), amounts(m.keys)
    by = below(dice(m), 17 if m.level > 0 else 11)
    if m.choosy and roll(dice(m)) < CHOOSY_CHANCE:
        by = long(17)
    for j in range(m.pool_size):
        c = pool[j]
        key = sort_key(m, c, by)
        i = j
        while i > 0 and keys[i - 1] > key:
            keys[i] = keys[i - 1]
            pool[i] = pool[i - 1]
            i -= 1
        keys[i] = key
        pool[i] = c


@compiled
def sort_key(m: Any, c: int, by: int) -> float:
    """By which a visit is sorted; each way has its share of the numbers below 17."""
    if by < 4:
        return roll(dice(m))
    if by < 8:
        return -float(visits(m)[c].demand)
    if by < 10:
        return -float(whole(m.remote)[c])
    if by < 11:
        return float(whole(m.remote)[c])
    if by < 13:
        return float(visits(m)[c].close - visits(m)[c].open)
    if by < 15:
        return float(visits(m)[c].open)
    if by < 17:
        return -float(visits(m)[c].close)
    return whole(m.options)[c] + roll(dice(m))


@compiled
def recreate(m: Any, most: float) -> None:
    """Insert each visit of the pool at its cheapest place, or leave it out where that costs more than its penalty.

    Ends early where the plan costs more than `most` already without those that still wait: each only adds to it.
    """
    waiting = 0.0
    if m.adding:
        for j in range(m.pool_size):
            waiting += amounts(m.penalty)[whole(m.pool)[j]]
    for j in range(m.pool_size):
        if m.adding and m.cost - waiting > most:
            return
        c = long(whole(m.pool)[j])
        waiting -= amounts(m.penalty)[c]
        if nodes(m)[c].route >= 0:
            continue
        if m.paired and whole(m.mate)[c] >= 0:
            insert_pair(m, c, long(whole(m.mate)[c]))
            continue
        best, place, r = nearby(m, c)
        best, place, r = empty(m, c, best, place, r)
        if r < 0 and (m.thorough or roll(dice(m)) < EVERYWHERE_CHANCE):
            best, place, r = everywhere(m, c)
        if m.reloading and new_trip_is_better(m, c, min(best, amounts(m.penalty)[c])):
            continue
        if r >= 0 and best < amounts(m.penalty)[c]:
            put_in(m, c, place, r)


@compiled
def new_trip_is_better(m: Any, c: int, best: float) -> bool:
    """Insert a visit with a reload before or behind it where that is cheaper than anything else."""
    _, p, r, reload, is_first = new_trip(m, c, best)
    if r < 0 or (m.tied and not admits(m, c, r)):
        return False
    put_reload(m, r, p, reload)
    put_in(m, c, reload if is_first else p, r)
    return True


@compiled
def has_room(m: Any, c: int, r: int) -> bool:
    """Whether the route can take one more visit with this load."""
    if routes(m)[r].room < visits(m)[c].demand or routes(m)[r].spots <= 0:
        return False
    for d in range(1, m.dimensions):
        if whole(m.loads)[r * m.dimensions + d] < whole(m.demands)[c * m.dimensions + d]:
            return False
    return not m.tied or admits(m, c, r)


@compiled
def detour(m: Any, profile: int, p: int, c: int, x: int) -> int:
    """Metres from `p` over `c` to `x`."""
    base = (profile * m.rows + c) * m.rows
    return long(whole(m.distance_back)[base + row(m, p)] + whole(m.distance)[base + row(m, x)])


@compiled
def extra(m: Any, c: int, r: int, p: int, x: int, metres: int, best: float) -> float:
    """What inserting `c` between `p` and `x` costs, infinite where it does not fit or costs more than `best`."""
    route, node = routes(m)[r], nodes(m)
    cost = route.per_metre * metres
    if m.priced:
        cost += amounts(m.prices)[c * m.kinds + route.kind]
    if cost >= best:
        return math.inf
    to, stay, on = 0, 0, 0
    if m.level > 0:
        visit = visits(m)[c]
        base = (route.profile * m.rows + c) * m.rows
        to = whole(m.duration_back)[base + row(m, p)]
        begin = node[p].depart + to
        if begin > visit.close:
            return math.inf
        stay = work(m, r)[c]
        on = whole(m.duration)[base + row(m, x)]
        if max(begin, visit.open) + stay + on > node[x].late:
            return math.inf
    if m.mixed and not carries(m, c, r, p, x):
        return math.inf
    if m.rich:
        slower = kinds(m)[route.kind].per_second * (to + stay + on - (node[p].leg if route.size > 0 else 0))
        return exact(m, c, r, p) if cost + slower < best else math.inf
    if m.level < 2:
        return cost
    return cost + in_time(m, c, r, p, x, metres, long(to), long(stay), long(on))


@compiled
def in_time(m: Any, c: int, r: int, p: int, x: int, metres: int, to: int, stay: int, on: int) -> float:
    """The cost of the route's seconds with `c` in it beyond those without; infinite beyond a limit of the vehicle."""
    route, node, visit = routes(m)[r], nodes(m), visits(m)[c]
    kind = kinds(m)[route.kind]
    if route.distance + metres > kind.max_distance:
        return math.inf
    reach = node[p].fd + to
    wait = max(visit.open - reach - node[p].fl, 0)
    duration = reach + wait + stay
    latest = min(visit.close - reach, node[p].fl)
    wait = max(node[x].be - duration - on - latest, 0)
    duration += on + node[x].bd + wait
    if duration > kind.max_duration:
        return math.inf
    cost = kind.per_second * duration + kind.overtime * max(duration - kind.regular, 0)
    if route.size > 0:
        now = node[2 * r + m.visits + 1].fd
        cost -= kind.per_second * now + kind.overtime * max(now - kind.regular, 0)
    return cost


@compiled
def carries(m: Any, c: int, r: int, p: int, x: int) -> bool:
    """Whether the load fits all the way with `c` behind `p`, and collections come last where they have to."""
    kind, peaks = routes(m)[r].kind, whole(m.peaks)
    for d in range(m.dimensions):
        room = whole(m.capacities)[kind * m.dimensions + d]
        if peaks[3 * (p * m.dimensions + d)] + whole(m.demands)[c * m.dimensions + d] > room:
            return False
        if peaks[3 * (p * m.dimensions + d) + 1] + whole(m.pickups)[c * m.dimensions + d] > room:
            return False
    if not kinds(m)[kind].pickups_last or whole(m.role)[c] != LONE:
        return True
    if has_any(m, m.demands, c) and first_of(m, p, BACK) == 1:
        return False
    return not (has_any(m, m.pickups, c) and first_of(m, x, AHEAD) == -1)


@compiled
def first_of(m: Any, v: int, ahead: int) -> int:
    """What is first met from a node on, back or ahead: 1 a collection for the depot, -1 a delivery, 0 neither."""
    while v < m.visits:
        if whole(m.role)[v] == LONE:
            if has_any(m, m.demands, v) and ahead:
                return -1
            if has_any(m, m.pickups, v):
                return 1
            if has_any(m, m.demands, v):
                return -1
        v = long(nodes(m)[v].next) if ahead else long(nodes(m)[v].prev)
    return 0


@compiled
def has_any(m: Any, loads: int, v: int) -> bool:
    """Whether a visit has a load in an array of loads, in any dimension."""
    for d in range(m.dimensions):  # noqa: SIM110 - compiled code has no generators
        if whole(loads)[v * m.dimensions + d] > 0:
            return True
    return False


@compiled
def nearby(m: Any, c: int) -> tuple[float, int, int]:
    """The cheapest place behind or before one of the visit's neighbours: its cost, the node before it, the route."""
    node, route, n = nodes(m), routes(m), m.visits
    distance, back, close = whole(m.distance), whole(m.distance_back), whole(m.close + 4 * c * m.close_size)
    demand, wide, blink, roomy = visits(m)[c].demand, m.dimensions > 1 or m.tied, m.blink, whole(m.roomy)
    best, place, chosen = math.inf, -1, -1
    found = 0
    for k in range(m.close_size):  # without a branch that nobody can predict: most routes are full
        r = long(node[close[k]].route)
        s = max(r, 0)
        roomy[found] = close[k]
        found += long((r >= 0) & (route[s].room >= demand) & (route[s].spots > 0))
    for k in range(found):
        v = long(roomy[k])
        r = long(node[v].route)
        if wide and not has_room(m, c, r):
            continue
        blink -= 2
        if blink < 0:
            blink = positions_to_blink(dice(m), LOG_OF_KEEPING)
            continue
        base, price = (route[r].profile * m.rows + c) * m.rows, route[r].per_metre
        x, p = long(node[v].next), long(node[v].prev)
        b = x if x < n else long(visits(m)[x].row)
        metres = back[base + v] + distance[base + b] - node[v].gap
        if price * metres < best and not node[v].wall:
            cost = extra(m, c, r, v, x, long(metres), best)
            if cost < best:
                best, place, chosen = cost, v, r
        a = p if p < n else long(visits(m)[p].row)
        metres = back[base + a] + distance[base + v] - node[v].back
        if price * metres < best and not node[p].wall:
            cost = extra(m, c, r, p, v, long(metres), best)
            if cost < best:
                best, place, chosen = cost, p, r
    m.blink = blink
    return best, place, chosen


@compiled
def empty(m: Any, c: int, best: float, place: int, chosen: int) -> tuple[float, int, int]:
    """The same, with one empty vehicle of each kind."""
    n = m.visits
    for k in range(m.kinds):
        r = spare_slot(m, k)
        if r < 0 or not has_room(m, c, r):
            continue
        p = n + 2 * r
        if nodes(m)[p].wall:
            continue
        a, b = visits(m)[p].row, visits(m)[p + 1].row
        f = routes(m)[r].profile
        metres = (
            whole(m.distance_back)[(f * m.rows + c) * m.rows + a] + whole(m.distance)[(f * m.rows + c) * m.rows + b]
        )
        fixed = kinds(m)[k].fixed
        cost = fixed + extra(m, c, r, p, p + 1, metres, best - fixed)
        if cost < best:
            best, place, chosen = cost, p, r
    return best, place, chosen


@compiled
def everywhere(m: Any, c: int) -> tuple[float, int, int]:
    """The cheapest place on any route in use."""
    node, n = nodes(m), m.visits
    best, place, chosen = math.inf, -1, -1
    for r in range(m.slots):
        if routes(m)[r].size == 0 or not has_room(m, c, r):
            continue
        f = routes(m)[r].profile
        p = n + 2 * r
        while p != n + 2 * r + 1:
            x = long(node[p].next)
            if not node[p].wall:
                a = row(m, p)
                b = row(m, x)
                metres = (
                    whole(m.distance_back)[(f * m.rows + c) * m.rows + a]
                    + whole(m.distance)[(f * m.rows + c) * m.rows + b]
                    - node[p].gap
                )
                cost = extra(m, c, r, p, x, metres, best)
                if cost < best:
                    best, place, chosen = cost, p, r
            p = x
    return best, place, chosen
