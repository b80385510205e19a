"""Rounds for problems with rules that only a look at a whole route can judge; each part is a problem of its own.

As annealing.py, but cut at the level of the problem, since a part must keep its pairs, company, groups and frozen
beginnings. A part is some vehicles with what they serve; those that are on no vehicle come along with the nearest.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.solvers.budget import Budget
from app.solvers.routing.annealing import COPIES, Schedule
from app.solvers.routing.compiling import Compiled, compile_problem
from app.solvers.routing.decomposition import first_parts
from app.solvers.routing.flattening import flatten
from app.solvers.routing.kernel import Improved, Plan, improve
from app.solvers.routing.points import points_of
from app.solvers.routing.problem import Reload, RoutingProblem, Vehicle, Visit
from app.solvers.routing.rules import Item, visits_of
from app.solvers.routing.schedule import Terms

FEWEST_ROUTES = 6
# More visits are cut before there is a plan: their matrix would be too big.
MOST_AT_ONCE = 3_000

Orders = dict[str, list[Item]]


@dataclass(frozen=True, kw_only=True)
class Searched:
    """The best orders so far, their cost with the penalties of the absent as the kernel has it, and the iterations."""

    orders: Orders
    cost: float
    iterations: int


OnRound = Callable[[float, Searched], None]


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part compiled, its plan in its own numbers, and its share of a round."""

    compiled: Compiled
    plan: Plan
    seed: int
    leg: float
    span: tuple[float, float]
    iterations: int | None


def search(
    terms: Terms, *, schedule: Schedule, budget: Budget, seed: int, on_round: OnRound, until: float = 1.0
) -> Searched:
    """Until so much of the budget is gone. The first plan is empty but for frozen beginnings."""
    problem, stop = terms.problem, budget.stop
    points = _points(terms)
    dice = np.random.SeedSequence(seed)
    current: Orders = {}
    best: Searched | None = None
    iterations = 0
    borders = np.linspace(min(budget.share(), 0.99 * until), until, schedule.rounds + 1).tolist()
    with ThreadPoolExecutor(stop.threads) as pool:
        for begin, end in pairwise(borders):
            if best is not None and budget.share() >= until:
                break
            turn = dice.spawn(1)[0]
            parts = cut(terms, current, points, size=schedule.part_size, seed=int(turn.generate_state(1)[0]))
            copies = COPIES if len(parts) == 1 else 1
            shares = _shares(terms, parts * copies, current, turn, span=(begin, end), budget=budget)
            if stop.iterations is not None:
                each = until * stop.iterations / schedule.rounds / len(problem.visits) / copies
                shares = [replace(one, iterations=_count(each * len(one.compiled.visits))) for one in shares]
            improved = list(pool.map(lambda one: _work(one, schedule, budget), shares))
            iterations += sum(one.iterations for one in improved)
            chosen = _cheapest(shares, improved) if copies > 1 else list(zip(shares, improved, strict=True))
            current = _joined([one.compiled.orders(found.last) for one, found in chosen])
            cost = sum(found.cost for _, found in chosen)
            if best is None or cost < best.cost:
                orders = _joined([one.compiled.orders(found.plan) for one, found in chosen])
                best = Searched(orders=orders, cost=cost, iterations=iterations)
            on_round(end, best)
    if best is None:
        raise AssertionError("A schedule has at least one round.")
    return replace(best, iterations=iterations)


def _count(iterations: float) -> int:
    return max(1, round(iterations))


def _cheapest(shares: Sequence[Share], improved: Sequence[Improved]) -> list[tuple[Share, Improved]]:
    return [min(zip(shares, improved, strict=True), key=lambda pair: pair[1].cost)]


def _joined(parts: Sequence[Orders]) -> Orders:
    return {id: order for part in parts for id, order in part.items()}


def _points(terms: Terms) -> dict[str, NDArray[np.float64]]:
    visits = terms.problem.visits
    places = np.array([visit.location for visit in visits], dtype=np.intp)
    found = points_of(terms.problem, terms.travel(terms.problem.vehicles[0].profile), places)
    return {visit.id: point for visit, point in zip(visits, found, strict=True)}


def cut(
    terms: Terms, orders: Orders, points: dict[str, NDArray[np.float64]], *, size: int, seed: int
) -> list[RoutingProblem]:
    """The problem in parts of about `size` visits that share no vehicle; itself where there is too little to cut."""
    problem = terms.problem
    routes = {id: [visit.id for visit in visits_of(order)] for id, order in orders.items()}
    if not orders and len(problem.visits) > MOST_AT_ONCE:
        return first_cut(terms, size=size, seed=seed)
    count = max(1, min(max(round(len(problem.visits) / size), 2), len(routes) // FEWEST_ROUTES))
    if count == 1:
        return [problem]
    centres = {id: np.mean([points[visit] for visit in visits], axis=0) for id, visits in routes.items() if visits}
    owner = _owners(list(centres), centres, {id: len(routes[id]) for id in centres}, count, np.random.default_rng(seed))
    idle = [vehicle.id for vehicle in problem.vehicles if vehicle.id not in owner]
    owner |= {id: at % count for at, id in enumerate(idle)}
    part_of = {visit: owner[id] for id, visits in routes.items() for visit in visits}
    _place_absent(terms, part_of, points, centres, owner)
    return [_part(problem, owner, part_of, at) for at in range(count)]


def first_cut(terms: Terms, *, size: int, seed: int) -> list[RoutingProblem]:
    """Before there are routes: by the nearest start and by place, as decomposition.first_parts has it."""
    problem, flat = terms.problem, flatten(terms)
    owner: dict[str, int] = {}
    part_of: dict[str, int] = {}
    free = [list(vehicles) for vehicles in flat.vehicles]
    parts = first_parts(flat.whole, size=size, seed=seed)
    for at, part in enumerate(parts):
        part_of |= {flat.visits[visit].id: at for visit in part.visits.tolist()}
        for kind, count in enumerate(part.counts.tolist()):
            owner |= {vehicle.id: at for vehicle in free[kind][:count]}
            free[kind] = free[kind][count:]
    owner |= {vehicle.id: 0 for vehicles in free for vehicle in vehicles}
    _gather(terms, part_of, owner)
    return [_part(problem, owner, part_of, at) for at in range(len(parts))]


def _gather(terms: Terms, part_of: dict[str, int], owner: dict[str, int]) -> None:
    """Those who are tied to a vehicle or to each other go to one part: where the vehicle or the first of them is."""
    problem = terms.problem
    for visit in problem.visits:
        if visit.pinned_vehicle_id is not None:
            part_of[visit.id] = owner[visit.pinned_vehicle_id]
    for vehicle in problem.vehicles:
        part_of |= dict.fromkeys(vehicle.frozen_visit_ids, owner[vehicle.id])
    for pair in problem.pairs:
        part_of[pair.delivery_visit_id] = part_of[pair.pickup_visit_id]
    for company in problem.together:
        part_of |= dict.fromkeys(company, part_of[min(company)])
    groups: dict[str, int] = {}
    for visit in problem.visits:
        if visit.group is not None:
            part_of[visit.id] = groups.setdefault(visit.group, part_of[visit.id])


def _owners(
    ids: list[str],
    centres: dict[str, NDArray[np.float64]],
    sizes: dict[str, int],
    count: int,
    dice: np.random.Generator,
) -> dict[str, int]:
    """Bisected across random directions; each vehicle's part."""
    if count == 1:
        return dict.fromkeys(ids, 0)
    angle = dice.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    ordered = sorted(ids, key=lambda vehicle: float(centres[vehicle] @ along))
    passed = np.cumsum([sizes[id] for id in ordered])
    left = count // 2
    at = min(max(int(np.searchsorted(passed, passed[-1] * left / count)), 1), len(ordered) - 1)
    first = _owners(ordered[:at], centres, sizes, left, dice)
    second = _owners(ordered[at:], centres, sizes, count - left, dice)
    return first | {id: part + left for id, part in second.items()}


def _place_absent(
    terms: Terms,
    part_of: dict[str, int],
    points: dict[str, NDArray[np.float64]],
    centres: dict[str, NDArray[np.float64]],
    owner: dict[str, int],
) -> None:
    """Whoever is on no route goes where those it is tied to are, else to the nearest route's part."""
    ids, middles = list(centres), np.array(list(centres.values()))
    groups: dict[str, int] = {}
    for visit in terms.problem.visits:
        if visit.group is not None and visit.id in part_of:
            groups[visit.group] = part_of[visit.id]
    for visit in terms.problem.visits:
        if visit.id in part_of:
            continue
        pair = terms.ties.pairs.get(visit.id)
        company = set(terms.ties.together.get(visit.id, ()))
        company |= set() if pair is None else {pair.pickup_visit_id, pair.delivery_visit_id}
        known = [part_of[id] for id in company if id in part_of]
        if visit.group in groups:
            part_of[visit.id] = groups[visit.group]
        elif known:
            part_of[visit.id] = known[0]
        elif visit.pinned_vehicle_id is not None:
            part_of[visit.id] = owner[visit.pinned_vehicle_id]
        else:
            nearest = int(np.argmin(((middles - points[visit.id]) ** 2).sum(axis=1)))
            part_of[visit.id] = owner[ids[nearest]]
        if visit.group is not None:
            groups[visit.group] = part_of[visit.id]


def _part(problem: RoutingProblem, owner: dict[str, int], part_of: dict[str, int], at: int) -> RoutingProblem:
    visits = {id for id, part in part_of.items() if part == at}
    together, apart = (_within(given, visits) for given in (problem.together, problem.apart))
    return replace(
        problem,
        vehicles=tuple(vehicle for vehicle in problem.vehicles if owner[vehicle.id] == at),
        visits=tuple(visit for visit in problem.visits if visit.id in visits),
        pairs=tuple(pair for pair in problem.pairs if pair.pickup_visit_id in visits),
        together=together,
        apart=apart,
    )


def _within(sets: Sequence[frozenset[str]], visits: set[str]) -> tuple[frozenset[str], ...]:
    """What is left of each set, where that still says something."""
    return tuple(kept for one in sets if len(kept := one & visits) > 1)


def _shares(
    terms: Terms,
    parts: Sequence[RoutingProblem],
    orders: Orders,
    turn: np.random.SeedSequence,
    *,
    span: tuple[float, float],
    budget: Budget,
) -> list[Share]:
    """Compiled, with the plan so far; parts beyond the threads follow one another within the round."""
    lanes = -(-len(parts) // min(budget.stop.threads, len(parts)))
    step = (span[1] - span[0]) / lanes
    shares = []
    for at, part in enumerate(parts):
        compiled = compile_problem(Terms(part))
        begin = span[0] + step * (at // budget.stop.threads)
        shares.append(
            Share(
                compiled=compiled,
                plan=plan_of(compiled, orders),
                seed=int(turn.generate_state(at + 2)[-1]),
                leg=_mean_leg(terms, part, orders),
                span=(begin, begin + step),
                iterations=None,
            )
        )
    return shares


def plan_of(compiled: Compiled, orders: Orders) -> Plan:
    """The part's routes in its own numbers; the compiled plan to begin with where there are no orders yet."""
    if not orders:
        return compiled.start
    number = {visit.id: at for at, visit in enumerate(compiled.visits)}
    row = {place: at for at, place in compiled.reload_places.items()}
    routes, kinds = [], []
    for kind, vehicles in enumerate(compiled.vehicles):
        for vehicle in vehicles:
            if order := orders.get(vehicle.id):
                routes.append([-1 - row[one.location] if isinstance(one, Reload) else number[one.id] for one in order])
                kinds.append(kind)
    return Plan.of(routes, kinds)


def _mean_leg(terms: Terms, part: RoutingProblem, orders: Orders) -> float:
    """What a leg costs on average on the routes so far; before there are any, what a visit is away from its start."""
    total, count = 0.0, 0
    for vehicle in part.vehicles[: None if orders else 1]:
        places = _places(vehicle, orders.get(vehicle.id, []) if orders else list(part.visits[:200]))
        metres, seconds = terms.travel(vehicle.profile).legs(places[:-1], places[1:])
        total += vehicle.cost_per_metre * sum(metres) + vehicle.cost_per_second * sum(seconds)
        count += max(0, len(places) - 2)
    return max(total / max(count, 1) * (1.0 if orders else 0.5), 1e-3)


def _places(vehicle: Vehicle, order: Sequence[Item | Visit]) -> list[int]:
    if not order:
        return []
    ends = (vehicle.start_location, *(item.location for item in order), vehicle.end_location)
    return [place for place in ends if place is not None]


def _work(share: Share, schedule: Schedule, budget: Budget) -> Improved:
    begin, end = max(share.span[0], budget.share()), share.span[1]
    first, last = (schedule.heat * share.leg * schedule.cooling**at for at in share.span)

    def how_far() -> float:
        now = budget.share()
        return 1.0 if now >= end else max(0.0, (now - begin) / (end - begin))

    return improve(
        share.compiled.data,
        share.plan,
        seed=share.seed,
        start_temperature=first,
        end_temperature=last,
        iterations=share.iterations,
        how_far=how_far,
    )
