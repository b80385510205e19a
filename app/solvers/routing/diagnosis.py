"""Why a visit is not served: the rule that keeps it off each vehicle, and what that comes to.

Every leg of the plan is screened for the visit at once (screening.py), and what passes is timed for real. The change
that would help is ways_out.py's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.solvers.routing.driving import Refusal
from app.solvers.routing.insertion import Insertion, Plan
from app.solvers.routing.problem import Vehicle, Visit
from app.solvers.routing.rules import eligibility
from app.solvers.routing.schedule import plan
from app.solvers.routing.screening import TESTS, Flags, Screen, Screened
from app.solvers.routing.solution import Constraint, Relaxation, RelaxedConstraint, Route, Unserved, UnservedCode
from app.solvers.routing.waivers import WAIVERS, Waiver
from app.solvers.routing.ways_out import WaysOut
from app.solvers.routing.weights import WEIGHTS, Weight

# Per visit: so many legs are tried of each of so many vehicles that nothing simple keeps away, so many kinds alone.
MOST_LEGS, MOST_VEHICLES, MOST_KINDS = 4, 8, 24
# One place found is as good as two: the cheapest detours are tried first.
MOST_PLACES = 2
# So many of the most urgent get everything, so many more all but a way out, the rest a reason. At 10,000 stops on 300
# vehicles that is 6 to 12 ms, half of it and nothing of processor time a visit.
MOST_RELAXED, MOST_SCREENED = 1_000, 1_000
# Timetables made for the way out of a visit at most, of all visits together, and of each at least.
MOST_TRIES, ALL_TRIES, LEAST_TRIES = 2_000, 10_000, 20
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
# So many visits of its company are named.
MOST_NAMED = 3
# What keeps a visit off a vehicle whatever else that brings.
BARS = Constraint.SKILL, Constraint.DAY, Constraint.TERRITORY, Constraint.NOT_ALLOWED
FULL = UnservedCode.NO_VEHICLE_LEFT, "Every vehicle that could serve it is filled by the rest of the plan."


@dataclass(frozen=True, kw_only=True)
class Alone:
    """One more vehicle like this one, for one visit, or pair, alone."""

    vehicle: Vehicle
    cost: float


def explain_all(
    plan: Plan, left: Sequence[Visit], *, weights: Mapping[RelaxedConstraint, Weight] = WEIGHTS
) -> Iterator[Unserved]:
    """The reason of each visit that is on no route of the plan, and the way out of the most urgent ones."""
    if not left:
        return
    tries = max(LEAST_TRIES, min(MOST_TRIES, ALL_TRIES // min(len(left), MOST_RELAXED)))
    diagnosis = Diagnosis(plan, weights=weights, tries=tries)
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

    def __init__(self, plan: Plan, *, weights: Mapping[RelaxedConstraint, Weight] = WEIGHTS, tries: int) -> None:
        self.plan = plan
        self.terms = plan.terms
        self.fleet = plan.terms.problem.vehicles
        self.screen = Screen(plan)
        self.kinds = _kinds(self.fleet)
        self.weights, self.tries = weights, tries
        self.ways_out = WaysOut(plan, self.screen, weights)
        self.served_groups = {v.group for v in plan.terms.problem.visits if v.group and v.id in plan.vehicle_of}

    def explain(self, visit: Visit, *, is_urgent: bool = True) -> Unserved:
        """Reason, shares and the cheapest way out; with `is_urgent` False no way out is tried."""
        if visit.group is not None and visit.group in self.served_groups:
            detail = f"Another visit of its group {visit.group} is served."
            return Unserved(visit_id=visit.id, code=UnservedCode.ALTERNATIVE_SERVED, detail=detail)
        first, mate = self.plan.unit(visit)
        screened = self.screen.screen(first)
        refused, fitting = self._refusals(screened, first, mate)
        best = self._best_vehicle(screened)
        alone = self._alone(first, mate)
        way_out: Relaxation | Insertion | None = fitting
        if fitting is None and is_urgent:
            more = self._one_more(first, alone)
            way_out = self.ways_out.cheapest(screened, first, mate, one_more=more, tries=self.tries)
        company: tuple[str, ...] = ()
        if isinstance(way_out, Insertion):
            code, detail, way_out = _fits(visit, mate, way_out)
        elif alone is None:
            code, detail = self._reason(first, mate)
        else:
            code, detail, company = self._filled(first, refused, best)
        return Unserved(
            visit_id=visit.id,
            code=code,
            detail=detail,
            relaxation=way_out,
            refused_by=None if best is None else refused[best],
            vehicle_id=None if best is None else self.fleet[best].id,
            ruled_out=self._shares(refused),
            company=company,
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

    def _alone(self, visit: Visit, mate: Visit | None, waiver: Waiver | None = None) -> Alone | None:
        """The cheapest vehicle to send once more, for this visit alone; None where none can serve it."""
        found: list[Alone] = []
        one = visit if waiver is None else waiver.visit(visit)
        for alike in self.kinds:
            vehicle = next((vehicle for vehicle in alike if eligibility(vehicle, one) is None), None)
            if vehicle is None:
                continue
            willing = vehicle if waiver is None else waiver.vehicle(vehicle)
            route = plan(self.terms, willing, [one] if mate is None else [one, mate])
            if isinstance(route, Route):
                found.append(Alone(vehicle=vehicle, cost=route.cost))
        return min(found, key=lambda each: each.cost, default=None)

    def _one_more(self, visit: Visit, alone: Alone | None) -> Relaxation | None:
        """What one more vehicle comes to: its fixed cost is in the route, and weighs what it lacks to the least."""
        if alone is None or visit.pinned_vehicle_id is not None:
            return None
        weight = max(0.0, self.weights[RelaxedConstraint.FLEET].once - alone.vehicle.fixed_cost)
        return Relaxation(
            constraint=RelaxedConstraint.FLEET,
            change="add one more vehicle",
            cost=alone.cost,
            weight=weight,
            vehicle_id=alone.vehicle.id,
        )

    def _filled(
        self, visit: Visit, refused: Sequence[Constraint | None], best: int | None
    ) -> tuple[UnservedCode, str, tuple[str, ...]]:
        """Why no vehicle that could serve it has a place, and the company that the words name."""
        code, detail = FULL
        ties, on = self.terms.ties, self.plan.vehicle_of
        riding = tuple(sorted(id for id in ties.together.get(visit.id, ()) if id in on))[:MOST_NAMED]
        if Constraint.TOGETHER in refused and riding:
            return code, f"It rides with {', '.join(riding)}, and has no place there.", riding
        if Constraint.APART not in refused:
            return code, detail, ()
        nearest = None if best is None else self.fleet[best].id
        kept = [id for id in ties.apart.get(visit.id, ()) if id in on]
        named = tuple(sorted(kept, key=lambda each: (on[each] != nearest, each))[:MOST_NAMED])
        is_all = all(each in (None, *BARS, Constraint.APART) for each in refused)
        rest = "and every vehicle that may come brings such" if is_all else "and the other vehicles are filled"
        return code, f"It never rides with {', '.join(named)}, {rest}.", named

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


def _fits(visit: Visit, mate: Visit | None, place: Insertion) -> tuple[UnservedCode, str, Relaxation]:
    """Of a visit that has a place: whether it is worth that, and what would bring it there."""
    is_worth_it = place.cost < visit.unserved_penalty + (mate.unserved_penalty if mate is not None else 0.0)
    code, detail, constraint, change = MISSED if is_worth_it else DEAR
    relaxation = Relaxation(constraint=constraint, change=change, cost=place.cost, vehicle_id=place.vehicle_id)
    return code, detail, relaxation


def _kinds(fleet: Sequence[Vehicle]) -> list[list[Vehicle]]:
    """The vehicles by kind, as if empty, the commonest kinds first."""
    kinds: dict[Vehicle, list[Vehicle]] = {}
    for vehicle in fleet:
        empty = replace(vehicle, frozen_visit_ids=())
        kinds.setdefault(replace(empty, id=""), []).append(empty)
    return sorted(kinds.values(), key=len, reverse=True)[:MOST_KINDS]
