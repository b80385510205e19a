"""A plan's routes in parts that are improved apart and joined again, with other cuts each time.

A part is whole routes that lie near each other, their vehicles, and a share of the idle ones; so parts share nothing,
can be improved at the same time anywhere, and joining them is concatenation. How a plan is cut depends on the plan and
the seed alone, never on how many threads or machines work on the parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.kernel.layout import KernelData, VehicleKinds
from app.solvers.routing.kernel.starting import Plan
from app.solvers.routing.neighbours import nearest_points
from app.solvers.routing.points import legs
from app.solvers.routing.travel import Travel, blocks

# With fewer routes in a part there is too little to exchange; only for the sake of a second part may they be fewer.
# With windows routes cross each other more, and more of them belong together, up to so many visits.
ENOUGH_ROUTES, ENOUGH_ROUTES_IN_TIME, FEWEST_ROUTES = 16, 40, 8
ENOUGH_VISITS = 2_000
# Of so many nearest of a visit, those in its part are considered as its neighbours there.
CANDIDATES = 600


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A problem too big for one matrix. `data` has empty matrices; its terminal rows count from 0 into `terminals`.

    `places` [n]: where each visit lies, as index into `travel` (one for each profile). `points` [n, 2]: the same as
    coordinates in which near is near.
    """

    data: KernelData
    travel: tuple[Travel, ...]
    places: NDArray[np.intp]
    terminals: NDArray[np.intp]
    points: NDArray[np.float64]

    @cached_property
    def ranks(self) -> NDArray[np.intp]:
        """[n] each visit's place on a curve through all points on which near is mostly near (Morton's).

        Visits are numbered along it within a part: what an iteration reads of the matrices then lies close together.
        """
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        cells = ((self.points - low) / np.maximum(high - low, 1e-9).max() * (2**16 - 1)).astype(np.uint64)
        keys = np.zeros(len(cells), np.uint64)
        for bit in range(16):
            for axis in range(2):
                keys |= ((cells[:, axis] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(2 * bit + axis)
        ranks = np.empty(len(keys), np.intp)
        ranks[np.argsort(keys, kind="stable")] = np.arange(len(keys))
        return ranks

    @cached_property
    def nearest(self) -> NDArray[np.int32]:
        """[n, CANDIDATES] whom to consider as near to each visit."""
        return nearest_points(self.points, CANDIDATES)

    def leg_places(self, plan: Plan) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """From where to where each leg of the plan leads, route by route; -1 for an open start or end."""
        kinds, terminals = self.data.kinds, np.append(self.terminals, -1)
        ends_of = [terminals[np.asarray(rows)][plan.kinds] for rows in (kinds.start_rows, kinds.end_rows)]
        inner = self.places[plan.visits]
        firsts, lasts = plan.starts[:-1], plan.starts[1:]
        starts = np.insert(inner, firsts, ends_of[0])
        ends = np.insert(inner, lasts, ends_of[1])
        return starts, ends


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some visits of the whole, by their numbers there, with the routes they are on in their numbers here."""

    visits: NDArray[np.intp]
    counts: NDArray[np.intp]
    plan: Plan


def cut(whole: Whole, plan: Plan, *, size: int, seed: int) -> list[Part]:
    """Parts of about `size` visits, or more where routes are long; two at least where there are routes for two."""
    n = whole.data.visit_count
    dice = np.random.default_rng(seed)
    routes = len(plan.kinds)
    wanted = max(round(n / size), 2)
    count = max(1, min(wanted, max(routes // _enough_routes(whole, routes), min(2, routes // FEWEST_ROUTES))))
    centres = _centres(whole, plan)
    sizes = np.diff(plan.starts)
    groups = _bisect(np.arange(routes), centres, sizes, count, dice)
    return _parts(whole, plan, groups, centres)


def _enough_routes(whole: Whole, routes: int) -> int:
    if whole.data.opens is None or not routes:
        return ENOUGH_ROUTES
    within = round(ENOUGH_VISITS * routes / whole.data.visit_count)
    return min(max(within, ENOUGH_ROUTES), ENOUGH_ROUTES_IN_TIME)


def first_parts(whole: Whole, *, size: int, seed: int) -> list[Part]:
    """Parts of visits that are on no route yet: by the nearest start, then by place, with a share of its vehicles."""
    dice = np.random.default_rng(seed)
    kinds = whole.data.kinds
    counts, starts = np.asarray(kinds.counts, dtype=np.intp), np.asarray(kinds.start_rows)
    nearest = _with_mates(whole, _nearest_start(whole))
    parts = []
    for start in np.unique(nearest):
        visits = np.flatnonzero(nearest == start)
        wanted = max(1, round(len(visits) / size))
        groups = _bisect(visits, whole.points, np.ones(whole.data.visit_count), wanted, dice)
        group_of = np.full(whole.data.visit_count, -1, np.intp)
        for at, group in enumerate(groups):
            group_of[group] = at
        group_of = _with_mates(whole, group_of)
        fleet = np.where(starts == start, counts, 0)
        for at in range(wanted):
            group = visits[group_of[visits] == at]
            group = group[np.argsort(whole.ranks[group], kind="stable")]
            share = fleet // wanted + (at < fleet % wanted)
            parts.append(Part(visits=group, counts=share, plan=Plan.of([])))
    return parts


def _nearest_start(whole: Whole) -> NDArray[np.intp]:
    """[n] the terminal, of those where a vehicle starts that may do the visit, from which it is nearest."""
    kinds = whole.data.kinds
    starts = np.asarray(kinds.start_rows)
    n = whole.data.visit_count
    best, nearest = np.full(n, np.inf), np.full(n, starts[0] if len(starts) else -1, np.intp)
    for start in np.unique(starts):
        if start < 0:
            metres = np.zeros(n)
        else:
            metres, _ = legs(whole.travel[0], np.full(n, whole.terminals[start]), whole.places)
        if whole.data.prices is not None:
            metres[np.isinf(whole.data.prices[:, starts == start]).all(axis=1)] = np.inf
        nearest[metres < best] = start
        best = np.minimum(best, metres)
    return nearest


def _centres(whole: Whole, plan: Plan) -> NDArray[np.float64]:
    """Each route's middle. Routes are never empty."""
    sums = np.add.reduceat(whole.points[plan.visits], plan.starts[:-1], axis=0)
    return np.asarray(sums / np.diff(plan.starts)[:, None], dtype=np.float64)


def _bisect(
    routes: NDArray[np.intp], centres: NDArray[np.float64], sizes: NDArray[Any], count: int, dice: np.random.Generator
) -> list[NDArray[np.intp]]:
    """Cut across a random direction, again and again, each side with its share of visits."""
    if count == 1:
        return [routes]
    angle = dice.uniform(0, 2 * np.pi)
    along = centres[routes] @ np.array([np.cos(angle), np.sin(angle)])
    order = routes[np.argsort(along, kind="stable")]
    left = count // 2
    passed = np.cumsum(sizes[order])
    at = int(np.searchsorted(passed, passed[-1] * left / count))
    at = min(max(at, 1), len(order) - 1)
    return _bisect(order[:at], centres, sizes, left, dice) + _bisect(order[at:], centres, sizes, count - left, dice)


def _parts(whole: Whole, plan: Plan, groups: list[NDArray[np.intp]], centres: NDArray[np.float64]) -> list[Part]:
    absent = _absent(whole, plan, groups, centres)
    spare = _shares(whole, plan, absent)
    parts = []
    for at, group in enumerate(groups):
        group = np.sort(group)
        flat = [plan.visits[plan.starts[route] : plan.starts[route + 1]] for route in group]
        served = np.concatenate(flat) if flat else np.zeros(0, np.intp)
        used = np.bincount(plan.kinds[group], minlength=spare.shape[1])
        visits = np.concatenate([served, absent[at]]).astype(np.intp)
        near_first = np.argsort(whole.ranks[visits], kind="stable")
        numbers = np.empty(len(visits), np.int32)
        numbers[near_first] = np.arange(len(visits), dtype=np.int32)
        parts.append(
            Part(
                visits=visits[near_first],
                counts=used + spare[at],
                plan=Plan(
                    visits=numbers[: len(served)],
                    starts=np.concatenate([[0], np.cumsum([len(route) for route in flat])]).astype(np.int32),
                    kinds=plan.kinds[group],
                ),
            )
        )
    return parts


def _shares(whole: Whole, plan: Plan, absent: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    """[parts, kinds] of the idle vehicles for each part: what is odd goes where the most wait for such a vehicle."""
    parts, counts, prices = len(absent), np.asarray(whole.data.kinds.counts, dtype=np.intp), whole.data.prices
    idle = counts - np.bincount(plan.kinds, minlength=len(counts))
    shares = np.tile(idle // parts, (parts, 1))
    for kind, left in enumerate(idle % parts):
        waiting = [len(group) if prices is None else np.isfinite(prices[group, kind]).sum() for group in absent]
        turns = (np.arange(parts) - kind) % parts
        shares[np.lexsort((turns, -np.array(waiting)))[:left], kind] += 1
    return shares


def _absent(
    whole: Whole, plan: Plan, groups: list[NDArray[np.intp]], centres: NDArray[np.float64]
) -> list[NDArray[np.intp]]:
    """Who is on no route, by the part of the nearest route."""
    missing = np.ones(whole.data.visit_count, bool)
    missing[plan.visits] = False
    left = np.flatnonzero(missing)
    if not len(left) or not len(plan.kinds):
        return [left, *(np.zeros(0, np.intp) for _ in groups[1:])]
    group_of = np.zeros(len(plan.kinds), np.intp)
    for at, group in enumerate(groups):
        group_of[group] = at
    nearest = [int(np.argmin(((centres - point) ** 2).sum(axis=1))) for point in whole.points[left]]
    owners = np.full(whole.data.visit_count, -1, np.intp)
    owners[left] = group_of[nearest]
    owner = _with_mates(whole, owners)[left]
    return [left[owner == at] for at in range(len(groups))]


def _with_mates(whole: Whole, owners: NDArray[np.intp]) -> NDArray[np.intp]:
    """[n] the same with both of each pair where the first is."""
    if whole.data.pairs is not None:
        owners = owners.copy()
        owners[whole.data.pairs[:, 1]] = owners[whole.data.pairs[:, 0]]
    return owners


def join(parts: Sequence[Part], plans: Sequence[Plan]) -> Plan:
    """The whole's plan from the parts' plans."""
    visits = [part.visits[plan.visits] for part, plan in zip(parts, plans, strict=True)]
    lengths = [np.diff(plan.starts) for plan in plans]
    return Plan(
        visits=np.concatenate(visits).astype(np.int32),
        starts=np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int32),
        kinds=np.concatenate([plan.kinds for plan in plans]).astype(np.int32),
    )


PER_VISIT = ("demands", "pickups", "opens", "closes", "penalties", "prices", "fixed_visits")


def data_of(whole: Whole, part: Part) -> KernelData:
    """The part as a problem of its own, with matrices of its own places only."""
    visits, data = part.visits, whole.data
    rows = np.concatenate([whole.places[visits], whole.terminals])
    distances, durations = blocks(whole.travel, rows)
    chosen = {name: getattr(data, name)[visits] for name in PER_VISIT if getattr(data, name) is not None}
    here = np.full(data.visit_count, -1, np.int32)
    here[visits] = np.arange(len(visits))
    if len(visits) > CANDIDATES:
        chosen["candidates"] = here[whole.nearest[visits]]
    if data.pairs is not None:
        pairs = here[data.pairs]
        chosen["pairs"] = pairs[(pairs >= 0).all(axis=1)]
    if data.service_seconds is not None:
        chosen["service_seconds"] = np.atleast_2d(data.service_seconds)[:, visits]
    return replace(
        data, distances=distances, durations=durations, kinds=_fleet(data.kinds, part, len(visits)), **chosen
    )


def _fleet(kinds: VehicleKinds, part: Part, first_row: int) -> VehicleKinds:
    """The part's vehicles; terminal rows lie behind its visits."""
    starts, ends = np.asarray(kinds.start_rows), np.asarray(kinds.end_rows)
    rest = {field.name: getattr(kinds, field.name) for field in fields(kinds)}
    return VehicleKinds(
        **rest
        | {
            "counts": part.counts,
            "start_rows": np.where(starts < 0, -1, starts + first_row),
            "end_rows": np.where(ends < 0, -1, ends + first_row),
        }
    )
