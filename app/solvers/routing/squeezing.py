"""Fewer routes: part of a round a part is searched without some of its small routes, and the better answer stays.

Between a plan and one that needs a route less lie only dearer ones, more than an annealing climbs: where goods come in
clusters that fill a vehicle, it stays with a vehicle for each. A route that is gone, and may not come back for a while,
leaves it no choice (compare the fleet minimisation of SISR, Christiaens & Vanden Berghe, Transportation Science 54,
2020, section 5.4).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.solvers.routing.decomposition import Part, Whole
from app.solvers.routing.kernel import KernelData, Plan

# From and until which share of the rounds: before, plans change anyway; after, there is no time to make up for it.
FROM, UNTIL = 0.3, 0.85
# So many of the routes are to go at first; half as many after a round in which that was of no use, one at least.
FIRST_SHARE = 0.04
FEWEST_ROUTES = 4
# After so many rounds in vain only each third tries.
ENOUGH, RARELY = 2, 3
# The share of its time that a part is searched without them, and the share of the routes, the smallest, they are from.
TRIAL, SMALL = 0.33, 0.34


class Squeeze:
    """How many routes parts try to do without; learns from what became of it."""

    def __init__(self) -> None:
        self.share = FIRST_SHARE
        self.in_vain = 0

    def is_time(self, *, passed: float, number: int) -> bool:
        """Whether to try in this round, when that share of the rounds is over."""
        return FROM <= passed < UNTIL and (self.in_vain < ENOUGH or number % RARELY == 0)

    def fewer(self, whole: Whole, part: Part) -> int:
        """How many routes fewer to try; 0: none can go, somebody is left out already, or fleets are mixed."""
        routes, kinds = len(part.plan.kinds), whole.data.kinds
        is_short = len(part.plan.visits) < len(part.visits)
        if is_short or len(part.counts) != 1 or routes < FEWEST_ROUTES:
            return 0
        loads = np.asarray(whole.data.demands)[part.visits].sum(axis=0)
        fewest = int(np.ceil(loads / np.maximum(np.asarray(kinds.capacities)[0], 1)).max(initial=0))
        return max(0, min(max(1, round(self.share * routes)), routes - fewest))

    def learn(self, tried: Sequence[int], routes_fewer: Sequence[int]) -> None:
        """Hears for each part how many were to go, and how many went."""
        if not any(tried):
            return
        if any(gone >= wanted for wanted, gone in zip(tried, routes_fewer, strict=True) if wanted):
            self.in_vain = 0
        else:
            self.in_vain += 1
            self.share /= 2


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
    return replace(data, kinds=replace(data.kinds, counts=np.array([len(kept)]))), left
