"""The rules of whole routes as arrays for the compiled code, and what of them the constant-time tests may assume."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.kernel.layout import FAR, KernelData, RouteRules
from app.solvers.routing.kernel.memory import Memory
from app.solvers.routing.kernel.timing import timing_address

MOST_RELOADS = 12  # of one vehicle at one place, where trips are not limited


@dataclass(frozen=True, kw_only=True)
class ReloadNodes:
    """One entry for each time a vehicle may reload at a place; `firsts` [slots + 1]: where each vehicle's begin."""

    rows: NDArray[np.int32]
    places: NDArray[np.int32]
    seconds: NDArray[np.int32]
    firsts: NDArray[np.int32]


def lenient(data: KernelData) -> KernelData:
    """The problem with one window a visit, from the first opening to the last closing: what any timetable keeps to."""
    rules = data.rules
    if rules is None:
        return data
    opens = [max(0, min((opening for opening, _ in windows), default=0)) for windows in rules.windows]
    closes = [
        FAR if late >= 0 or not windows else min(FAR, max(closing for _, closing in windows))
        for windows, late in zip(rules.windows, rules.late_costs, strict=True)
    ]
    return replace(data, opens=np.array(opens, np.int64), closes=np.array(closes, np.int64))


def fastest(rules: RouteRules, profile: int) -> float:
    """The highest factor on the speed of a profile's traffic, at least 1."""
    traffic = rules.traffic[profile] if profile < len(rules.traffic) else None
    return max([1.0, *(traffic[1] if traffic is not None else ())])


def reload_nodes(rules: RouteRules | None, kind_of: NDArray[Any], first_node: int) -> ReloadNodes:
    """As many reloads at each place as the trips of each vehicle can need."""
    rows: list[int] = []
    places: list[int] = []
    seconds: list[int] = []
    firsts = [first_node]
    for k in kind_of.tolist() if rules is not None else []:
        assert rules is not None
        times = min(rules.max_trips[k] - 1, MOST_RELOADS)
        for row, place in zip(rules.reload_rows[k], rules.reload_places[k], strict=True):
            rows += [row] * times
            places += [place] * times
            seconds += [rules.reload_seconds[k]] * times
        firsts.append(first_node + len(rows))
    return ReloadNodes(
        rows=np.array(rows, np.int32),
        places=np.array(places, np.int32),
        seconds=np.array(seconds, np.int32),
        firsts=np.array(firsts, np.int32),
    )


def hold_rules(memory: Memory, data: KernelData, reloads: ReloadNodes) -> None:
    """Write the rules into the memory; without any, arrays that nobody reads."""
    memory.hold("reload_first", reloads.firsts)
    rules = data.rules
    if rules is None:
        return
    _hold_visits(memory, rules, reloads)
    _hold_breaks(memory, rules)
    _hold_traffic(memory, rules)
    for name, sets in (("apart", rules.apart), ("rival", rules.rivals), ("company", rules.together)):
        ends, others = _others(sets, data.visit_count)
        memory.hold(f"{name}_ends", ends)
        memory.hold(name, others)
    longest = memory.number("nodes") + 2
    for name in ("items", "stack", "legs", "works", "holds", "not_before", "begins", "departures"):
        memory.hold(name, np.zeros(longest, np.int64))
    most_breaks = max((len(breaks) for breaks in rules.breaks), default=0)
    for name in ("kinks", "kinks_kept"):
        memory.hold(name, np.zeros(2 * longest + most_breaks + 8, np.int64))
    memory.record["rich"] = 1
    memory.record["timing"] = timing_address()
    memory.record["epoch"] = rules.epoch_seconds
    memory.record["tied"] = bool(rules.apart or rules.together or rules.rivals)
    memory.record["riding"] = any(ride < FAR for ride in rules.max_rides)
    memory.record["reloading"] = len(reloads.rows) > 0
    memory.record["balanced"] = rules.balance_cost_per_second > 0
    # Of rivals all but one are never served, and that costs nothing.
    memory.record["forgiven"] = sum(memory.arrays["penalty"][list(rivals[1:])].sum() for rivals in rules.rivals)
    memory.record["balance_price"] = rules.balance_cost_per_second


def _hold_visits(memory: Memory, rules: RouteRules, reloads: ReloadNodes) -> None:
    nodes = memory.number("nodes")
    places = np.full(nodes, -2, np.int32)
    places[: len(rules.places)] = rules.places
    places[nodes - len(reloads.places) :] = reloads.places
    memory.hold("place_of", places)
    memory.hold("late_cost", np.array(rules.late_costs, np.float64))
    for name, values in (
        ("setup", rules.setups),
        ("release", rules.releases),
        ("max_ride", rules.max_rides),
        ("start_place", rules.start_places),
        ("lifo", rules.lifo),
        ("max_reloads", [trips - 1 for trips in rules.max_trips]),
    ):
        memory.hold(name, np.array(values, np.int32))


def _hold_breaks(memory: Memory, rules: RouteRules) -> None:
    """Windows of visits and of breaks in one array; breaks by their last closing."""
    windows = [list(one) for one in rules.windows]
    memory.hold("windows", np.cumsum([0, *map(len, windows)]))
    count, ends, seconds, latest, closes, firsts = sum(map(len, windows)), [], [], [], [], [0]
    for breaks in rules.breaks:
        ordered = sorted(breaks, key=lambda one: max(closing for _, closing in one[0]))
        last = [max(closing for _, closing in one[0]) for one in ordered]
        most = list(last)
        for b in range(len(ordered) - 2, -1, -1):
            most[b] = min(last[b], most[b + 1] - ordered[b][1])
        for one in ordered:
            ends.append(count)
            count += len(one[0])
            windows.append(list(one[0]))
            seconds.append(one[1])
        latest += most
        closes += last
        firsts.append(len(seconds))
    memory.hold("window_opens", np.array([opening for one in windows for opening, _ in one], np.int64))
    memory.hold("window_closes", np.array([closing for one in windows for _, closing in one], np.int64))
    memory.hold("break_windows", np.array([*ends, count], np.int32))
    memory.hold("break_seconds", np.array(seconds, np.int32))
    memory.hold("break_latest", np.array(latest, np.int64))
    memory.hold("break_closes", np.array(closes, np.int64))
    memory.hold("kind_breaks", np.array(firsts, np.int32))
    hours = [(-1, 0, False) if rule is None else rule for rule in rules.driving_rules]
    for number, name in enumerate(("rule_work", "rule_break", "rule_counts")):
        memory.hold(name, np.array([rule[number] for rule in hours], np.int32))


def _hold_traffic(memory: Memory, rules: RouteRules) -> None:
    bands = [((), (), 1) if traffic is None else traffic for traffic in rules.traffic]
    memory.hold("band_ends", np.cumsum([0, *(len(starts) for starts, _, _ in bands)]))
    memory.hold("band_starts", np.array([start for starts, _, _ in bands for start in starts], np.int32))
    memory.hold("band_factors", np.array([factor for _, factors, _ in bands for factor in factors], np.float64))
    memory.hold("band_periods", np.array([period for _, _, period in bands], np.int32))


def _others(sets: Iterable[Sequence[int]], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each visit those that share a set with it: where they begin, and who they are."""
    company: list[set[int]] = [set() for _ in range(n)]
    for members in sets:
        for visit in members:
            company[visit] |= set(members) - {visit}
    flat = [other for others in company for other in sorted(others)]
    return np.cumsum([0, *map(len, company)]), np.array(flat, np.int64)
