"""Adjacent string removal: strings of visits near one another leave their routes.

SISR, Christiaens & Vanden Berghe, "Slack induction by string removals", Transportation Science 54 (2020), section 5.2.
"""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

from typing import Any

from app.solvers.routing.kernel.chain import (
    backward,
    forward,
    refresh,
    settle,
    take_out,
    touch_route,
)
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.memory import SECOND, dice, is_fixed, long, nodes, routes, whole
from app.solvers.routing.kernel.rolling import below, roll
from app.solvers.routing.kernel.trips import drop_reloads

REMOVED_ON_AVERAGE = 10.0
LONGEST_STRING = 10.0
SPLIT_CHANCE = 0.5
SOON_CHANCE = 0.5  # where there are windows: strings of visits that are near in time too
LENGTHEN_CHANCE = 0.01
WHOLE_TRIP_CHANCE = 0.2  # where vehicles reload: only an emptied trip can move elsewhere
ABSENT_TRIED = 12
IN_FOCUS = 64


@compiled
def ruin(m: Any) -> None:
    """Remove strings around a visit in focus; the pool then holds what is removed and some that were absent before.

    In focus are visits whose numbers follow one another, which mostly lie near one another.
    """
    n, node = m.visits, nodes(m)
    m.pool_size = 0
    absent = m.absent_size
    centre = (m.focus + below(dice(m), min(n, IN_FOCUS))) % n
    _invite(m, centre, absent)
    average = (n - absent) / max(m.in_use, 1)
    longest = min(LONGEST_STRING, average)
    neighbours = whole(m.soon if m.level > 0 and roll(dice(m)) < SOON_CHANCE else m.near)
    strings = long(roll(dice(m)) * (4.0 * REMOVED_ON_AVERAGE / (1.0 + longest) - 1.0) + 1.0)
    for k in range(-1, m.near_size):
        if strings == 0:
            return
        c = centre if k < 0 else long(neighbours[centre * m.near_size + k])
        r = long(node[c].route)
        if r < 0 or routes(m)[r].stamp == m.tick or is_fixed(m, c):
            continue
        size = routes(m)[r].size
        length = long(roll(dice(m)) * min(size, longest) + 1.0)
        _remove_string(m, r, c, min(length, size))
        strings -= 1


@compiled
def _invite(m: Any, centre: int, absent: int) -> None:
    """Some of those already absent are tried again: those near the centre, or all where they are few."""
    if absent <= ABSENT_TRIED:
        for j in range(absent):
            _to_pool(m, long(whole(m.absent)[j]))
        return
    if nodes(m)[centre].route < 0:
        _to_pool(m, centre)
    for k in range(m.near_size):
        if m.pool_size >= ABSENT_TRIED:
            return
        c = long(whole(m.near)[centre * m.near_size + k])
        if nodes(m)[c].route < 0 and roll(dice(m)) < 0.5:
            _to_pool(m, c)
    if m.pool_size == 0:
        _to_pool(m, long(whole(m.absent)[below(dice(m), absent)]))


@compiled
def _to_pool(m: Any, c: int) -> None:
    """Pairs are in the pool by their pickup; one that is already there is passed over when it is inserted."""
    if m.paired and whole(m.role)[c] == SECOND:
        c = long(whole(m.mate)[c])
    whole(m.pool)[m.pool_size] = c
    m.pool_size += 1


@compiled
def _remove_string(m: Any, r: int, c: int, length: int) -> None:
    """Remove `length` visits in a row with `c` among them; half the time some in their middle stay."""
    node = nodes(m)
    first, length, kept = _choose_string(m, r, c, length)
    keep_from = 1 + below(dice(m), length - 1) if kept > 0 else length + kept
    before = long(node[first].prev)
    touch_route(m, r)
    pooled = m.pool_size
    v, removed = first, 0
    for j in range(length + kept):
        if v >= m.visits:
            break
        x = long(node[v].next)
        if (j < keep_from or j >= keep_from + kept) and not is_fixed(m, v):
            take_out(m, v)
            _to_pool(m, v)
            removed += 1
        v = x
    if m.paired or m.tied or m.rich:
        _take_companions(m, r, pooled)
        if m.reloading:
            drop_reloads(m, r)
        refresh(m, r)
    elif removed > 0:
        if m.level > 0:
            forward(m, r, before, v)
            backward(m, r, v, before)
        settle(m, r)


@compiled
def _take_companions(m: Any, r: int, pooled: int) -> None:
    """Whoever must ride with those just removed leaves too: the other of a pair, and all that stay together."""
    j = pooled
    while j < m.pool_size:
        c = long(whole(m.pool)[j])
        _leave(m, c, r)
        if m.paired and whole(m.mate)[c] >= 0:
            _leave(m, long(whole(m.mate)[c]), r)
            if m.tied:
                _company_leaves(m, long(whole(m.mate)[c]), r)
        if m.tied:
            _company_leaves(m, c, r)
        j += 1


@compiled
def _leave(m: Any, c: int, r: int) -> None:
    if nodes(m)[c].route == r and not is_fixed(m, c):
        take_out(m, c)


@compiled
def _company_leaves(m: Any, c: int, r: int) -> None:
    for j in range(whole(m.company_ends)[c], whole(m.company_ends)[c + 1]):
        other = long(whole(m.company)[j])
        if nodes(m)[other].route == r and not is_fixed(m, other):
            take_out(m, other)
            _to_pool(m, other)


@compiled
def _choose_string(m: Any, r: int, c: int, length: int) -> tuple[int, int, int]:
    """The first visit of the string, how many leave, and how many in their middle stay."""
    size, kept = long(routes(m)[r].size), long(0)
    if length > 1 and length < size and roll(dice(m)) < SPLIT_CHANCE:
        kept = long(1)
        while length + kept < size and roll(dice(m)) < LENGTHEN_CHANCE:
            kept += 1
    if not m.reloading or roll(dice(m)) >= WHOLE_TRIP_CHANCE:
        return _string_start(m, c, length + kept), length, kept
    v = c
    while nodes(m)[v].prev < m.visits:
        v = long(nodes(m)[v].prev)
    return v, size, long(0)  # what lies beyond the trip's ends stays


@compiled
def _string_start(m: Any, c: int, length: int) -> int:
    """The first visit of a random string of this length that holds `c` and lies within its route."""
    node, n = nodes(m), m.visits
    behind = 0
    v = node[c].next
    while v < n and behind < length - 1:
        behind += 1
        v = node[v].next
    steps = below(dice(m), length)
    steps = max(steps, length - 1 - behind)
    v = c
    while steps > 0 and node[v].prev < n:
        v = long(node[v].prev)
        steps -= 1
    return v
