"""From the caller's arrays to the world the compiled code reads: types, defaults, limits, neighbours."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.kernel.layout import FAR, KIND, VISIT, KernelData, VehicleKinds
from app.solvers.routing.kernel.matrices import ways_back
from app.solvers.routing.kernel.memory import FIRST, LONE, SECOND, Memory
from app.solvers.routing.kernel.neighbours import near_in_distance, near_in_time
from app.solvers.routing.kernel.rolling import seeded
from app.solvers.routing.kernel.starting import empty_plan
from app.solvers.routing.kernel.whole_routes import ReloadNodes, fastest, hold_rules, lenient, reload_nodes

PLACES_TRIED, NEIGHBOURS_RUINED, JOINS_TRIED = 40, 100, 10
UNSERVED = 1e9  # where no penalty is given


def prepare(data: KernelData, *, seed: int) -> Memory:
    """The memory of a search for a problem, every vehicle empty and every visit absent."""
    n, dimensions = data.demands.shape
    dimensions = max(dimensions, 1)
    data = lenient(data)
    loads = _loads(data.demands, n, dimensions)
    pickups = _loads(data.pickups if data.pickups is not None else np.zeros((n, 0)), n, dimensions)
    mate, role = _pairs(data.pairs, n)
    drops = np.where(role[:, None] == SECOND, loads, 0)
    kind, capacities = _kinds(data.kinds, n, dimensions)
    slots, kind_of = int(kind["last"].max(initial=0)), np.repeat(np.arange(len(kind)), kind["last"] - kind["first"])
    reloads = reload_nodes(data.rules, kind_of, n + 2 * slots)
    visit = _visits(data, kind, loads - drops, rows=data.distances.shape[-1], reloads=reloads)
    memory = Memory()
    level = _level(data, kind)
    sizes = {
        "level": level, "visits": n, "slots": slots, "nodes": len(visit), "kinds": len(kind), "dimensions": dimensions,
        "priced": data.prices is not None, "paired": data.pairs is not None,
        "mixed": pickups.any() or data.pairs is not None or len(reloads.rows) > 0,
    }  # fmt: skip
    for name, size in sizes.items():
        memory.record[name] = size
    _hold_travel(memory, data, kind)
    service = _services(data, visit, reloads)
    near, soon = _neighbourhoods(data, memory, visit[:n], service[0, :n], level)
    close = np.ascontiguousarray(soon[:, :PLACES_TRIED])
    penalties = np.full(n, UNSERVED) if data.penalties is None else data.penalties
    prices = np.zeros((n, 1)) if data.prices is None else data.prices
    options = np.isfinite(np.broadcast_to(prices, (n, len(kind)))) @ np.asarray(data.kinds.counts, np.int64)
    memory.record["choosy"] = len(np.unique(options)) > 1
    memory.record["adding"] = data.pairs is None and data.rules is None and not (np.asarray(prices) < 0).any()
    arrays = {
        "visit": visit, "service": service, "demands": loads - drops, "pickups": pickups, "drops": drops, "mate": mate,
        "role": role, "kind": kind, "capacities": capacities, "penalty": penalties, "prices": prices,
        "options": options, "near": near, "soon": soon, "close": close, "roomy": np.zeros(close.shape[1] + 1),
        "fixed": np.zeros(n) if data.fixed_visits is None else data.fixed_visits, "word": seeded(seed),
    }  # fmt: skip
    for name, array in arrays.items():
        memory.hold(name, array)
    memory.record["near_size"], memory.record["close_size"] = near.shape[1], close.shape[1]
    if not (sizes["paired"] or sizes["mixed"] or data.rules is not None or data.fixed_visits is not None):
        memory.record["joins"] = min(JOINS_TRIED, close.shape[1])
    there_and_back = memory.arrays["distance"] is memory.arrays["distance_back"]
    memory.record["two_way"] = (
        level == 0 and dimensions == 1 and there_and_back and (kind["start"] == kind["end"]).all()
    )
    hold_rules(memory, data, reloads)
    empty_plan(memory)
    return memory


def _hold_travel(memory: Memory, data: KernelData, kind: NDArray[Any]) -> None:
    """Matrices both ways, and how far each visit is from the nearest start."""
    is_open = bool((kind["start"] < 0).any() or (kind["end"] < 0).any())
    distance, distance_back = _both_ways(data.distances, is_open=is_open)
    if data.durations is data.distances:
        duration, duration_back = distance, distance_back
    else:
        duration, duration_back = _both_ways(data.durations, is_open=is_open)
    road, rules = duration, data.rules
    if rules is not None and any(fastest(rules, profile) > 1.0 for profile in range(len(duration))):
        factors = np.array([fastest(rules, profile) for profile in range(len(duration))])
        duration, duration_back = _both_ways(np.floor(duration / factors[:, None, None]), is_open=False)
    starts = kind["start"][kind["start"] >= 0]
    remote = distance[0][starts[:, None], np.arange(data.visit_count)].min(axis=0, initial=FAR)
    memory.record["rows"] = distance.shape[1]
    for name, matrix in (
        ("distance", distance), ("distance_back", distance_back), ("duration", duration),
        ("duration_back", duration_back), ("road", road), ("remote", remote),
    ):  # fmt: skip
        memory.hold(name, matrix)


def _services(data: KernelData, visit: NDArray[Any], reloads: ReloadNodes) -> NDArray[np.int32]:
    """[class, node] seconds of service, and of reloading."""
    n = data.visit_count
    given = np.zeros((1, n)) if data.service_seconds is None else np.atleast_2d(data.service_seconds)
    service = np.zeros((len(given), len(visit)), np.int32)
    service[:, :n] = given
    service[:, len(visit) - len(reloads.rows) :] = reloads.seconds
    return service


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
    return there, ways_back(there)


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
    if data.rules is not None:
        return 1
    limited = (kind["max_duration"] < FAR) | (kind["max_distance"] < FAR)
    if limited.any() or kind["per_second"].any() or kind["overtime"].any():
        return 2
    timed = data.opens is not None or data.closes is not None or (kind["close"] < FAR).any()
    return int(timed)


def _visits(
    data: KernelData, kind: NDArray[Any], demands: NDArray[np.int32], *, rows: int, reloads: ReloadNodes
) -> NDArray[Any]:
    """One record a node: the visits, each vehicle's start and end, its reloads. Row `rows`: nowhere, of open routes."""
    n = data.visit_count
    counts = kind["last"] - kind["first"]
    ends = n + 2 * int(counts.sum())
    visit = np.zeros(ends + len(reloads.rows), VISIT)
    visit["row"][:n] = np.arange(n)
    visit["open"][:n] = 0 if data.opens is None else np.maximum(data.opens, 0)
    visit["close"][:n] = FAR if data.closes is None else np.minimum(data.closes, FAR)
    visit["demand"][:n] = demands[:, 0]
    for side, terminal in ((0, "start"), (1, "end")):
        visit["row"][n + side : ends : 2] = np.repeat(np.where(kind[terminal] < 0, rows, kind[terminal]), counts)
        for field in ("open", "close"):
            visit[field][n + side : ends : 2] = np.repeat(kind[field], counts)
    visit["row"][ends:], visit["close"][ends:] = reloads.rows, FAR
    return visit


def _neighbourhoods(
    data: KernelData, memory: Memory, visit: NDArray[Any], service: NDArray[np.int32], level: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The nearest by distance, and as many that also lie near in time."""
    there, back = memory.arrays["distance"][0], memory.arrays["distance_back"][0]
    given = np.zeros((len(visit), 0)) if data.candidates is None else data.candidates
    candidates: NDArray[np.int32] = np.ascontiguousarray(given, np.int32)
    near = near_in_distance(there, back, candidates, NEIGHBOURS_RUINED)
    if level == 0 or data.opens is None or data.closes is None:
        return near, near
    seconds = memory.arrays["duration"][0], memory.arrays["duration_back"][0]
    return near, near_in_time((there, back), seconds, visit, service, candidates, NEIGHBOURS_RUINED)
