"""From the caller's arrays to the world the compiled code reads: types, defaults, limits, neighbours."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.kernel.layout import FAR, KIND, VISIT, KernelData, VehicleKinds
from app.solvers.routing.kernel.memory import FIRST, LONE, SECOND, Memory
from app.solvers.routing.kernel.rolling import seeded
from app.solvers.routing.kernel.starting import empty_plan

PLACES_TRIED, NEIGHBOURS_RUINED = 40, 100
WAITING_WEIGHT = (
    0.2  # a second of waiting against one of driving, when near means soon: Vidal et al. (2013), section 4.4
)


def prepare(data: KernelData, *, seed: int) -> Memory:
    """The memory of a search for a problem, every vehicle empty and every visit absent."""
    n, dimensions = data.demands.shape
    dimensions = max(dimensions, 1)
    demands = _loads(data.demands, n, dimensions)
    pickups = _loads(data.pickups if data.pickups is not None else np.zeros((n, 0)), n, dimensions)
    mate, role = _pairs(data.pairs, n)
    drops = np.where(role[:, None] == SECOND, demands, 0)
    demands = demands - drops
    kind, capacities = _kinds(data.kinds, n, dimensions)
    level = _level(data, kind)
    is_open = bool((kind["start"] < 0).any() or (kind["end"] < 0).any())
    distance, distance_back = _both_ways(data.distances, is_open=is_open)
    if data.durations is data.distances:
        duration, duration_back = distance, distance_back
    else:
        duration, duration_back = _both_ways(data.durations, is_open=is_open)
    visit = _visits(data, kind, demands, rows=distance.shape[1])
    given = np.zeros((1, n)) if data.service_seconds is None else np.atleast_2d(data.service_seconds)
    service = np.zeros((len(given), len(visit)), np.int32)
    service[:, :n] = given
    near, close = _neighbourhoods(data, distance[0], duration[0], visit[:n], service[0, :n], level)
    starts = kind["start"][kind["start"] >= 0]
    remote = distance[0][starts[:, None], np.arange(n)].min(axis=0) if len(starts) else np.zeros(n)
    penalties = np.full(n, 1e9) if data.penalties is None else data.penalties
    prices = np.zeros((1, 1)) if data.prices is None else data.prices
    fixed = np.zeros(n, bool) if data.fixed_visits is None else data.fixed_visits
    memory = Memory()
    sizes = {
        "level": level, "visits": n, "rows": distance.shape[1], "slots": int(kind["last"].max(initial=0)),
        "kinds": len(kind), "dimensions": dimensions, "priced": data.prices is not None,
        "mixed": pickups.any() or data.pairs is not None,
        "near_size": near.shape[1], "close_size": close.shape[1], "paired": data.pairs is not None,
    }  # fmt: skip
    for name, size in sizes.items():
        memory.record[name] = size
    arrays = {
        "distance": distance, "distance_back": distance_back, "duration": duration, "duration_back": duration_back,
        "visit": visit, "service": service, "demands": demands, "pickups": pickups,
        "drops": drops, "mate": mate, "role": role, "kind": kind,
        "capacities": capacities, "prices": prices, "penalty": penalties, "remote": remote,
        "near": near, "close": close, "fixed": fixed, "word": seeded(seed),
    }  # fmt: skip
    for name, array in arrays.items():
        memory.hold(name, array)
    empty_plan(memory)
    return memory


def _loads(given: NDArray[Any], n: int, dimensions: int) -> NDArray[np.int32]:
    loads = np.zeros((n, dimensions), np.int32)
    loads[:, : given.shape[1]] = np.minimum(given, FAR)
    return loads


def _pairs(pairs: NDArray[Any] | None, n: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Each visit's mate and its role."""
    mate, role = np.full(n, -1, np.int32), np.full(n, LONE, np.int32)
    if pairs is not None and len(pairs):
        mate[pairs[:, 0]], mate[pairs[:, 1]] = pairs[:, 1], pairs[:, 0]
        role[pairs[:, 0]], role[pairs[:, 1]] = FIRST, SECOND
    return mate, role


def _both_ways(matrix: NDArray[Any], *, is_open: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """By [profile, from, to] and [profile, to, from]: one array where every way back is as long.

    With open routes a last row is nowhere: no way from or to it.
    """
    there = np.asarray(matrix if matrix.ndim == 3 else matrix[None])
    if is_open:
        there = np.pad(there, ((0, 0), (0, 1), (0, 1)))
    there = np.ascontiguousarray(there, dtype=np.int32)
    back = there.transpose(0, 2, 1)
    return there, there if np.array_equal(there, back) else np.ascontiguousarray(back)


NO_LIMIT: dict[str, float] = {
    "fixed_costs": 0, "costs_per_metre": 1, "costs_per_second": 0, "shift_starts": 0, "shift_ends": FAR,
    "max_durations": FAR, "max_distances": FAR, "max_stops": FAR, "regular_seconds": FAR,
    "overtime_costs_per_second": 0, "profiles": 0, "services": 0, "pickups_last": 0,
}  # fmt: skip
FIELDS = {
    "fixed_costs": "fixed", "costs_per_metre": "per_metre", "costs_per_second": "per_second",
    "shift_starts": "open", "shift_ends": "close", "max_durations": "max_duration", "max_distances": "max_distance",
    "max_stops": "max_stops", "regular_seconds": "regular", "overtime_costs_per_second": "overtime",
    "profiles": "profile", "services": "work", "pickups_last": "pickups_last",
}  # fmt: skip


def _kinds(given: VehicleKinds, n: int, dimensions: int) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """One record a kind. No kind has more vehicles than there are visits: more could not all be used."""
    counts = np.minimum(np.asarray(given.counts), n)
    kind = np.zeros(len(counts), KIND)
    kind["last"] = np.cumsum(counts)
    kind["first"] = kind["last"] - counts
    kind["start"], kind["end"] = given.start_rows, given.end_rows
    for name, field in FIELDS.items():
        values = getattr(given, name)
        if values is None:
            values = np.full(len(counts), NO_LIMIT[name])
        kind[field] = values if kind[field].dtype == np.float64 else np.minimum(values, FAR)
    return kind, _loads(np.asarray(given.capacities), len(counts), dimensions)


def _level(data: KernelData, kind: NDArray[Any]) -> int:
    """How much the search has to know: 0 loads, 1 also windows and shifts, 2 also durations, limits and overtime."""
    limited = (kind["max_duration"] < FAR) | (kind["max_distance"] < FAR)
    if limited.any() or kind["per_second"].any() or kind["overtime"].any():
        return 2
    timed = data.opens is not None or data.closes is not None or (kind["close"] < FAR).any()
    return int(timed)


def _visits(data: KernelData, kind: NDArray[Any], demands: NDArray[np.int32], *, rows: int) -> NDArray[Any]:
    """One record a node: the visits, then each vehicle's start and end."""
    n = data.visit_count
    counts = kind["last"] - kind["first"]
    visit = np.zeros(n + 2 * int(counts.sum()), VISIT)
    visit["row"][:n] = np.arange(n)
    visit["open"][:n] = 0 if data.opens is None else np.maximum(data.opens, 0)
    visit["close"][:n] = FAR if data.closes is None else np.minimum(data.closes, FAR)
    visit["demand"][:n] = demands[:, 0]
    for side, terminal in ((0, "start"), (1, "end")):
        visit["row"][n + side :: 2] = np.repeat(np.where(kind[terminal] < 0, rows - 1, kind[terminal]), counts)
        for field in ("open", "close"):
            visit[field][n + side :: 2] = np.repeat(kind[field], counts)
    return visit


def _neighbourhoods(
    data: KernelData,
    distance: NDArray[np.int32],
    duration: NDArray[np.int32],
    visit: NDArray[Any],
    service: NDArray[np.int32],
    level: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For ruin the nearest by distance, for recreate those that also lie near in time."""
    n = len(visit)
    by_distance = distance[:n, :n].astype(np.float64)
    by_distance = by_distance + by_distance.T
    np.fill_diagonal(by_distance, np.inf)
    near = nearest(by_distance, NEIGHBOURS_RUINED) if data.neighbours is None else _given(data.neighbours)
    if level == 0 or data.opens is None or data.closes is None:
        return near, np.ascontiguousarray(near[:, :PLACES_TRIED])
    reach = service[:, None] + duration[:n, :n].astype(np.float64)
    wait = np.maximum(visit["open"][None, :] - reach - visit["close"][:, None], 0)
    late = np.maximum(visit["open"][:, None] + reach - visit["close"][None, :], 0)
    one_way = distance[:n, :n] + WAITING_WEIGHT * np.minimum(wait, FAR) + late
    apart = np.minimum(one_way, one_way.T)
    np.fill_diagonal(apart, np.inf)
    return near, nearest(apart, PLACES_TRIED)


def _given(neighbours: NDArray[Any]) -> NDArray[np.int32]:
    return np.ascontiguousarray(neighbours[:, :NEIGHBOURS_RUINED], dtype=np.int32)


def nearest(apart: NDArray[np.float64], size: int) -> NDArray[np.int32]:
    """[n, size] the columns of each row's smallest values, smallest first."""
    size = min(size, apart.shape[1] - 1)
    if size <= 0:
        return np.zeros((len(apart), 0), np.int32)
    some = np.argpartition(apart, size - 1, axis=1)[:, :size]
    order = np.argsort(np.take_along_axis(apart, some, axis=1), axis=1, kind="stable")
    return np.ascontiguousarray(np.take_along_axis(some, order, axis=1), dtype=np.int32)
