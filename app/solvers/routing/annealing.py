"""Rounds of cutting a plan into parts, improving the parts side by side, and joining them, from hot to cold.

The temperature falls over the whole budget, not within a round, so a long budget cools slowly and a short one fast.
What a round hands on is what the kernel ends with; the best plan seen is kept apart.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.solvers.budget import Budget
from app.solvers.routing import trials
from app.solvers.routing.costing import plan_cost, plan_legs
from app.solvers.routing.decomposition import Part, Whole, cut, data_of, first_parts, join
from app.solvers.routing.kernel import Improved, KernelData, Plan, improve
from app.solvers.routing.points import legs
from app.solvers.routing.recombination import Pool
from app.solvers.routing.relief import relieve
from app.solvers.routing.trials import Trial, Trials, insisting


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """`heat`: the first temperature in mean legs of the plan; `cooling`: the last one as a share of the first.

    `eagerness`: how much dearer leaving a visit out is at first. One visit alone is seldom worth a vehicle of its own,
    though ten are: so all are served at first, and go as far as they are not worth it.
    """

    rounds: int
    part_size: int
    heat: float
    cooling: float
    recombines: bool = True
    eagerness: float = 1.0


# Routes of hot rounds are no good; those of cold ones are put together anew at these shares of the rounds.
POOLED_FROM = 0.6
# From this share of the rounds on leaving out costs what it costs.
EAGER_UNTIL = 0.3
# Where there is one part only, as many searches of it as this, whatever the threads; the best goes on.
COPIES = 2
# How much dearer it is, after each round more, to leave out who was left out in vain.
INSISTENCE, MOST_INSISTENCE = 2.0, 64.0
RECOMBINED_AT = (0.8, 0.9, 1.0)
RECOMBINATION_SHARE = 0.03
MOST_RECOMBINATION_SECONDS = 20.0
# With more visits no better plan is found in that time.
MOST_RECOMBINED = 3_000


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best plan so far, its cost with the penalties of the absent, and the iterations so far."""

    plan: Plan
    cost: float
    iterations: int = 0


OnRound = Callable[[float, Found], None]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One part's share of a round: temperatures, and from where to where of the whole budget it may work.

    `trial`: what it tries for some of its time.
    """

    part: Part
    seed: int
    temperatures: tuple[float, float]
    span: tuple[float, float]
    iterations: int | None
    trial: Trial | None = None


def anneal(
    whole: Whole,
    plan: Plan,
    *,
    schedule: Schedule,
    budget: Budget,
    seed: int,
    on_round: OnRound,
    since: float = 0.0,
    until: float = 1.0,
) -> Found:
    """Improves the plan until so much of the budget is gone; an empty one is filled first.

    `since`: how much was to be gone before, which is what counts where iterations are counted.
    """
    borders = np.linspace(min(budget.share(), 0.99 * until), until, schedule.rounds + 1).tolist()
    rounds = _Rounds(whole, plan, schedule=schedule, budget=budget, seed=seed, share=until - since)
    found: Found | None = None
    with ThreadPoolExecutor(budget.stop.threads) as pool:
        for number, span in enumerate(pairwise(borders)):
            if found is not None and budget.share() >= until:
                break
            found = rounds.next(number, span, pool)
            on_round(until * (number + 1) / schedule.rounds, found)
    if found is None:
        raise AssertionError("A schedule has at least one round.")
    return found


class _Rounds:
    """What one round leaves for the next: the plan to go on from, the best plan, good routes, and what was in vain."""

    def __init__(
        self, whole: Whole, plan: Plan, *, schedule: Schedule, budget: Budget, seed: int, share: float
    ) -> None:
        self._whole, self._schedule, self._budget = whole, schedule, budget
        self._share = share
        self._plan = plan
        self._best: Found | None = None
        self._iterations = 0
        self._dice = np.random.SeedSequence(seed)
        self._routes = Pool(whole) if schedule.recombines and whole.data.visit_count <= MOST_RECOMBINED else None
        self._recombined_after = {round(schedule.rounds * share) for share in RECOMBINED_AT}
        self._trials = Trials()
        self._insistence = np.ones(whole.data.visit_count)

    def next(self, number: int, span: tuple[float, float], pool: ThreadPoolExecutor) -> Found:
        """Searches all parts of the plan within this span of the budget, and answers the best plan so far."""
        turn = self._dice.spawn(1)[0]
        self._plan = relieve(self._whole, self._plan)
        parts = _parts_of(self._whole, self._plan, self._schedule, int(turn.generate_state(1)[0]))
        slices = self._slices(parts if len(parts) > 1 else parts * COPIES, turn, number, span)
        eagerness = self._schedule.eagerness ** max(0.0, 1.0 - number / self._schedule.rounds / EAGER_UNTIL)
        weights = eagerness * self._insistence
        improved = _side_by_side(pool, self._whole, weights, slices, self._budget)
        self._trials.learn([one.trial for one in slices], [_gone(*each) for each in zip(slices, improved, strict=True)])
        self._iterations += sum(one.iterations for one in improved)
        if len(parts) == 1:
            improved = [min(improved, key=lambda one: one.cost)]
        plan = join(parts, [one.plan for one in improved])
        cost = plan_cost(self._whole, plan) if (weights != 1.0).any() else sum(one.cost for one in improved)
        self._plan = join(parts, [one.last for one in improved])
        self._insist()
        best = self._best if self._best is not None and self._best.cost <= cost else Found(plan=plan, cost=cost)
        if self._routes is not None and span[1] > POOLED_FROM:
            self._routes.add(plan)
            self._routes.add(self._plan)
        if self._routes is not None and number + 1 in self._recombined_after:
            best = recombine(self._routes, best, self._budget)
            self._plan = best.plan
        self._best = replace(best, iterations=self._iterations)
        return self._best

    def _insist(self) -> None:
        """Who is left out although nobody should be is dearer to leave out from then on.

        So those that fit nowhere else push out those that do (the absences of SISR, section 5.4).
        """
        if not trials.is_choice(self._whole, self._plan):
            absent = np.ones(self._whole.data.visit_count, bool)
            absent[self._plan.visits] = False
            self._insistence[absent] = np.minimum(INSISTENCE * self._insistence[absent], MOST_INSISTENCE)

    def _slices(
        self, parts: Sequence[Part], turn: np.random.SeedSequence, number: int, span: tuple[float, float]
    ) -> list[Slice]:
        passed = number / self._schedule.rounds
        leg = mean_leg(self._whole, self._plan) if len(self._plan.kinds) else first_leg(self._whole)
        temperatures = _temperatures(self._schedule, leg, (passed, (number + 1) / self._schedule.rounds))
        slices = _slices(self._whole, parts, turn, span=span, temperatures=temperatures, budget=self._budget)
        if self._budget.stop.iterations is not None:
            counted = self._share * self._budget.stop.iterations / self._schedule.rounds
            slices = [_counted(one, slices, counted) for one in slices]
        is_choice = trials.is_choice(self._whole, self._plan)
        if self._trials.is_time(passed=passed, number=number, is_choice=is_choice):
            slices = [
                replace(one, trial=self._trials.of(self._whole, one.part, is_choice=is_choice, seed=one.seed))
                for one in slices
            ]
        return slices


def recombine(pool: Pool, best: Found, budget: Budget) -> Found:
    """The best of all pooled routes, where that is better than the best plan."""
    limit = budget.seconds_allowed() or MOST_RECOMBINATION_SECONDS / RECOMBINATION_SHARE
    pool.add(best.plan)
    plan = pool.best(best.plan, seconds=min(RECOMBINATION_SHARE * limit, MOST_RECOMBINATION_SECONDS))
    if plan is None or not len(plan.kinds):
        return best
    cost = pool.add(plan)
    return Found(plan=plan, cost=cost, iterations=best.iterations) if cost < best.cost - SMALLEST_GAIN else best


SMALLEST_GAIN = 1e-6


def _parts_of(whole: Whole, plan: Plan, schedule: Schedule, seed: int) -> list[Part]:
    if not len(plan.kinds):
        return first_parts(whole, size=schedule.part_size, seed=seed)
    return cut(whole, plan, size=schedule.part_size, seed=seed)


def _slices(
    whole: Whole,
    parts: Sequence[Part],
    turn: np.random.SeedSequence,
    *,
    span: tuple[float, float],
    temperatures: tuple[float, float],
    budget: Budget,
) -> list[Slice]:
    """Each lane's parts share its time by visits; which lane a part is on changes only when it works."""
    lanes: list[list[int]] = [[] for _ in range(min(budget.stop.threads, len(parts)))]
    for at in sorted(range(len(parts)), key=lambda at: -len(parts[at].visits)):
        min(lanes, key=lambda lane: sum(len(parts[i].visits) for i in lane)).append(at)
    begin, end = span
    slices: dict[int, Slice] = {}
    for lane in lanes:
        total = sum(len(parts[at].visits) for at in lane)
        passed = 0
        for at in lane:
            size = len(parts[at].visits)
            slices[at] = Slice(
                part=parts[at],
                seed=int(turn.generate_state(at + 2)[-1]),
                temperatures=temperatures,
                span=(begin + (end - begin) * passed / total, begin + (end - begin) * (passed + size) / total),
                iterations=None,
            )
            passed += size
    return [slices[at] for at in range(len(parts))]


def _temperatures(schedule: Schedule, leg: float, span: tuple[float, float]) -> tuple[float, float]:
    """At the beginning and the end of a round."""
    first, last = (schedule.heat * leg * schedule.cooling**share for share in span)
    return first, last


def _counted(slice: Slice, slices: Sequence[Slice], iterations: float) -> Slice:
    """With its share, by visits, of a round's iterations."""
    share = len(slice.part.visits) / sum(len(one.part.visits) for one in slices)
    return replace(slice, iterations=max(1, round(iterations * share)))


def _side_by_side(
    pool: ThreadPoolExecutor, whole: Whole, weights: NDArray[np.float64], slices: Sequence[Slice], budget: Budget
) -> list[Improved]:
    """In the order of the slices; those that may start first are begun first. `weights` as `insisting` has them."""
    waiting = sorted(range(len(slices)), key=lambda at: slices[at].span[0])
    running = {at: pool.submit(_work, whole, weights, slices[at], budget) for at in waiting}
    return [running[at].result() for at in range(len(slices))]


def _gone(slice: Slice, improved: Improved) -> int:
    return len(slice.part.plan.kinds) - len(improved.plan.kinds)


def _work(whole: Whole, weights: NDArray[np.float64], slice: Slice, budget: Budget) -> Improved:
    """One part. What was late to begin has the rest of its span, which may be nothing: then it is left as it is."""
    data, plan = insisting(data_of(whole, slice.part), weights[slice.part.visits]), slice.part.plan
    begin, end = max(slice.span[0], budget.share()), slice.span[1]
    if slice.trial is None:
        return _searched(data, plan, slice, budget, span=(begin, end), share=1.0)
    border = end - trials.TRIAL * max(0.0, end - begin)
    as_it_is = _searched(data, plan, slice, budget, span=(begin, border), share=1.0 - trials.TRIAL)
    if slice.trial.fewer:
        fewer, plan = trials.without(data, plan, slice.trial.fewer, seed=slice.seed)
        tried = _searched(fewer, plan, slice, budget, span=(border, end), share=trials.TRIAL)
    else:
        tried = _with_more(data, as_it_is.last, slice, budget, span=(border, end))
    better = tried if tried.cost < as_it_is.cost else as_it_is
    return replace(better, iterations=as_it_is.iterations + tried.iterations)


def _with_more(data: KernelData, plan: Plan, slice: Slice, budget: Budget, *, span: tuple[float, float]) -> Improved:
    """A trial with more routes: first leaving out is dear, then it costs what it costs."""
    begin, end = span
    middle, share = (begin + end) / 2, trials.TRIAL / 2
    grown = _searched(insisting(data, trials.EAGERNESS), plan, slice, budget, span=(begin, middle), share=share)
    calm = _searched(data, grown.plan, slice, budget, span=(middle, end), share=share)
    return replace(calm, iterations=grown.iterations + calm.iterations)


def _searched(
    data: KernelData, plan: Plan, slice: Slice, budget: Budget, *, span: tuple[float, float], share: float
) -> Improved:
    """A search in this span of the budget, or with this share of the slice's iterations."""
    begin, end = span
    start_temperature, end_temperature = slice.temperatures

    def how_far() -> float:
        passed = budget.share()
        return 1.0 if passed >= end else max(0.0, (passed - begin) / (end - begin))

    return improve(
        data,
        plan,
        seed=slice.seed,
        start_temperature=start_temperature,
        end_temperature=end_temperature,
        iterations=None if slice.iterations is None else max(1, round(share * slice.iterations)),
        how_far=how_far,
    )


def mean_leg(whole: Whole, plan: Plan) -> float:
    """What a leg of the plan costs on average, in metres and seconds driven."""
    metres, seconds = plan_legs(whole, plan)
    kinds = whole.data.kinds
    leg_kinds = np.repeat(plan.kinds, np.diff(plan.starts) + 1)
    per_metre, per_second = (np.asarray(rate)[leg_kinds] for rate in (kinds.costs_per_metre, kinds.costs_per_second))
    return max(float((per_metre * metres + per_second * seconds).sum()) / max(len(plan.visits), 1), 1e-6)


def first_leg(whole: Whole) -> float:
    """A guess at a leg before there is a plan: between visits next to each other in a walk through the points."""
    count = min(whole.data.visit_count, 1_000)
    if count < 2:
        return 1.0
    places = whole.places[np.lexsort(np.round(whole.points, -1).T)][:count]
    metres, seconds = legs(whole.travel[0], places[:-1], places[1:])
    kinds = whole.data.kinds
    per_metre, per_second = np.mean(np.asarray(kinds.costs_per_metre)), np.mean(np.asarray(kinds.costs_per_second))
    return max(float(np.mean(per_metre * metres + per_second * seconds)), 1e-6)
