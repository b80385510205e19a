"""Why no published route takes what a plan leaves out, and what to say where the node has no van at all.

Late and released orders are planned with the vans that are left. Where these do not take them either, the published
routes' vans count too: what refuses the orders there, with its shares, and what would help.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.models import Shipment
from app.models.base import Json
from app.orchestration.plans import fleets, whynot
from app.orchestration.plans.loaded import Loaded
from app.solvers.routing.diagnosis import explain_all
from app.solvers.routing.insertion import Plan
from app.solvers.routing.problem import Reload, RoutingProblem
from app.solvers.routing.schedule import Terms
from app.solvers.routing.solution import UnservedCode

Reasons = Mapping[str, Json]
NOBODY = UnservedCode.NO_VEHICLE_ALLOWED.value


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """The published routes of a day as they will be driven: vehicle of the problem -> its order."""

    loaded: Loaded
    problem: RoutingProblem
    orders: Mapping[str, Sequence[str | Reload]]

    @property
    def vehicles(self) -> int:
        """How many vans drive them."""
        return len(self._problem.vehicles)

    @property
    def _problem(self) -> RoutingProblem:
        published = {van.id for van in self.loaded.vans if van.route_id is not None}
        return replace(self.problem, vehicles=tuple(each for each in self.problem.vehicles if each.id in published))

    def reasons(self, visits: Collection[str]) -> dict[str, Json]:
        """What keeps each of these visits off them, as plans keep it; takes some milliseconds a visit."""
        terms = Terms(self._problem)
        orders = {id: terms.order(order) for id, order in self.orders.items() if id in terms.vehicles}
        left = [terms.visits[id] for id in visits if id in terms.visits]
        found = list(explain_all(Plan(terms, orders), left)) if terms.vehicles else []
        on = {item: id for id, order in self.orders.items() for item in order if isinstance(item, str)}
        told = whynot.left_out(self.loaded, found, on)
        return {str(shipment.order_id): reason for shipment, reason in told}


def completed(
    left: Iterable[tuple[Shipment, Json]], loaded: Loaded, *, vehicles: int, others: Reasons, other_vehicles: int
) -> list[tuple[Shipment, Json]]:
    """The reasons with those of the published routes' vans in them, or with why the node has no van. Pure."""
    total = vehicles + other_vehicles
    told = []
    for shipment, reason in left:
        other = others.get(str(shipment.order_id))
        if other is not None:
            reason = _joined(reason, other, share=vehicles / total)
        elif not vehicles:
            reason = reason | fleets.why_none(loaded)
        told.append((shipment, reason))
    return told


def _joined(reason: Json, other: Json, *, share: float) -> Json:
    """One reason of two: of vans of this share of both fleets, and of the rest."""
    shares: dict[str, float] = {}
    for each, weight in ((reason, share), (other, 1 - share)):
        for ruled in each["ruledOut"]:
            shares[ruled["constraint"]] = shares.get(ruled["constraint"], 0.0) + weight * ruled["share"]
    ruled_out = [
        {"constraint": name, "share": round(part, 4)}
        for name, part in sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    ]
    main = other if reason["code"] == NOBODY else reason
    ways = [each for each in (reason, other) if each["cheapestRelaxation"] is not None]
    best = min(ways, key=lambda each: _price(each["cheapestRelaxation"]), default=main)
    kept = {name: other[name] for name in ("shipmentId", "shipment")}
    unnamed = {**main["withoutNames"], "cheapestRelaxation": best["withoutNames"]["cheapestRelaxation"]}
    found = {"ruledOut": ruled_out, "cheapestRelaxation": best["cheapestRelaxation"], "withoutNames": unnamed}
    return {**main, **kept, **found}


def _price(way: Json) -> int:
    """By which ways out are compared: what the routes cost more, and what the change weighs."""
    return int((way["costMinor"] or 0) + (way["weightMinor"] or 0))
