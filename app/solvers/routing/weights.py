"""What a change weighs besides what it adds to the routes, in minor units: the one table that changes are ranked by.

A caller may pass another one. The figures are a dispatcher's sense of proportion, not a law: a customer who is asked
for another hour, a driver who stays longer, a van that is exchanged in the morning. Another vehicle weighs its fixed
cost, which the route pays already, and what is missing to the least that one more vehicle costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.solvers.routing.solution import Extent, RelaxedConstraint


@dataclass(frozen=True, kw_only=True)
class Weight:
    """`once`, and `each` for a minute, metre, stop or trip, or for a skill, as the rule goes."""

    once: float = 0.0
    each: float = 0.0

    def of(self, extent: Extent) -> float:
        """What so much of the change weighs."""
        return self.once + self.each * (abs(extent.amount) + len(extent.skills))


WEIGHTS: Mapping[RelaxedConstraint, Weight] = {
    RelaxedConstraint.WINDOW: Weight(once=300, each=30),  # the customer is asked, and waits: 18.00 an hour
    RelaxedConstraint.SHIFT: Weight(each=60),  # besides the hours that the route pays: 36.00 an hour
    RelaxedConstraint.RELEASE: Weight(once=200, each=20),  # the node picks sooner
    RelaxedConstraint.STOPS: Weight(each=300),
    RelaxedConstraint.TRIPS: Weight(each=500),
    RelaxedConstraint.DISTANCE: Weight(once=300, each=0.05),  # 50 a kilometre
    RelaxedConstraint.LOADING: Weight(once=500),
    RelaxedConstraint.TERRITORY: Weight(once=500),
    RelaxedConstraint.ALLOWED_VEHICLES: Weight(once=1_000),
    RelaxedConstraint.SKILL: Weight(each=1_500),
    RelaxedConstraint.DAY: Weight(once=2_000),
    RelaxedConstraint.CAPACITY: Weight(once=2_000),
    RelaxedConstraint.RESTS: Weight(once=3_000),  # rests are law in most places
    RelaxedConstraint.COMPANY: Weight(once=3_000),
    RelaxedConstraint.FLEET: Weight(once=5_000),  # less the vehicle's fixed cost
}
