"""Why a visit is not served, and the cheapest single change that would serve it: computed by trying, not guessed.

Every leg of the plan is screened for the visit at once (screening.py); where only one rule stands in the way, the visit
is put there for real with that rule waived, and timed. So a change that is named does serve the visit, alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from app.solvers.routing.driving import Refusal
from app.solvers.routing.insertion import Insertion, Plan
from app.solvers.routing.problem import Vehicle, Visit
from app.solvers.routing.rules import Ties, eligibility
from app.solvers.routing.schedule import Terms, plan
from app.solvers.routing.screening import TESTS, Flags, Screen, Screened
from app.solvers.routing.solution import Constraint, Relaxation, RelaxedConstraint, Route, Unserved, UnservedCode
from app.solvers.routing.waivers import FAR, WAIVERS, Waiver, any_time

# Per visit: so many legs are tried for each waiver, so many vehicles that nothing simple keeps away, so many alone.
MOST_LEGS, MOST_VEHICLES, MOST_KINDS = 4, 8, 24
# One place found is as good as two: the cheapest detours are tried first.
MOST_PLACES = 2
# So many of the most urgent get everything, so many more all but a way out, the rest a reason. At 10,000 stops on 300
# vehicles that is 15 ms, 8 ms and nothing of processor time a visit.
MOST_RELAXED, MOST_SCREENED = 1_000, 1_000
# What one empty vehicle cannot do, by the rule that would have to give way.
ALONE = {
    RelaxedConstraint.WINDOW: (UnservedCode.WINDOW_UNREACHABLE, "No vehicle, even empty, can be there in its window."),
    RelaxedConstraint.CAPACITY: (UnservedCode.CAPACITY_EXCEEDED, "It is too big for every vehicle that may serve it."),
    RelaxedConstraint.SHIFT: (UnservedCode.SHIFT_TOO_SHORT, "There and back does not fit into any shift."),
    RelaxedConstraint.DISTANCE: (
        UnservedCode.DISTANCE_TOO_FAR,
        "There and back is farther than any vehicle may drive.",
    ),
}
DEAR = (
    UnservedCode.NOT_WORTH_SERVING,
    "It fits, but costs more than leaving it out.",
    RelaxedConstraint.PENALTY,
    "raise its priority",
)
MISSED = (
    UnservedCode.NOT_PLACED,
    "It fits, but the search ended before it was placed.",
    RelaxedConstraint.SEARCH,
    "search longer, or insert it",
)
FULL = UnservedCode.NO_VEHICLE_LEFT, "Every vehicle that could serve it is filled by the rest of the plan."


def explain_all(plan: Plan, left: Sequence[Visit]) -> Iterator[Unserved]:
    """The reason of each visit that is on no route of the plan, and the way out of the most urgent ones."""
    if not left:
        return
    diagnosis = Diagnosis(plan)
    by_urgency = sorted(left, key=lambda visit: -visit.unserved_penalty)
    relaxed = {visit.id for visit in by_urgency[:MOST_RELAXED]}
    screened = {visit.id for visit in by_urgency[MOST_RELAXED : MOST_RELAXED + MOST_SCREENED]}
    for visit in left:
        if visit.id in relaxed or visit.id in screened:
            yield diagnosis.explain(visit, is_urgent=visit.id in relaxed)
        else:
            yield diagnosis.explain_briefly(visit)


class Diagnosis:
    """Explains visits on no route of a plan that does not change meanwhile."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.terms = plan.terms
        self.fleet = plan.terms.problem.vehicles
        self.screen = Screen(plan)
        self.without_company = _without_company(plan)
        self.kinds = _kinds(self.fleet)
        self.for_fleet = [waiver for waiver in WAIVERS if _matters(waiver, self.kinds)]
        self.served_groups = {v.group for v in plan.terms.problem.visits if v.group and v.id in plan.vehicle_of}

    def explain(self, visit: Visit, *, is_urgent: bool = True) -> Unserved:
        """Reason, shares and the cheapest way out; with `is_urgent` False no way out is tried."""
        if visit.group is not None and visit.group in self.served_groups:
            detail = f"Another visit of its group {visit.group} is served."
            return Unserved(visit_id=visit.id, code=UnservedCode.ALTERNATIVE_SERVED, detail=detail)
        first, mate = self.plan.unit(visit)
        screened = self.screen.screen(first)
        refused, fitting = self._refusals(screened, first, mate)
        alone = self._alone(first, mate)
        if fitting is not None:
            is_worth_it = fitting.cost < visit.unserved_penalty + (mate.unserved_penalty if mate is not None else 0.0)
            code, detail, constraint, change = MISSED if is_worth_it else DEAR
            way_out: Relaxation | None = Relaxation(constraint=constraint, change=change, cost=fitting.cost)
        else:
            code, detail = FULL if alone is not None else self._reason(first, mate)
            way_out = self._way_out(screened, first, mate, alone) if is_urgent else None
        best = self._best_vehicle(screened)
        return Unserved(
            visit_id=visit.id,
            code=code,
            detail=detail,
            relaxation=way_out,
            refused_by=None if best is None else refused[best],
            vehicle_id=None if best is None else self.fleet[best].id,
            ruled_out=self._shares(refused),
        )

    def explain_briefly(self, visit: Visit) -> Unserved:
        """The reason by who may come at all, nothing tried: for the least urgent of very many."""
        if visit.group is not None and visit.group in self.served_groups:
            return self.explain(visit)
        may_come = any(eligibility(alike[0], visit) is None for alike in self.kinds)
        code, detail = FULL if may_come else self._reason(visit, None)
        return Unserved(visit_id=visit.id, code=code, detail=detail)

    def _shares(self, refused: Sequence[Constraint | None]) -> dict[str, float]:
        count = len(refused) or 1
        found = [constraint for constraint in refused if constraint is not None]
        return {name.value: found.count(name) / count for name in dict.fromkeys(sorted(found))}

    def _best_vehicle(self, screened: Screened) -> int | None:
        """Of the vehicles that may come, else of all, the one with the cheapest detour."""
        if not len(screened.costs):
            return None
        may_come = np.array([not bars for bars in screened.barred], dtype=bool)[self.screen.owners]
        costs = np.where(may_come, screened.costs, np.inf) if may_come.any() else screened.costs
        return int(self.screen.owners[int(np.argmin(costs))])

    def _refusals(
        self, screened: Screened, visit: Visit, mate: Visit | None
    ) -> tuple[list[Constraint | None], Insertion | None]:
        """By vehicle the rule that keeps the visit off it, and the cheapest place that none does."""
        refused = [bars[0] if bars else None for bars in screened.barred]
        owners, first = self.screen.owners, self.screen.first
        reached = np.zeros(len(owners), dtype=np.int64)
        is_open = np.ones(len(owners), dtype=bool)
        for failed in screened.failed.values():
            is_open = is_open & ~failed
            reached += is_open
        untested: list[int] = []
        for number in range(len(refused)):
            legs = reached[first[number] : first[number + 1]]
            if refused[number] is None and len(legs):
                farthest = int(legs.max())
                if farthest < len(TESTS):
                    refused[number] = TESTS[farthest]
                else:
                    untested.append(number)
        return self._tried(screened, refused, untested, visit, mate)

    def _tried(
        self,
        screened: Screened,
        refused: list[Constraint | None],
        untested: Sequence[int],
        visit: Visit,
        mate: Visit | None,
    ) -> tuple[list[Constraint | None], Insertion | None]:
        """What nothing simple keeps away is tried, the cheapest detours first; the rest goes by the nearest tried."""
        best: Insertion | None = None
        places = 0
        legs, last = screened.passing(self.screen.owners), Constraint.OTHER_WINDOWS
        nearest = sorted(untested, key=lambda number: float(screened.costs[self._own(number)].min()))
        for tried, number in enumerate(nearest):
            if tried < MOST_VEHICLES and places < MOST_PLACES:
                positions = self._positions(screened, legs, number)
                found = self.plan.at(self.fleet[number], positions, visit, mate)
                if isinstance(found, Refusal):
                    last = found.constraint
                else:
                    places += 1
                    best = found if best is None or found.cost < best.cost else best
                refused[number] = found.constraint if isinstance(found, Refusal) else None
            elif best is None:
                refused[number] = last
        return refused, best

    def _own(self, number: int) -> slice:
        return slice(int(self.screen.first[number]), int(self.screen.first[number + 1]))

    def _positions(self, screened: Screened, legs: Flags, number: int) -> list[int]:
        own = self._own(number)
        costs = np.where(legs[own], screened.costs[own], np.inf)
        order = np.argsort(costs, kind="stable")[:MOST_LEGS]
        return [int(self.screen.positions[own][at]) for at in order if np.isfinite(costs[at])]

    def _alone(self, visit: Visit, mate: Visit | None, waiver: Waiver | None = None) -> float | None:
        """What it costs to send one more vehicle for this visit alone; None where none can serve it."""
        costs = []
        one = visit if waiver is None else waiver.visit(visit)
        for alike in self.kinds:
            vehicle = next((vehicle for vehicle in alike if eligibility(vehicle, one) is None), None)
            if vehicle is None:
                continue
            willing = vehicle if waiver is None else waiver.vehicle(vehicle)
            route = plan(self.terms, willing, [one] if mate is None else [one, mate])
            if isinstance(route, Route):
                costs.append(route.cost)
        return min(costs, default=None)

    def _reason(self, visit: Visit, mate: Visit | None) -> tuple[UnservedCode, str]:
        """Why not even an empty vehicle can serve it."""
        if self.fleet and not any(visit.skills <= vehicle.skills for vehicle in self.fleet):
            held = frozenset[str]().union(*(vehicle.skills for vehicle in self.fleet))
            missing = ", ".join(sorted(visit.skills - held)) or ", ".join(sorted(visit.skills))
            return UnservedCode.NO_VEHICLE_WITH_SKILL, f"No vehicle has all the skills it needs: {missing}."
        if all(eligibility(vehicle, visit) is not None for vehicle in self.fleet):
            return UnservedCode.NO_VEHICLE_ALLOWED, "There is no vehicle that may serve it."
        for waiver in WAIVERS:
            if waiver.constraint in ALONE and self._alone(visit, mate, waiver) is not None:
                return ALONE[waiver.constraint]
        return UnservedCode.SHIFT_TOO_SHORT, "No vehicle can serve it, even with one rule waived."

    def _way_out(self, screened: Screened, visit: Visit, mate: Visit | None, alone: float | None) -> Relaxation | None:
        """The cheapest of all single changes tried, one more vehicle included."""
        options = []
        anytime = self.screen.screen(any_time(visit)) if visit.windows else screened
        for waiver in WAIVERS:
            is_bound = waiver.is_company and self._has_company(visit)
            if waiver not in self.for_fleet and waiver.visit(visit) == visit and not is_bound:
                continue
            tested = anytime if waiver.constraint is RelaxedConstraint.WINDOW else screened
            if (option := self._waived(tested, visit, mate, waiver)) is not None:
                options.append(option)
        if alone is not None and visit.pinned_vehicle_id is None:
            options.append(Relaxation(constraint=RelaxedConstraint.FLEET, change="add one more vehicle", cost=alone))
        return min(options, key=lambda option: option.cost, default=None)

    def _has_company(self, visit: Visit) -> bool:
        ties = self.terms.ties
        return visit.id in ties.together or visit.id in ties.apart

    def _waived(self, screened: Screened, visit: Visit, mate: Visit | None, waiver: Waiver) -> Relaxation | None:
        """The cheapest of the most promising legs where the waiver is enough."""
        legs = np.flatnonzero(screened.passing(self.screen.owners, waived=waiver.rules))
        order = legs[np.argsort(screened.costs[legs], kind="stable")]
        best: Insertion | None = None
        given = self.without_company if waiver.is_company else self.plan
        for leg in order[:MOST_LEGS]:
            vehicle = waiver.vehicle(self.fleet[int(self.screen.owners[leg])])
            found = given.at(vehicle, [int(self.screen.positions[leg])], waiver.visit(visit), mate)
            if isinstance(found, Insertion) and (best is None or found.cost < best.cost):
                best = found
        return None if best is None else self._relaxation(waiver, best, visit, mate)

    def _relaxation(self, waiver: Waiver, place: Insertion, visit: Visit, mate: Visit | None) -> Relaxation:
        """The waiver at this place; where it goes by minutes, with as few of them as serve the visit there."""
        stretch = waiver.stretch
        if stretch is None:
            return Relaxation(constraint=waiver.constraint, change=waiver.change, cost=place.cost)
        strict = self.terms.vehicles[place.vehicle_id]

        def stretched(minutes: int) -> Insertion | None:
            given = stretch.visit(visit, minutes)
            found = self.plan.at(stretch.vehicle(strict, minutes), [place.position], given, mate)
            return found if isinstance(found, Insertion) else None

        minutes, found = _least(stretched, otherwise=place)
        change = stretch.change(visit, found.route, minutes)
        return Relaxation(constraint=waiver.constraint, change=change, cost=found.cost)


def _least(stretched: Callable[[int], Insertion | None], *, otherwise: Insertion) -> tuple[int, Insertion]:
    """The fewest minutes that serve the visit, and how: more minutes never take a place away."""
    enough, too_few = 1, 0
    while (found := stretched(enough)) is None:
        enough, too_few = 2 * enough, enough
        if enough > FAR:
            return enough, otherwise
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if (sooner := stretched(middle)) is None:
            too_few = middle
        else:
            enough, found = middle, sooner
    return enough, found


def _kinds(fleet: Sequence[Vehicle]) -> list[list[Vehicle]]:
    """The vehicles by kind, as if empty, the commonest kinds first."""
    kinds: dict[Vehicle, list[Vehicle]] = {}
    for vehicle in fleet:
        empty = replace(vehicle, frozen_visit_ids=())
        kinds.setdefault(replace(empty, id=""), []).append(empty)
    return sorted(kinds.values(), key=len, reverse=True)[:MOST_KINDS]


def _matters(waiver: Waiver, kinds: Sequence[Sequence[Vehicle]]) -> bool:
    """Whether it changes any vehicle."""
    return any(waiver.vehicle(alike[0]) != alike[0] for alike in kinds)


def _without_company(given: Plan) -> Plan:
    """The same plan where nobody must be, or must not be, with anybody."""
    terms = Terms(given.terms.problem)
    terms.ties = Ties(pairs=given.terms.ties.pairs)
    return given.under(terms)
