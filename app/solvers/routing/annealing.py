"""Rounds of cutting a plan into parts, improving the parts side by side, and joining them, from hot to cold.

The temperature falls over the whole budget, not within a round, so a long budget cools slowly and a short one fast.
What a round hands on is what the kernel ends with; the best plan seen is kept apart.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from app.solvers.budget import Budget
from app.solvers.routing import squeezing
from app.solvers.routing.costing import plan_cost, plan_legs
from app.solvers.routing.decomposition import Part, Whole, cut, data_of, first_parts, join
from app.solvers.routing.kernel import Improved, KernelData, Plan, improve
from app.solvers.routing.points import legs
from app.solvers.routing.recombination import Pool
from app.solvers.routing.squeezing import Squeeze


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
EAGER_UNTIL = 0.6
RECOMBINED_AT = (0.8, 0.9, 1.0)
RECOMBINATION_SHARE = 0.03
MOST_RECOMBINATION_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best plan so far, its cost with the penalties of the absent, and the iterations that it took."""

    plan: Plan
    cost: float
    iterations: int


OnRound = Callable[[float, Found], None]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One part's share of a round: temperatures, and from where to where of the whole budget it may work.

    `fewer`: so many routes it tries to do without, for some of its time.
    """

    part: Part
    seed: int
    temperatures: tuple[float, float]
    span: tuple[float, float]
    iterations: int | None
    fewer: int = 0


def anneal(
    whole: Whole, plan: Plan, *, schedule: Schedule, budget: Budget, seed: int, on_round: OnRound, until: float = 1.0
) -> Found:
    """Improves the plan until so much of the budget is gone; an empty one is filled first."""
    stop = budget.stop
    dice = np.random.SeedSequence(seed)
    current, best, iterations = plan, None, 0
    pool_of_routes = Pool(whole) if schedule.recombines else None
    squeeze = Squeeze()
    recombined = {round(schedule.rounds * share) for share in RECOMBINED_AT}
    begun = min(budget.share(), 0.99 * until)
    borders = np.linspace(begun, until, schedule.rounds + 1)
    with ThreadPoolExecutor(stop.threads) as pool:
        for number, (begin, end) in enumerate(pairwise(borders.tolist())):
            if budget.share() >= until and best is not None:
                break
            turn = dice.spawn(1)[0]
            parts = _parts_of(whole, current, schedule, int(turn.generate_state(1)[0]))
            leg = mean_leg(whole, current) if len(current.kinds) else first_leg(whole)
            temperatures = _temperatures(schedule, leg, (begin / until, end / until))
            slices = _slices(whole, parts, turn, span=(begin, end), temperatures=temperatures, budget=budget)
            if stop.iterations is not None:
                slices = [_counted(one, whole, until * stop.iterations / schedule.rounds) for one in slices]
            if squeeze.is_time(passed=number / schedule.rounds, number=number):
                slices = [replace(one, fewer=squeeze.fewer(whole, one.part)) for one in slices]
            eagerness = schedule.eagerness ** max(0.0, 1.0 - number / schedule.rounds / EAGER_UNTIL)
            improved = _side_by_side(pool, _eager(whole, eagerness), slices, budget)
            squeeze.learn([one.fewer for one in slices], [_gone(*each) for each in zip(slices, improved, strict=True)])
            iterations += sum(one.iterations for one in improved)
            plan = join(parts, [one.plan for one in improved])
            cost = sum(one.cost for one in improved) if eagerness == 1.0 else plan_cost(whole, plan)
            found = Found(plan=plan, cost=cost, iterations=iterations)
            current = join(parts, [one.last for one in improved])
            best = found if best is None or found.cost < best.cost else best
            if pool_of_routes is not None and end > POOLED_FROM:
                pool_of_routes.add(found.plan)
                pool_of_routes.add(current)
            if pool_of_routes is not None and number + 1 in recombined:
                best = recombine(pool_of_routes, best, budget)
                current = best.plan
            on_round(until * (number + 1) / schedule.rounds, best)
    if best is None:
        raise AssertionError("A schedule has at least one round.")
    return Found(plan=best.plan, cost=best.cost, iterations=iterations)


def _eager(whole: Whole, eagerness: float) -> Whole:
    """The whole with leaving out so many times as dear."""
    if eagerness == 1.0 or whole.data.penalties is None:
        return whole
    return replace(whole, data=replace(whole.data, penalties=np.asarray(whole.data.penalties) * eagerness))


def recombine(pool: Pool, best: Found, budget: Budget) -> Found:
    """The best of all pooled routes, where that is better than the best plan."""
    limit = budget.stop.seconds or budget.stop.processor_seconds or MOST_RECOMBINATION_SECONDS / RECOMBINATION_SHARE
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


def _counted(slice: Slice, whole: Whole, iterations: float) -> Slice:
    """With its share, by visits, of a round's iterations."""
    return replace(slice, iterations=max(1, round(iterations * len(slice.part.visits) / whole.data.visit_count)))


def _side_by_side(pool: ThreadPoolExecutor, whole: Whole, slices: Sequence[Slice], budget: Budget) -> list[Improved]:
    """In the order of the slices; those that may start first are begun first."""
    waiting = sorted(range(len(slices)), key=lambda at: slices[at].span[0])
    running = {at: pool.submit(_work, whole, slices[at], budget) for at in waiting}
    return [running[at].result() for at in range(len(slices))]


def _gone(slice: Slice, improved: Improved) -> int:
    return len(slice.part.plan.kinds) - len(improved.plan.kinds)


def _work(whole: Whole, slice: Slice, budget: Budget) -> Improved:
    """One part. What was late to begin has the rest of its span, which may be nothing: then it is left as it is."""
    data, plan = data_of(whole, slice.part), slice.part.plan
    begin, end = max(slice.span[0], budget.share()), slice.span[1]
    if not slice.fewer:
        return _searched(data, plan, slice, budget, span=(begin, end), share=1.0)
    border = end - squeezing.TRIAL * max(0.0, end - begin)
    as_it_is = _searched(data, plan, slice, budget, span=(begin, border), share=1.0 - squeezing.TRIAL)
    data, plan = squeezing.without(data, plan, slice.fewer, seed=slice.seed)
    squeezed = _searched(data, plan, slice, budget, span=(border, end), share=squeezing.TRIAL)
    is_whole = len(squeezed.plan.visits) == len(slice.part.visits)
    better = squeezed if is_whole and squeezed.cost < as_it_is.cost else as_it_is
    return replace(better, iterations=as_it_is.iterations + squeezed.iterations)


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
