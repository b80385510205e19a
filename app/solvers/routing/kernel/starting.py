"""Plans in and out of the search: flat routes become chains of nodes, and the best chain becomes flat routes again."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.kernel.chain import put_in, refresh, take_out
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.layout import FAR
from app.solvers.routing.kernel.memory import ARRAYS, SECOND, Memory, is_fixed, long, nodes, routes, whole
from app.solvers.routing.kernel.recreate import detour, extra, has_room
from app.solvers.routing.kernel.trips import drop_reloads, put_reload, spare_reload

Whole = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Routes one behind the other: route i drives `visits[starts[i]:starts[i + 1]]` with a vehicle of `kinds[i]`.

    A number below 0 is a reload, at matrix row -1 - number.
    """

    visits: Whole
    starts: Whole
    kinds: Whole

    @staticmethod
    def of(routes: list[list[int]], kinds: list[int] | None = None) -> "Plan":
        """From lists; without kinds all are of the first."""
        ends = np.cumsum([0, *(len(route) for route in routes)])
        flat = [visit for route in routes for visit in route]
        return Plan(
            visits=np.array(flat, dtype=np.int32),
            starts=ends.astype(np.int32),
            kinds=np.array([0] * len(routes) if kinds is None else kinds, dtype=np.int32),
        )

    def routes(self) -> list[list[int]]:
        """As lists."""
        return [self.visits[a:b].tolist() for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]


def empty_plan(memory: Memory) -> None:
    """Every vehicle empty, every visit absent."""
    n, slots, dimensions = memory.number("visits"), memory.number("slots"), memory.number("dimensions")
    nodes = memory.number("nodes")
    sizes = {
        "node": nodes, "route": slots, "loads": slots * dimensions,
        "peaks": 3 * nodes * dimensions if memory.number("mixed") else 0,
        "journal": nodes, "journal_nodes": nodes, "route_journal": slots, "journal_routes": slots,
        "journal_loads": slots * dimensions, "pool": n + 1, "keys": n + 1, "best": nodes - slots,
    }  # fmt: skip
    for name, size in sizes.items():
        memory.hold(name, np.zeros(size, ARRAYS[name]))
    memory.hold("absent", np.arange(n))
    memory.hold("place", np.arange(n))
    kind = memory.arrays["kind"]
    memory.hold("spare", np.where(kind["first"] < kind["last"], kind["first"], -1))
    memory.arrays["node"]["route"] = -1
    memory.record["absent_size"] = n
    memory.record["cost"] = float(memory.arrays["penalty"].sum() - memory.record["forgiven"][0])
    _furnish(memory)


def _furnish(memory: Memory) -> None:
    """The vehicles' own records: kind, room, shift."""
    n, arrays = memory.number("visits"), memory.arrays
    route, node, visit = arrays["route"], arrays["node"], arrays["visit"]
    slots = memory.number("slots")
    kind_of = np.repeat(np.arange(len(arrays["kind"])), arrays["kind"]["last"] - arrays["kind"]["first"])
    kind = arrays["kind"][kind_of]
    route["kind"][:slots] = kind_of
    for field, source in (("profile", "profile"), ("spots", "max_stops"), ("per_metre", "per_metre")):
        route[field][:slots] = kind[source]
    capacities = arrays["capacities"].reshape(-1, memory.number("dimensions"))[kind_of].copy()
    capacities[np.diff(arrays["reload_first"][: slots + 1]) > 0 if memory.number("reloading") else []] = FAR  # by trip
    route["room"][:slots] = capacities[:, 0]
    arrays["loads"][: capacities.size] = capacities.ravel()
    starts = n + 2 * np.arange(slots)
    node["next"][starts], node["prev"][starts + 1] = starts + 1, starts
    node["prev"][starts], node["next"][starts + 1] = -1, -1
    node["route"][starts] = node["route"][starts + 1] = np.arange(slots)
    node["depart"][starts], node["fl"][starts] = visit["open"][starts], visit["close"][starts]
    node["be"][starts + 1], node["late"][starts + 1] = visit["open"][starts + 1], visit["close"][starts + 1]


def adopt(memory: Memory, plan: Plan) -> None:
    """Give the routes of a plan to empty vehicles of their kinds. A visit that does not fit there stays absent."""
    kind = memory.arrays["kind"]
    used = [0] * len(kind)
    for i, k in enumerate(plan.kinds.tolist()):
        slot = int(kind[k]["first"]) + used[k]
        if slot >= int(kind[k]["last"]):
            raise ValueError(f"The plan uses more than the {used[k]} vehicles of kind {k} that there are.")
        used[k] += 1
        lay(memory.record, plan.visits[plan.starts[i] : plan.starts[i + 1]], slot)
        if memory.number("paired"):
            part_orphans(memory.record, slot)


@compiled
def lay(memory: Any, visits: Any, r: int) -> None:
    """Put visits on an empty vehicle in their order, leaving out whom its room, windows or limits refuse."""
    m = memory[0]
    node, n = nodes(m), m.visits
    p = n + 2 * r
    for j in range(visits.shape[0]):
        c, x = long(visits[j]), long(node[p].next)
        if c < 0:
            v = spare_reload(m, r, -1 - c) if m.reloading and routes(m)[r].size > 0 else -1
            if v >= 0:
                m.saved_nodes, m.saved_routes, m.tick = 0, 0, m.tick + 1
                put_reload(m, r, p, v)
                refresh(m, r)
                p = v
            continue
        m.tick += 1
        m.saved_nodes = 0
        m.saved_routes = 0
        if not has_room(m, c, r):
            continue
        metres = detour(m, long(routes(m)[r].profile), p, c, x)
        metres -= node[p].gap if routes(m)[r].size > 0 else 0
        if extra(m, c, r, p, x, metres, math.inf) < math.inf:
            put_in(m, c, p, r)
            if is_fixed(m, c) == 1:
                node[p].wall = 1
            p = c
    if m.reloading:
        m.saved_nodes, m.saved_routes, m.tick = 0, 0, m.tick + 1
        drop_reloads(m, r)
        refresh(m, r)


@compiled
def part_orphans(memory: Any, r: int) -> None:
    """Take out whoever is on a route without the other of its pair, or behind it."""
    m = memory[0]
    node, start = nodes(m), m.visits + 2 * r
    m.tick += 1
    m.saved_nodes = 0
    m.saved_routes = 0
    v = long(node[start].next)
    while v < m.visits:
        x, mate = long(node[v].next), long(whole(m.mate)[v])
        is_missing = mate >= 0 and node[mate].route != r
        if mate >= 0 and not is_missing and whole(m.role)[v] == SECOND:
            w = long(node[start].next)
            while w not in (v, mate):
                w = long(node[w].next)
            is_missing = w == v  # the delivery comes first: without it the pickup is an orphan too
            if is_missing:
                take_out(m, mate)
                x = long(node[v].next)
        if is_missing:
            take_out(m, v)
        v = x
    refresh(m, r)


def plan_of(memory: Memory) -> Plan:
    """The best plan the search remembers, its routes in the order of their vehicles."""
    n, slots, best = memory.number("visits"), memory.number("slots"), memory.arrays["best"].tolist()
    rows = memory.arrays["visit"]["row"].tolist()
    found, kinds = [], []
    for r, first in enumerate(best[n : n + slots]):
        route, v = [], first
        while v != n + 2 * r + 1:
            route.append(v if v < n else -1 - rows[v])
            v = best[v] if v < n else best[v - slots]
        if route:
            found.append(route)
            kinds.append(int(memory.arrays["route"]["kind"][r]))
    return Plan.of(found, kinds)
