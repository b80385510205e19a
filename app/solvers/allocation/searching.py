"""The search at any size: prices and their bound, a first allocation under them, and then better ones.

Every other batch of rounds over many orders goes in blocks, side by side on the cores that are given. Orders that share
their first limit are in one block, and each block has its share of what is free of all limits: no lock is needed, and
the same seed gives the same answer on any number of cores. The batches between move what blocks keep apart.

It ends when the stopping rule says so, at the gap that is asked for, or when a batch of rounds brings next to nothing.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from app.solvers.allocation.kernel import search as kernel
from app.solvers.allocation.kernel import shape
from app.solvers.allocation.narrowing import Users, possible, priced_costs, promising, users
from app.solvers.allocation.prices import Prices, find_prices
from app.solvers.allocation.table import LEFT_OUT, AllocationTable, Bytes, Floats, Ints, Longs
from app.solvers.budget import Budget
from app.solvers.progress import OnProgress, Progress, silent
from app.solvers.stopping import StoppingRule

# Beyond so many options in all, only the best of each order are searched.
MOST_OPTIONS, MOST_OPTIONS_AN_ORDER = 400_000, 30
# Rounds between two looks at the clock: so many for each order, within limits.
ROUNDS_AN_ORDER, LEAST_ROUNDS, MOST_ROUNDS = 2, 1_000, 100_000
# Orders taken out at once; the chance that an option is overlooked.
MOST_OUT, BLINK = 20, 0.05
# Over when so many batches together gain less than this share of the objective.
PATIENCE, LEAST_GAIN = 4, 1e-5
# An order is worth beginning with when it costs this share of an average order above its best at the prices.
HUNGRY_SHARE = 0.05
# So many blocks, from so many orders on; fewer orders are one.
BLOCKS, LEAST_ORDERS = 4, 5_000
# The share of progress that the prices are.
PRICED = 0.4


@dataclass(frozen=True, kw_only=True)
class TableAnswer:
    """`chosen` [orders]: option, LEFT_OUT for none; `objective` in minor units; `rounds` of ruin and recreate."""

    chosen: Longs
    objective: int
    prices: Prices
    rounds: int
    seconds: float
    processor_seconds: float

    @property
    def gap(self) -> float:
        """How far above the bound the objective is at most, as a share of the bound; infinite where that is nothing."""
        return gap(self.objective, self.prices.bound)


def gap(objective: int, bound: float) -> float:
    """The proved distance as a share of the bound."""
    if objective <= bound:
        return 0.0
    return (objective - bound) / bound if bound > 0 else float("inf")


def search(
    table: AllocationTable, *, stop: StoppingRule, seed: int = 0, on_progress: OnProgress = silent
) -> TableAnswer:
    """The cheapest allocation found within the rule; its `iterations` are batches of rounds.

    Prices and a first allocation come before any look at the rule: 240 passes over the options, that is about a
    second of a processor for each 700,000 of them.
    """
    budget = Budget(stop)
    useful = possible(table)
    on_progress(Progress(fraction=0.0, message=f"Pricing the limits that {table.orders} orders share."))

    def tell(share: float) -> None:
        on_progress(Progress(fraction=PRICED * share, message="Pricing the limits that the orders share."))

    prices = find_prices(useful.table, threads=stop.threads, on_share=tell)
    most = useful.table.options if useful.table.options <= MOST_OPTIONS else MOST_OPTIONS_AN_ORDER
    narrow = promising(useful.table, prices.by_resource, most=most)
    state = _State(narrow.table, prices)
    state.fill()
    rounds = 0
    with ThreadPoolExecutor(stop.threads) as pool:
        for rounds in _batches(state, budget, seed, pool):
            on_progress(_progress(state, budget, rounds))
    chosen = useful.original(narrow.original(state.chosen))
    return TableAnswer(
        chosen=chosen,
        objective=table.objective(chosen),
        prices=prices,
        rounds=rounds,
        seconds=budget.seconds(),
        processor_seconds=budget.processor_seconds(),
    )


def _batches(state: "_State", budget: Budget, seed: int, pool: Executor) -> Iterator[int]:
    """Improves batch by batch; yields the rounds so far after each."""
    rounds = min(MOST_ROUNDS, max(LEAST_ROUNDS, ROUNDS_AN_ORDER * state.table.orders))
    most = budget.stop.iterations
    objectives, number = [state.objective], 0
    while not budget.is_over() and (most is None or number < most) and state.gap > budget.stop.relative_gap:
        objectives.append(state.improve(rounds, seed=seed + number, in_blocks=number % 2 == 0, pool=pool))
        number += 1
        yield number * rounds
        long = PATIENCE * max(1, 2 * state.table.orders // rounds)
        if number >= long and objectives[-1 - long] - objectives[-1] <= LEAST_GAIN * objectives[-1]:
            return


def _progress(state: "_State", budget: Budget, rounds: int) -> Progress:
    share = f"{100 * state.gap:.2f}%" if state.gap < 1 else "an unknown share"
    message = f"{rounds} rounds: {state.unserved} orders without a place, at most {share} above the best possible."
    return Progress(fraction=PRICED + (0.95 - PRICED) * min(1.0, budget.share()), message=message)


class _State:
    """An allocation that keeps all limits, and what it leaves free."""

    def __init__(self, table: AllocationTable, prices: Prices) -> None:
        """`table`: options sorted by their priced cost."""
        self.table, self.prices = table, prices
        self.priced: Floats = priced_costs(table, prices.by_resource)
        self.worths: Floats = table.penalties.astype(np.float64)
        self.users: Users = users(table)
        self.firsts: Ints = np.empty(table.orders, dtype=np.int32)
        shape.first_limits(table.starts, table.use_starts, table.use_resources, self.firsts)
        self.chosen: Longs = np.full(table.orders, LEFT_OUT, dtype=np.int64)
        self.left: Longs = table.capacities.copy()
        self.objective = table.objective(self.chosen)

    @property
    def gap(self) -> float:
        """The proved distance, as a share of the bound."""
        return gap(self.objective, self.prices.bound)

    @property
    def unserved(self) -> int:
        """Orders without an option."""
        return int((self.chosen == LEFT_OUT).sum())

    def fill(self) -> None:
        """Each order in turn its first option that fits: first those that lose most by having to take their second."""
        table = self.table
        best, second = (self._ranked(place) for place in (0, 1))
        queue = np.argsort(best - second, kind="stable").astype(np.int32)
        kernel.fill(
            table.starts, table.costs, table.use_starts, table.use_resources, table.use_amounts, table.penalties,
            queue, self.chosen, self.left,
        )  # fmt: skip
        self.objective = table.objective(self.chosen)

    def _ranked(self, place: int) -> Floats:
        """The priced cost of each order's first or second option, or of leaving it out [orders]."""
        at = self.table.starts[:-1] + place
        has = at < self.table.starts[1:]
        found = self.worths.copy()
        found[has] = np.minimum(found[has], self.priced[at[has]])
        return found

    def _hungry(self) -> Ints:
        """Orders without an option, or with one far above their best at the prices."""
        now = np.where(self.chosen == LEFT_OUT, np.inf, 0.0)
        served = self.chosen != LEFT_OUT
        now[served] = self.priced[self.chosen[served]]
        above = HUNGRY_SHARE * self.objective / max(1, self.table.orders)
        return np.flatnonzero(now > self._ranked(0) + above).astype(np.int32)

    def improve(self, rounds: int, *, seed: int, in_blocks: bool, pool: Executor) -> int:
        """The objective after so many rounds, shared out among the blocks by their orders."""
        table, hungry, block_of = self.table, self._hungry(), self._blocks(seed, in_blocks=in_blocks)
        lefts = self._shared_out(block_of)

        def of_block(block: int) -> int:
            members = np.flatnonzero(block_of == block).astype(np.int32)
            if not len(members):
                return 0
            return kernel.improve(
                -(-rounds * len(members) // table.orders), seed * len(lefts) + block, MOST_OUT, BLINK, table.starts,
                table.costs, table.use_starts, table.use_resources, table.use_amounts, table.penalties, self.priced,
                self.worths, self.users.starts, self.users.orders, block_of, block, members,
                hungry[block_of[hungry] == block], self.chosen, lefts[block],
            )  # fmt: skip

        self.objective += sum(pool.map(of_block, range(len(lefts))))
        self.left = lefts.sum(axis=0)
        return self.objective

    def _blocks(self, seed: int, *, in_blocks: bool) -> Bytes:
        """A block for each order, the same for those that share their first limit; all in one where few are."""
        if not in_blocks or self.table.orders < LEAST_ORDERS:
            return np.zeros(self.table.orders, dtype=np.int8)
        drawn = np.random.default_rng(seed).integers(BLOCKS, size=self.table.resources + 1, dtype=np.int8)
        return np.asarray(drawn[self.firsts])

    def _shared_out(self, block_of: Bytes) -> Longs:
        """What is free of each limit, shared out to the blocks by how many of their orders may use it."""
        counts = np.zeros((int(block_of.max(initial=0)) + 1, self.table.resources), dtype=np.int64)
        shape.count_by_block(self.users.starts, self.users.orders, block_of, counts)
        lefts: Longs = self.left * counts // np.maximum(1, counts.sum(axis=0))
        lefts[counts.argmax(axis=0), np.arange(self.table.resources)] += self.left - lefts.sum(axis=0)
        return lefts
