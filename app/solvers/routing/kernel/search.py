"""Simulated annealing over ruin and recreate: the compiled loop, and the call that drives it in short turns."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.solvers.routing.kernel.chain import take_back
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.layout import KernelData
from app.solvers.routing.kernel.local_search import improve_locally
from app.solvers.routing.kernel.memory import SECOND, dice, long, nodes, routes, whole
from app.solvers.routing.kernel.preparation import prepare
from app.solvers.routing.kernel.recreate import order_pool, recreate
from app.solvers.routing.kernel.rolling import below, roll
from app.solvers.routing.kernel.ruin import ruin
from app.solvers.routing.kernel.starting import Plan, adopt, plan_of

# Where iterations are counted turns are all alike, so that the answer does not depend on how fast they are.
COUNTED_TURN = 100
FIRST_TURN, SHORTEST_TURN, LONGEST_TURN = 64, 16, 20_000
SMALLEST_GAIN = 1e-6
# How much dearer than acceptable a plan may be for local search to be tried on it, in temperatures and in mean legs.
PROMISING_TEMPERATURES, PROMISING_LEGS = 8.0, 2.0
# So many iterations in a row ruin near one another: what they read of the matrices stays in the processor's cache.
STAY = 500


@dataclass(frozen=True, kw_only=True)
class Improved:
    """The best plan found. `cost` is with the penalties of the absent; `iterations` is how many were done.

    `last`: the plan that the search ended with, which an annealing in several calls goes on from.
    """

    plan: Plan
    cost: float
    iterations: int
    last: Plan


def improve(
    data: KernelData,
    plan: Plan,
    *,
    seed: int,
    start_temperature: float,
    end_temperature: float,
    iterations: int | None = None,
    how_far: Callable[[], float] | None = None,
) -> Improved:
    """Improve a plan until the budget is spent; the answer is never dearer than the plan given.

    `iterations`: repeatable, the same seed and number give the same answer. `how_far`: the caller's measure of its
    budget, 0 to 1, asked every few hundredths of a second; 1 or more ends the search. With both, the first ends it.
    Temperatures are in the unit of cost and fall geometrically over the budget. Releases the interpreter's lock.
    """
    memory = prepare(data, seed=seed)
    adopt(memory, plan)
    limit, measure = iterations if iterations is not None else 1 << 62, how_far or _nothing_spent
    done, size, before = 0, FIRST_TURN if iterations is None else COUNTED_TURN, measure()
    fill(memory.record)
    ratio = end_temperature / start_temperature
    while done < limit and before < 1.0:
        by_count = iterations is not None
        share = done / limit if by_count else before
        step = 1.0 / limit if by_count else before / max(done, 1)
        size = min(size, limit - done)
        anneal(memory.record, size, start_temperature * ratio**share, ratio**step)
        done += size
        now = measure()
        if iterations is None:
            size = _next_turn(size, now - before)
        before = now
    best, cost = plan_of(memory), float(memory.record["best_cost"][0])
    keep_last(memory.record)
    return Improved(plan=best, cost=cost, iterations=done, last=plan_of(memory))


def _nothing_spent() -> float:
    return 0.0


def _next_turn(size: int, spent: float) -> int:
    """About a two-thousandth of the budget; twice the last turn where no budget of time is measured."""
    wanted = 2 * size if spent <= 0 else int(size * 0.0005 / spent)
    return max(SHORTEST_TURN, min(wanted, 2 * size, LONGEST_TURN))


@compiled
def fill(memory: Any) -> None:
    """Insert whoever is absent from the plan given, wherever there is room; then that plan is the best.

    Those with the fewest vehicles to choose from come first, else at random: afterwards these would be full of others.
    """
    m = memory[0]
    total = m.absent_size
    m.thorough = 1
    waiting = np.empty(total, np.int32)
    for j in range(total):
        waiting[j] = whole(m.absent)[j]
    for j in range(total):
        i = j + below(dice(m), total - j)
        waiting[i], waiting[j] = waiting[j], waiting[i]
    by_options = np.arange(total)
    if m.choosy:
        options = np.empty(total, np.int32)
        for j in range(total):
            options[j] = whole(m.options)[waiting[j]]
        by_options = np.argsort(options, kind="mergesort")
    for j in range(total):
        c = long(waiting[by_options[j]])
        m.tick += 1
        m.saved_nodes = 0
        m.saved_routes = 0
        if m.paired and whole(m.role)[c] == SECOND:
            continue
        whole(m.pool)[0] = c
        m.pool_size = 1
        recreate(m, math.inf)
    m.thorough = 0
    m.balance = imbalance(m)
    keep(m)


@compiled
def anneal(memory: Any, iterations: int, temperature: float, cooling: float) -> None:
    """Some iterations of ruin, recreate, local search of what is promising, and acceptance by the temperature."""
    m = memory[0]
    m.in_use = 0
    for r in range(m.slots):
        m.in_use += routes(m)[r].size > 0
    reach = PROMISING_LEGS * mean_leg(m)
    for _ in range(iterations):
        if m.stay == 0:
            m.focus = below(dice(m), m.visits)
            m.stay = STAY
        m.stay -= 1
        m.tick += 1
        m.saved_nodes = 0
        m.saved_routes = 0
        cost, balance = m.cost, m.balance
        limit = cost + balance - temperature * math.log(1.0 - roll(dice(m)))
        promising = limit + (max(PROMISING_TEMPERATURES * temperature, reach) if m.joins > 0 else 0.0)
        ruin(m)
        order_pool(m)
        recreate(m, promising)
        m.balance = imbalance(m)
        if m.joins > 0 and m.cost < promising:
            improve_locally(m)
        if m.cost + m.balance < limit:
            if m.cost + m.balance < m.best_cost - SMALLEST_GAIN:
                keep(m)
        else:
            m.balance = balance
            take_back(m, cost)
        temperature *= cooling


@compiled
def keep_last(memory: Any) -> None:
    """Remember the current plan in the best one's place."""
    keep(memory[0])


@compiled
def mean_leg(m: Any) -> float:
    """What a visit's leg costs by its metres, on average."""
    legs = 0.0
    for r in range(m.slots):
        legs += routes(m)[r].per_metre * routes(m)[r].distance
    return float(legs / max(m.visits - m.absent_size, 1))


@compiled
def imbalance(m: Any) -> Any:
    """The price of how far the routes' seconds are from their mean."""
    if not m.balanced:
        return 0.0
    used, seconds, apart = 0, 0, 0.0
    for r in range(m.slots):
        if routes(m)[r].size > 0:
            used += 1
            seconds += routes(m)[r].duration
    for r in range(m.slots):
        if routes(m)[r].size > 0:
            apart += abs(routes(m)[r].duration - seconds / used)
    return m.balance_price * apart


@compiled
def keep(m: Any) -> None:
    """Remember the current plan as the best."""
    n, node, best = m.visits, nodes(m), whole(m.best)
    m.best_cost = m.cost + m.balance
    for v in range(n):
        best[v] = node[v].next
    for v in range(n + 2 * m.slots, m.nodes):
        best[v - m.slots] = node[v].next
    for r in range(m.slots):
        best[n + r] = node[n + 2 * r].next
