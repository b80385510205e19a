"""The last visits of a plan: whoever is left and fits is put where that costs least, the most urgent first.

For the many that a search leaves over: the whole plan is screened for each at once, and only the most promising legs
are timed. insertion.py's `cheapest` is for one visit, and tries every vehicle that could be cheaper.
"""

import numpy as np

from app.solvers.routing.insertion import Insertion, Plan
from app.solvers.routing.problem import Visit
from app.solvers.routing.screening import Screen

# Per visit: so many legs are timed at most, and so many of them that hold are enough.
MOST_LEGS, ENOUGH_PLACES = 24, 6
# Past this many of the most urgent, a plan that is so full is left as it is.
MOST_PLACED = 1_000


def place_left(planned: Plan) -> None:
    """Puts whoever is on no route where the fleet has room, if that costs less than leaving it out."""
    terms = planned.terms
    left = [visit for visit in terms.problem.visits if visit.id not in planned.vehicle_of]
    if not left or not terms.problem.vehicles:
        return
    screen = Screen(planned)
    served_groups = {visit.group for visit in terms.problem.visits if visit.id in planned.vehicle_of}
    for visit in sorted(left, key=lambda visit: -visit.unserved_penalty)[:MOST_PLACED]:
        first, mate = planned.unit(visit)
        if first is not visit or (visit.group is not None and visit.group in served_groups):
            continue
        gain = visit.unserved_penalty + (mate.unserved_penalty if mate is not None else 0.0)
        place = promising(screen, visit, mate)
        if place is not None and place.cost < gain:
            planned.place(place)
            screen.refresh(place.vehicle_id)
            served_groups.add(visit.group)


def promising(screen: Screen, visit: Visit, mate: Visit | None = None) -> Insertion | None:
    """The cheapest place among the legs that nothing simple rules out and whose detours cost least."""
    screened = screen.screen(visit)
    legs = np.flatnonzero(screened.passing(screen.owners))
    best: Insertion | None = None
    found_places = 0
    for leg in legs[np.argsort(screened.costs[legs], kind="stable")][:MOST_LEGS]:
        vehicle = screen.vehicles[int(screen.owners[leg])]
        found = screen.plan.at(vehicle, [int(screen.positions[leg])], visit, mate)
        if isinstance(found, Insertion):
            found_places += 1
            best = found if best is None or found.cost < best.cost else best
            if found_places == ENOUGH_PLACES:
                break
    return best
