"""A whole route timed exactly as the routing model times it (driving.py, schedule.py there), in compiled code.

For everything that has no constant-time test: several and soft windows, setting up, breaks, driving rules, releases,
reloads, ride times, traffic. Says what the cheapest departure costs and how long the route then takes.
"""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

import math
from typing import Any

from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.memory import (
    FAR_AWAY,
    NOBODY,
    SECOND,
    amounts,
    kinds,
    long,
    rows_of,
    visits,
    whole,
    wide,
)

MOST_DEPARTURES, MOST_HOLDS = 400, 100
INSTANT_SECONDS = 1e-6


@compiled
def arrival_of(m: Any, k: int, departure: int, seconds: int) -> int:
    """When a leg ends that takes `seconds` on a free road (Ichoua, Gendreau, Potvin 2003, section 3)."""
    profile = kinds(m)[k].profile
    first, last = long(whole(m.band_ends)[profile]), long(whole(m.band_ends)[profile + 1])
    if first == last or seconds == 0:
        return departure + seconds
    starts, factors, period = whole(m.band_starts), amounts(m.band_factors), whole(m.band_periods)[profile]
    moment = departure + m.epoch
    midnight = moment - moment % period
    band = first
    while band + 1 < last and starts[band + 1] <= moment - midnight:
        band += 1
    clock, left = float(moment), float(seconds)
    while True:
        closes = midnight + (starts[band + 1] if band + 1 < last else period)
        span = (closes - clock) * factors[band]
        if left <= span:
            return math.ceil(clock + left / factors[band] - INSTANT_SECONDS) - m.epoch
        clock, left, band = float(closes), left - span, band + 1
        if band == last:
            band, midnight = first, midnight + period


@compiled
def seconds_to_next_band(m: Any, k: int, moment: int) -> int:
    """Until traffic flows at another factor."""
    profile = kinds(m)[k].profile
    first, last = long(whole(m.band_ends)[profile]), long(whole(m.band_ends)[profile + 1])
    period = whole(m.band_periods)[profile]
    time = (moment + m.epoch) % period
    for band in range(first, last):
        if whole(m.band_starts)[band] > time:
            return whole(m.band_starts)[band] - time
    return period - time


@compiled
def opening(m: Any, first: int, last: int, arrival: int, late: float) -> int:
    """When service starts in one of these windows; FAR_AWAY when all have closed and lateness has no price."""
    if first == last:
        return arrival
    best = FAR_AWAY
    for w in range(first, last):
        if arrival <= wide(m.window_closes)[w]:
            best = min(best, max(arrival, wide(m.window_opens)[w]))
    if best == FAR_AWAY and late >= 0.0:
        return arrival
    return best


@compiled
def closing(m: Any, first: int, last: int, moment: int) -> int:
    """When the window that holds the moment closes, the longest one where several do."""
    best = -FAR_AWAY
    for w in range(first, last):
        if wide(m.window_opens)[w] <= moment <= wide(m.window_closes)[w]:
            best = max(best, wide(m.window_closes)[w])
    return best


@compiled
def hold_room(m: Any, seconds: int) -> None:
    """Nothing changes while the departure is at most so much later, after what waiting absorbs."""
    m.room = min(m.room, m.waited + seconds)


@compiled
def wait(m: Any, seconds: int) -> None:
    """Idle seconds."""
    m.waited += seconds
    wide(m.kinks)[m.kinks_size] = m.waited
    m.kinks_size += 1


@compiled
def take_break(m: Any, k: int) -> bool:
    """The next break, at its first opening from now on; False where all its windows have closed."""
    b = m.pending
    first, last = whole(m.break_windows)[b], whole(m.break_windows)[b + 1]
    opens = opening(m, first, last, m.clock, -1.0)
    if opens == FAR_AWAY:
        return False
    if opens > m.clock:
        wait(m, opens - m.clock)
    hold_room(m, closing(m, first, last, opens) - opens)
    m.clock = opens + whole(m.break_seconds)[b]
    m.rests += 1
    m.pending += 1
    if whole(m.rule_work)[k] >= 0 and whole(m.break_seconds)[b] >= whole(m.rule_break)[k]:
        m.worked = 0
    return True


@compiled
def rest(m: Any, k: int) -> None:
    """The rest that the driving rule asks for, now."""
    m.clock += whole(m.rule_break)[k]
    m.rests += 1
    m.worked = 0


@compiled
def travel(m: Any, k: int, leg: int) -> bool:
    """Leave as soon as the rests that cannot wait until arrival are over."""
    most, last = whole(m.rule_work)[k], whole(m.kind_breaks)[k + 1]
    while True:
        arrival = arrival_of(m, k, m.clock, leg)
        if m.pending < last and wide(m.break_latest)[m.pending] < arrival:
            if not take_break(m, k):
                return False
        elif most >= 0 and m.worked > 0 and m.worked + arrival - m.clock > most:
            rest(m, k)
        else:
            break
    if most >= 0 and arrival - m.clock > most:
        return False
    if m.pending < last:
        hold_room(m, wide(m.break_latest)[m.pending] - arrival)
    m.worked += arrival - m.clock
    m.clock = arrival
    return True


@compiled
def pauses(m: Any, k: int, begin: int, work: int) -> int:
    """1: a rest was taken on arrival, and the beginning is to be asked again; 0: none; -1: a rule is in the way."""
    if m.pending < whole(m.kind_breaks)[k + 1]:
        b = m.pending
        opens = opening(m, whole(m.break_windows)[b], whole(m.break_windows)[b + 1], m.clock, -1.0)
        spare = begin - whole(m.break_seconds)[b] - opens
        if spare >= 0 or begin + work > wide(m.break_latest)[b]:
            if spare >= 0:
                hold_room(m, spare)
            return 1 if take_break(m, k) else -1
        hold_room(m, wide(m.break_latest)[b] - begin - work + max(0, begin - m.clock))
    most = whole(m.rule_work)[k]
    if most < 0:
        return 0
    spare = begin - m.clock - whole(m.rule_break)[k]
    if m.worked > 0 and spare >= 0:
        hold_room(m, spare)
        rest(m, k)
        return 1
    if not whole(m.rule_counts)[k] or m.worked + work <= most:
        return 0
    if m.worked == 0:
        return -1
    rest(m, k)
    return 1


@compiled
def work_at(m: Any, k: int, j: int, c: int, work: int) -> bool:
    """Rests that are free or cannot wait until after the work, then the work itself, at item `j`."""
    first, last, late = 0, 0, -1.0
    if c < m.visits:
        first, last, late = whole(m.windows)[c], whole(m.windows)[c + 1], amounts(m.late_cost)[c]
    while True:
        begin = opening(m, first, last, max(m.clock, wide(m.not_before)[j]), late)
        if begin == FAR_AWAY:
            return False
        paused = pauses(m, k, begin, work)
        if paused < 0:
            return False
        if paused == 0:
            break
    if begin > m.clock:
        wait(m, begin - m.clock)
    if last > first:
        mark_windows(m, first, last, late, begin)
    m.clock = begin + work
    if whole(m.rule_counts)[k]:
        m.worked += work
    wide(m.begins)[j] = begin
    wide(m.departures)[j] = m.clock
    return True


@compiled
def mark_windows(m: Any, first: int, last: int, late: float, begin: int) -> None:
    """Lateness and its price, or how much later service could begin in the same window."""
    end = -FAR_AWAY
    for w in range(first, last):
        end = max(end, wide(m.window_closes)[w])
    if late >= 0.0 and begin > end:
        m.lateness += late * (begin - end)
        return
    closes = closing(m, first, last, begin)
    if late >= 0.0 and closes == end:
        wide(m.kinks)[m.kinks_size] = m.waited + end - begin
        m.kinks_size += 1
    else:
        hold_room(m, closes - begin)


@compiled
def drive(m: Any, k: int, size: int, start: int) -> bool:
    """The items in order after this departure; whether no rule of time is in the way."""
    m.clock, m.worked, m.waited, m.room, m.lateness, m.kinks_size, m.rests = start, 0, 0, FAR_AWAY, 0.0, 0, 0
    b, last = whole(m.kind_breaks)[k], whole(m.kind_breaks)[k + 1]
    while b < last and wide(m.break_closes)[b] <= start:
        b += 1
    m.pending = b
    for j in range(size):
        if not travel(m, k, whole(m.legs)[j]) or not work_at(m, k, j, long(whole(m.items)[j]), whole(m.works)[j]):
            return False
    if not travel(m, k, whole(m.legs)[size]):
        return False
    return m.clock <= kinds(m)[k].close


@compiled
def driven(m: Any, k: int, size: int, start: int) -> bool:
    """One drive; pickups are put off, each by as little as it takes, until no goods ride too long."""
    for j in range(size):
        wide(m.not_before)[j] = wide(m.holds)[j]
    for _ in range(MOST_HOLDS):
        if not drive(m, k, size, start):
            return False
        if not m.riding or not put_off(m, size):
            return True
    return False


@compiled
def put_off(m: Any, size: int) -> bool:
    """Whether some goods ride too long, and their pickups now wait."""
    some = False
    for j in range(size):
        c = long(whole(m.items)[j])
        if c >= m.visits or whole(m.role)[c] != SECOND:
            continue
        mate = whole(m.mate)[c]
        for i in range(j):
            if whole(m.items)[i] == mate:
                excess = wide(m.begins)[j] - wide(m.departures)[i] - whole(m.max_ride)[mate]
                if excess > 0:
                    wide(m.not_before)[i] = wide(m.begins)[i] + excess
                    some = True
    return some


@compiled
def price_drive(m: Any, k: int, metres: int, start: int) -> None:
    """Remember what the drive just made costs if it is the cheapest, or as cheap and shorter."""
    kind = kinds(m)[k]
    seconds = m.clock - start
    if seconds > kind.max_duration:
        return
    cost = kind.fixed + kind.per_metre * metres + kind.per_second * seconds + m.lateness
    cost += kind.overtime * max(0, seconds - kind.regular)
    if cost < m.drive_cost or (cost == m.drive_cost and seconds < m.drive_seconds):
        m.drive_cost, m.drive_seconds = cost, seconds


@compiled
def later_and_later(m: Any, k: int, size: int, metres: int, start: int, soft: bool, one: bool) -> None:
    """Leaving later absorbs waiting until none is left, or until something changes; then again from there."""
    kind = kinds(m)[k]
    profile = kind.profile
    traffic = whole(m.band_ends)[profile] < whole(m.band_ends)[profile + 1]
    for _ in range(MOST_DEPARTURES):
        if not driven(m, k, size, start):
            return
        price_drive(m, k, metres, start)
        if start > kind.close or (one and m.drive_cost < math.inf):
            return
        waited, room, rests = m.waited, m.room, m.rests
        most = min(waited, room)
        if soft:
            try_kinks(m, k, size, metres, start, most)
        elif most > 0 and driven(m, k, size, start + most):
            price_drive(m, k, metres, start + most)
        if traffic:
            start += most if most > 0 else min(room + 1, seconds_to_next_band(m, k, start))
        elif (waited == 0 and rests == 0) or room >= FAR_AWAY // 2:
            return
        else:
            start += room + 1


@compiled
def try_kinks(m: Any, k: int, size: int, metres: int, start: int, most: int) -> None:
    """Departures in between at which a cost changes its slope."""
    seconds = m.clock - start
    kept = m.kinks_size
    kinks = wide(m.kinks_kept)
    for j in range(kept):
        kinks[j] = wide(m.kinks)[j]
    kinks[kept] = most
    kinks[kept + 1] = seconds - kinds(m)[k].max_duration
    kinks[kept + 2] = seconds - kinds(m)[k].regular
    for j in range(kept + 3):
        later = long(kinks[j])
        if 0 < later <= most and driven(m, k, size, start + later):
            price_drive(m, k, metres, start + later)


@compiled
def read_items(m: Any, r_start: int, r_end: int, k: int, size: int) -> int:
    """Legs, work and holds of the items, from their vehicle's start to its end; the metres."""
    items, n = whole(m.items), m.visits
    profile, previous, place, metres = kinds(m)[k].profile, r_start, whole(m.start_place)[k], 0
    service = rows_of(m, kinds(m)[k].work)
    begin, release, soft = NOBODY, -FAR_AWAY, False
    for j in range(size):
        c = long(items[j])
        at = (profile * m.rows + visits(m)[previous].row) * m.rows + visits(m)[c].row
        metres += whole(m.distance)[at]
        whole(m.legs)[j] = whole(m.road)[at]
        whole(m.works)[j] = service[c]
        wide(m.holds)[j] = -FAR_AWAY
        if c < n:
            release = max(release, whole(m.release)[c])
            if whole(m.place_of)[c] != place:
                whole(m.works)[j] += whole(m.setup)[c]
            soft = soft or amounts(m.late_cost)[c] >= 0.0
        else:
            close_trip(m, begin, release)
            begin, release = j, -FAR_AWAY
        place = whole(m.place_of)[c]
        previous = c
    close_trip(m, begin, release)
    at = (profile * m.rows + visits(m)[previous].row) * m.rows + visits(m)[r_end].row
    whole(m.legs)[size] = whole(m.road)[at]
    m.soft = long(soft)
    return metres + whole(m.distance)[at]


@compiled
def close_trip(m: Any, begin: int, release: int) -> None:
    """The trip that begins with item `begin`, -1 the first, may not leave before its last release."""
    if begin < 0:
        m.earliest = release
    else:
        wide(m.holds)[begin] = release


@compiled
def timed(m: Any, r_start: int, k: int, size: int) -> float:
    """The cost of driving the items with a vehicle of a kind, prices apart; infinite where it cannot be done."""
    kind = kinds(m)[k]
    metres = read_items(m, r_start, r_start + 1, k, size)
    m.drive_cost, m.drive_seconds = math.inf, 0
    if metres > kind.max_distance:
        return math.inf
    start, soft = max(long(kind.open), m.earliest), m.soft == 1
    first, last = whole(m.kind_breaks)[k], whole(m.kind_breaks)[k + 1]
    is_free = kind.per_second == 0.0 and kind.overtime == 0.0 and not m.balanced
    one = is_free and first == last and whole(m.rule_work)[k] < 0 and not soft
    later_and_later(m, k, size, metres, start, soft, one)
    for b in range(first, last):
        if wide(m.break_closes)[b] > start:
            later_and_later(m, k, size, metres, wide(m.break_closes)[b], soft, one)
    return m.drive_cost
