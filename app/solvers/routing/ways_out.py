"""The cheapest single change that would serve a visit that is on no route: found by trying, not guessed.

Every leg where the screening leaves only what one waiver takes away is a chance, those of idle vehicles too. A chance
costs no less than its detour, and weighs no less than the rule has to give way there; the cheapest by that are tried
first, for real, until nothing left can be cheaper than what was found. So whatever is answered serves the visit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.insertion import Insertion, Plan
from app.solvers.routing.problem import Vehicle, Visit
from app.solvers.routing.rules import Ties
from app.solvers.routing.schedule import Terms
from app.solvers.routing.screening import Flags, Screen, Screened, Whole
from app.solvers.routing.solution import Constraint, Relaxation, RelaxedConstraint
from app.solvers.routing.waivers import WAIVERS, Stretch, Waiver, any_time
from app.solvers.routing.weights import Weight

# Of each waiver, so many of the most promising legs of routes are tried before the rest of any; and all idle vehicles
# of different kinds.
MOST_LEGS = 4
# As long as nothing was found, so many more are tried than were asked for.
PATIENCE = 100


class Chance(NamedTuple):
    """A leg with a waiver. `price`: it comes to no less. `cost`: nor does the route; `amount`: nor what gives way."""

    price: float
    serial: int
    waiver: Waiver
    leg: int
    cost: float
    amount: float


@dataclass(kw_only=True)
class _Case:
    """One visit, or pair, and what was found for it. `fits`: a place where no rule has to give way."""

    visit: Visit
    mate: Visit | None
    is_open: Flags
    best: Relaxation | None
    tries: int
    fits: Insertion | None = None


class WaysOut:
    """Tries changes for visits on no route of a plan that does not change meanwhile."""

    def __init__(self, plan: Plan, screen: Screen, weights: Mapping[RelaxedConstraint, Weight]) -> None:
        self.plan, self.screen, self.weights = plan, screen, weights
        self.fleet = screen.vehicles
        self.without_company = _without_company(plan)
        self.is_changed = {
            waiver.constraint: self._by_leg(waiver.vehicle(vehicle) != vehicle for vehicle in self.fleet)
            for waiver in WAIVERS
        }
        numbers: dict[Vehicle, int] = {}
        kinds = [numbers.setdefault(replace(vehicle, id=""), len(numbers)) for vehicle in self.fleet]
        self.kinds = np.array(kinds, dtype=np.int64)[screen.owners]
        self.is_idle = self._by_leg(vehicle.id not in plan.routes for vehicle in self.fleet)
        self.can_reload = self._by_leg(bool(vehicle.reload_locations) for vehicle in self.fleet)
        self.rates = np.array([vehicle.cost_per_second for vehicle in self.fleet])[screen.owners]

    def _by_leg(self, by_vehicle: Iterable[bool]) -> Flags:
        legs: Flags = np.array([*by_vehicle], dtype=bool)[self.screen.owners]
        return legs

    def cheapest(
        self, screened: Screened, visit: Visit, mate: Visit | None, *, one_more: Relaxation | None, tries: int
    ) -> Relaxation | Insertion | None:
        """The cheapest change, `one_more` vehicle included; or a place that needs none, where one comes to light.

        About `tries` timetables are made at most, besides the most promising of each waiver, and some more as long as
        nothing was found.
        """
        is_open = screened.passing(self.screen.owners)
        case = _Case(visit=visit, mate=mate, is_open=is_open, best=one_more, tries=tries)
        anytime = self.screen.screen(any_time(visit)) if visit.windows else screened
        near: list[Chance] = []
        rest: list[Chance] = []
        for waiver in WAIVERS:
            tested = anytime if waiver.constraint is RelaxedConstraint.WINDOW else screened
            first, others = self._chances(waiver, tested, case)
            near += first
            rest += others
        self._try(case, near, is_limited=False)
        self._try(case, rest, is_limited=True)
        return case.best if case.fits is None else case.fits

    def _try(self, case: _Case, chances: Sequence[Chance], *, is_limited: bool) -> None:
        for chance in sorted(chances):
            if case.best is not None and chance.price >= case.best.price:
                return
            patience = PATIENCE if case.best is None else 0
            if case.fits is not None or (is_limited and case.tries + patience <= 0):
                return
            found = self._taken(case, chance)
            if found is None or (case.best is not None and found.price >= case.best.price):
                continue
            if case.is_open[chance.leg] and (place := self._place(case, chance, None)) is not None:
                case.fits = place
            case.best = found

    def _chances(self, waiver: Waiver, screened: Screened, case: _Case) -> tuple[list[Chance], list[Chance]]:
        """The most promising legs of the waiver, and the others."""
        legs = np.flatnonzero(self._legs(waiver, screened, case.visit))
        if not len(legs):
            return [], []
        # The route takes longer by what is driven and done more, less what it waits for now.
        longer = np.maximum(screened.seconds[legs] - self.screen.idle_seconds[self.screen.owners[legs]], 0)
        costs = screened.costs[legs] + longer * self.rates[legs]
        amounts = _least_amounts(waiver, self.screen, screened, case.visit)[legs]
        weight = self.weights[waiver.constraint]
        prices = costs + weight.once + weight.each * amounts
        near, rest = self._ranked(legs, costs, prices, most=case.tries + PATIENCE)
        serial = WAIVERS.index(waiver) * len(self.screen.owners)

        def chances(chosen: Sequence[int]) -> list[Chance]:
            return [
                Chance(
                    price=float(prices[at]),
                    serial=serial + int(legs[at]),
                    waiver=waiver,
                    leg=int(legs[at]),
                    cost=float(costs[at]),
                    amount=float(amounts[at]),
                )
                for at in chosen
            ]

        return chances(near), chances(rest)

    def _legs(self, waiver: Waiver, screened: Screened, visit: Visit) -> Flags:
        """Where nothing simple but what is waived stands in the way, and waiving it makes a difference."""
        owners = self.screen.owners
        if waiver.is_bar:
            is_barred = self._by_leg(bool(bars) for bars in screened.barred)
            return screened.passing(owners, waived=waiver.rules) & is_barred
        legs: Flags = np.ones(len(owners), dtype=bool)
        if waiver.visit(visit) == visit:
            legs = self.is_changed[waiver.constraint]
        if waiver.constraint is RelaxedConstraint.STOPS:
            legs = legs & screened.failed[Constraint.MAX_STOPS]
        if waiver.constraint is RelaxedConstraint.CAPACITY and not any(visit.pickup):
            legs = legs & (screened.failed[Constraint.CAPACITY] | self.can_reload)
        return screened.passing(owners, waived=waiver.rules) & legs if legs.any() else legs

    def _ranked(
        self, legs: Whole, costs: NDArray[np.float64], prices: NDArray[np.float64], *, most: int
    ) -> tuple[list[int], list[int]]:
        """Indices: of routes the least prices and the least costs, and an idle vehicle of each kind; then the rest.

        Of idle ones there is no rest: who is alike is refused alike.
        """
        is_idle = self.is_idle[legs]
        busy, idle = np.flatnonzero(~is_idle), np.flatnonzero(is_idle)
        nearest = _least(busy, costs, most=MOST_LEGS)
        busy = _least(busy, prices, most=most + MOST_LEGS)
        near = dict.fromkeys([*busy[:MOST_LEGS].tolist(), *nearest.tolist()])
        idle = _least(idle, prices, most=len(idle))
        _, first = np.unique(self.kinds[legs[idle]], return_index=True)
        rest = [at for at in busy[MOST_LEGS:].tolist() if at not in near]
        return [*near, *idle[first].tolist()], rest

    def _taken(self, case: _Case, chance: Chance) -> Relaxation | None:
        """What it comes to, where the waiver is enough; by minutes, with as few of them as serve the visit there."""
        waiver, minutes = chance.waiver, 0
        if waiver.stretch is None:
            found = self._place(case, chance, waiver)
        else:
            minutes, found = self._stretched(case, chance, waiver.stretch)
        if found is None:
            return None
        extent = waiver.measure(self.plan, case.visit, self._owner(chance), found, minutes)
        return Relaxation(
            constraint=waiver.constraint,
            change=waiver.change(extent),
            cost=found.cost,
            weight=self.weights[waiver.constraint].of(extent),
            vehicle_id=found.vehicle_id,
            extent=extent,
        )

    def _owner(self, chance: Chance) -> Vehicle:
        return self.fleet[int(self.screen.owners[chance.leg])]

    def _place(self, case: _Case, chance: Chance, waiver: Waiver | None) -> Insertion | None:
        """The visit at this leg with the rule waived; without a waiver, as it is."""
        vehicle, visit, given = self._owner(chance), case.visit, self.plan
        if waiver is not None:
            vehicle, visit = waiver.vehicle(vehicle), waiver.visit(visit)
            given = self.without_company if waiver.is_company else given
        case.tries -= 1
        found = given.at(vehicle, [int(self.screen.positions[chance.leg])], visit, case.mate)
        return found if isinstance(found, Insertion) else None

    def _stretched(self, case: _Case, chance: Chance, stretch: Stretch) -> tuple[int, Insertion | None]:
        """The fewest minutes that serve the visit here, if that is not dearer than what was found; and how."""
        vehicle, positions = self._owner(chance), [int(self.screen.positions[chance.leg])]

        def by(minutes: int) -> Insertion | None:
            case.tries -= 1
            longer = stretch.vehicle(vehicle, minutes)
            found = self.plan.at(longer, positions, stretch.visit(case.visit, minutes), case.mate)
            return found if isinstance(found, Insertion) else None

        least, most = max(1, ceil(chance.amount)), stretch.most
        weight = self.weights[chance.waiver.constraint]
        if case.best is not None and weight.each:
            most = min(most, int((case.best.price - chance.cost - weight.once) / weight.each))
        if least > most:
            return 0, None
        if (found := by(least)) is not None or least == most or (found := by(most)) is None:
            return least, found
        return _fewest(by, too_few=least, enough=most, found=found)


def _fewest(
    by: Callable[[int], Insertion | None], *, too_few: int, enough: int, found: Insertion
) -> tuple[int, Insertion]:
    """The fewest minutes that are enough, and how: more minutes never take a place away."""
    step = 1
    while enough - too_few > 1:
        tried = min(too_few + step, (too_few + enough) // 2)
        if (sooner := by(tried)) is None:
            too_few, step = tried, 2 * step
        else:
            enough, found, step = tried, sooner, enough
    return enough, found


def _least(chosen: Whole, prices: NDArray[np.float64], *, most: int) -> Whole:
    """Of the chosen, so many with the least prices, in that order."""
    if len(chosen) > most:
        chosen = chosen[np.argpartition(prices[chosen], most)[:most]]
    ordered: Whole = chosen[np.argsort(prices[chosen], kind="stable")]
    return ordered


def _least_amounts(waiver: Waiver, screen: Screen, screened: Screened, visit: Visit) -> NDArray[np.float64]:
    """By leg, how far the rule has to give way at least: in the units of an Extent."""
    over: Whole = np.zeros(len(screen.owners), dtype=np.int64)
    unit = 60
    match waiver.constraint:
        case RelaxedConstraint.WINDOW:
            over = _seconds_outside(screen, screened, visit)
        case RelaxedConstraint.SHIFT:
            over = np.maximum(
                screened.leaves - screen.latest_by_shift, screened.seconds - screen.spare_work[screen.owners]
            )
        case RelaxedConstraint.DISTANCE:
            over, unit = screened.metres - screen.spare_metres[screen.owners], 1
    return np.maximum(over / unit, 1.0)


def _seconds_outside(screen: Screen, screened: Screened, visit: Visit) -> Whole:
    """How long after the window it arrives, or before the window it has to begin for what comes behind."""
    latest = screen.latest - screened.work_seconds
    least: Whole = np.min(list(_outside_each(screened.arrivals, latest, visit)), axis=0)
    return least


def _outside_each(arrivals: Whole, latest: Whole, visit: Visit) -> Iterator[Whole]:
    is_soft = visit.late_cost_per_second is not None
    for window in visit.windows:
        early = window.start_seconds - latest
        yield np.maximum(early, 0) if is_soft else np.maximum(np.maximum(arrivals - window.end_seconds, early), 0)


def _without_company(given: Plan) -> Plan:
    """The same plan where nobody must be, or must not be, with anybody."""
    terms = Terms(given.terms.problem)
    terms.ties = Ties(pairs=given.terms.ties.pairs)
    return given.under(terms)
