"""Another number of routes: for some of a round a part is searched with fewer, or with more; the better answer stays.

Between a plan and one with another number of routes lie only dearer ones, more than an annealing climbs. Where goods
come in clusters that fill a vehicle, it stays with a vehicle for each: a route that is gone, and may not come back for
a while, leaves it no choice (compare the fleet minimisation of SISR, Christiaens & Vanden Berghe, Transportation
Science 54, 2020, section 5.4). Where visits may be left out, one alone is seldom worth a route, ten are: for a while
leaving out costs more, then again what it costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.costing import penalties_of, route_costs
from app.solvers.routing.decomposition import Part, Whole
from app.solvers.routing.kernel import KernelData, Plan

# From and until which share of the rounds: before, plans change anyway; after, there is no time to make up for it.
FROM, UNTIL = 0.3, 0.9
# So many of the routes are to go at first; half as many after a round in which that was of no use, one at least.
FIRST_SHARE = 0.04
FEWEST_ROUTES = 4
# After so many rounds in vain only each third tries.
ENOUGH, RARELY = 2, 3
# The share of its time that a part is searched so, and the share of the routes, the smallest, from which some go.
TRIAL, SMALL = 0.33, 0.34
# Leaving out is a choice where it costs, on average, at most so many times what serving a visit does; with much less,
# few go at all.
CHOICE, FEW_GO = 10.0, 0.75
# How much dearer it is for a while, so that routes are worth beginning.
EAGERNESS = 5.0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """`fewer`: so many routes less; 0: as many more as dearer leaving out brings about."""

    fewer: int


class Trials:
    """What to try with which part; learns from what became of it."""

    def __init__(self) -> None:
        self.share = FIRST_SHARE
        self.in_vain = 0

    def is_time(self, *, passed: float, number: int, is_choice: bool = False) -> bool:
        """Whether to try in this round, when that share of the rounds is over."""
        return FROM <= passed < UNTIL and (is_choice or self.in_vain < ENOUGH or number % RARELY == 0)

    def of(self, whole: Whole, part: Part, *, is_choice: bool, seed: int) -> Trial | None:
        """What to try with a part; where leaving out is a choice, more routes as often as fewer."""
        fewer = self._fewer(whole, part, is_choice=is_choice)
        if is_choice and (seed % 2 or not fewer) and np.sum(part.counts) > len(part.plan.kinds):
            return Trial(fewer=0)
        return Trial(fewer=fewer) if fewer else None

    def _fewer(self, whole: Whole, part: Part, *, is_choice: bool) -> int:
        """0: no route can go, or somebody is left out who should not be."""
        routes = len(part.plan.kinds)
        is_short = len(part.plan.visits) < len(part.visits) and not is_choice
        if is_short or routes < FEWEST_ROUTES:
            return 0
        fewest = 1 if is_choice else _fewest(whole, part)
        return max(0, min(max(1, round(self.share * routes)), routes - fewest))

    def learn(self, tried: Sequence[Trial | None], routes_fewer: Sequence[int]) -> None:
        """Hears for each part what was tried, and how many routes went."""
        outcomes = [
            gone >= trial.fewer
            for trial, gone in zip(tried, routes_fewer, strict=True)
            if trial is not None and trial.fewer
        ]
        if any(outcomes):
            self.in_vain = 0
        elif outcomes:
            self.in_vain += 1
            self.share /= 2


def _fewest(whole: Whole, part: Part) -> int:
    """The vehicles that the loads need, were each as large as the largest."""
    loads = np.asarray(whole.data.demands)[part.visits].sum(axis=0)
    return int(np.ceil(loads / np.maximum(np.asarray(whole.data.kinds.capacities).max(axis=0), 1)).max(initial=0))


def is_choice(whole: Whole, plan: Plan) -> bool:
    """Whether leaving visits out is worth a thought, not a last resort."""
    return _absence_costs_at_most(CHOICE, whole, plan)


def few_go(whole: Whole, plan: Plan) -> bool:
    """Whether leaving out is so cheap that most will be: whom to serve is the question then."""
    return _absence_costs_at_most(FEW_GO, whole, plan)


def _absence_costs_at_most(times: float, whole: Whole, plan: Plan) -> bool:
    """On average, and against a visit on the plan's routes."""
    costs = route_costs(whole, plan).sum() if len(plan.visits) else 0.0
    return bool(penalties_of(whole).mean() * len(plan.visits) <= times * costs) and costs > 0


def insisting(data: KernelData, weights: float | NDArray[np.float64]) -> KernelData:
    """The same with leaving out so many times as dear: all visits, or each by its own."""
    if data.penalties is None or np.all(weights == 1.0):
        return data
    return replace(data, penalties=np.asarray(data.penalties) * weights)


def without(data: KernelData, plan: Plan, fewer: int, *, seed: int) -> tuple[KernelData, Plan]:
    """The part without some of its smaller routes, and without the vehicles to make up for them."""
    sizes = np.diff(plan.starts)
    small = np.argsort(sizes, kind="stable")[: max(fewer, round(SMALL * len(sizes)))]
    gone = np.random.default_rng(seed).choice(small, fewer, replace=False)
    kept = np.setdiff1d(np.arange(len(sizes)), gone)
    left = Plan(
        visits=np.concatenate([plan.visits[plan.starts[route] : plan.starts[route + 1]] for route in kept]),
        starts=np.concatenate([[0], np.cumsum(sizes[kept])]).astype(np.int32),
        kinds=plan.kinds[kept],
    )
    counts = np.bincount(left.kinds, minlength=len(data.kinds.counts))
    return replace(data, kinds=replace(data.kinds, counts=counts)), left
