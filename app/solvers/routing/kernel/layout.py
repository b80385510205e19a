"""What the kernel works on: the caller's flat description of a problem, and the records the search keeps.

Nodes: 0..n-1 are the visits (row i of the matrices is visit i); behind them two per route slot, its start and its end.
Kinds are groups of identical vehicles; each vehicle is a route slot, empty or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FAR = 1 << 30  # no limit: more than any time, distance or load here, and twice it still fits 32 bits

# One cache line. fd, fl: duration of the route up to and with this node, and the latest start that keeps it;
# bd, be: duration from this node to the end, and the earliest start that keeps it (Vidal et al. 2013, section 4.2).
NODE = np.dtype(
    [
        (name, np.int32)
        for name in (
            "next", "prev", "route", "stamp", "gap", "back", "leg", "depart",
            "late", "fd", "fl", "bd", "be", "wall", "spare", "more",
        )
    ]
)  # fmt: skip
VISIT = np.dtype([(name, np.int32) for name in ("row", "open", "close", "demand")])
ROUTE = np.dtype(
    [
        *((name, np.int32) for name in ("kind", "profile", "size", "spots", "room", "stamp", "distance", "duration")),
        *((name, np.float64) for name in ("per_metre", "price", "cost")),
    ]
)
KIND = np.dtype(
    [
        *((name, np.int32) for name in ("first", "last", "profile", "work", "start", "end", "open", "close")),
        *((name, np.int32) for name in ("max_duration", "max_distance", "max_stops", "regular", "pickups_last")),
        *((name, np.float64) for name in ("fixed", "per_metre", "per_second", "overtime")),
    ]
)


@dataclass(frozen=True, kw_only=True)
class VehicleKinds:
    """Groups of identical vehicles, one entry each; None: no limit, or free of charge. Seconds, metres, minor units.

    `start_rows`, `end_rows`: matrix rows, -1 for an open start or end. `services`: which row of `service_seconds`.
    """

    counts: NDArray[Any]
    start_rows: NDArray[Any]
    end_rows: NDArray[Any]
    capacities: NDArray[Any]  # [kinds, dimensions]
    fixed_costs: NDArray[Any] | None = None
    costs_per_metre: NDArray[Any] | None = None
    costs_per_second: NDArray[Any] | None = None
    shift_starts: NDArray[Any] | None = None
    shift_ends: NDArray[Any] | None = None
    max_durations: NDArray[Any] | None = None
    max_distances: NDArray[Any] | None = None
    max_stops: NDArray[Any] | None = None
    regular_seconds: NDArray[Any] | None = None
    overtime_costs_per_second: NDArray[Any] | None = None
    profiles: NDArray[Any] | None = None
    services: NDArray[Any] | None = None
    pickups_last: NDArray[Any] | None = None


Windows = Sequence[tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class RouteRules:
    """What only a look at a whole route can judge; each is timed as the routing model's schedule.py times it.

    Times count from `epoch_seconds`, which traffic needs to know the time of day. By visit: `windows` (several),
    `late_costs` (a second behind the last window; below 0: windows are hard), `setups`, `places` (a number for each
    place where one parks), `releases` (-FAR: none), `max_rides` (of a pickup; FAR: none). By kind: `start_places`,
    `breaks` (windows, seconds), `driving_rules` (work, rest, whether service counts), `lifo`, `reload_rows` (the matrix
    rows where it may reload), `reload_places`, `reload_seconds`, `max_trips`. By profile: `traffic` (starts, factors,
    period). Sets of visits: `apart` on different vehicles, `together` on one, of `rivals` at most one is served.
    """

    epoch_seconds: int
    windows: Sequence[Windows]
    late_costs: Sequence[float]
    setups: Sequence[int]
    places: Sequence[int]
    releases: Sequence[int]
    max_rides: Sequence[int]
    start_places: Sequence[int]
    breaks: Sequence[Sequence[tuple[Windows, int]]]
    driving_rules: Sequence[tuple[int, int, bool] | None]
    lifo: Sequence[bool]
    reload_rows: Sequence[Sequence[int]]
    reload_places: Sequence[Sequence[int]]
    reload_seconds: Sequence[int]
    max_trips: Sequence[int]
    traffic: Sequence[tuple[Sequence[int], Sequence[float], int] | None]
    apart: Sequence[Sequence[int]] = ()
    together: Sequence[Sequence[int]] = ()
    rivals: Sequence[Sequence[int]] = ()
    balance_cost_per_second: float = 0.0


@dataclass(frozen=True, kw_only=True)
class KernelData:
    """A problem as arrays: n visits are rows 0..n-1 of the matrices, terminals the rows behind them.

    `distances`, `durations`: whole numbers, [rows, rows] or [profiles, rows, rows]; pass the same object twice where
    they are the same. All times must fit 30 bits: count from the first shift. `opens`/`closes` None: no windows.
    `prices` [n, kinds]: what a visit costs extra on a kind, infinite where it may not go. `penalties` [n]: the cost of
    leaving it out. Of a pair, `pickups` of the first and `demands` of the second are the goods that ride between.
    `candidates`: whom to consider as near to each visit, itself left out and below 0 nobody; without, everybody.
    """

    distances: NDArray[Any]
    durations: NDArray[Any]
    demands: NDArray[Any]  # [n, dimensions], delivered
    kinds: VehicleKinds
    pickups: NDArray[Any] | None = None  # [n, dimensions], collected
    opens: NDArray[Any] | None = None
    closes: NDArray[Any] | None = None
    service_seconds: NDArray[Any] | None = None  # [n] or [classes, n]
    penalties: NDArray[Any] | None = None
    prices: NDArray[Any] | None = None
    fixed_visits: NDArray[Any] | None = None  # [n] 1: stays where it is, and nothing before it; 2: stays on its route
    pairs: NDArray[Any] | None = None  # [pairs, 2]: collected at the first visit, delivered at the second
    rules: "RouteRules | None" = None
    candidates: NDArray[Any] | None = None  # [n, any]

    @property
    def visit_count(self) -> int:
        """How many visits there are."""
        return int(self.demands.shape[0])
