"""How an allocation's decision is told for good: what was chosen, what lost and why, and whose rules decided. Pure."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.models import BY_HAND, DecisionKind
from app.models.base import Json
from app.orchestration.allocations.candidates import Candidate, Part, RuledOut
from app.orchestration.allocations.verdicts import Verdict
from app.orchestration.allocations.ways import QUOTE
from app.orchestration.allocations.why import Lost
from app.orchestration.policies.documents import Autonomy, PolicyDocument

# All nodes and carriers of a usual network; a larger one keeps those that came closest.
MOST_ALTERNATIVES = 60
# What the decisions of a large batch keep.
FEW_ALTERNATIVES = 3
# Where a carrier's price comes from.
QUOTED, BY_RATE_CARD = "QUOTE", "RATE_CARD"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Whose rules and which solver decided.

    `bound_minor` is proved: no answer to the whole batch costs less than it; `objective_minor` is what this one costs.
    """

    policy_name: str
    policy_version: int
    rules: PolicyDocument
    solver: str
    solver_version: str = "1"
    objective_minor: int | None = None
    bound_minor: int | None = None
    most_alternatives: int = MOST_ALTERNATIVES
    detail: Json = field(default_factory=dict)
    overrides_id: uuid.UUID | None = None
    autonomy: Autonomy = field(default_factory=Autonomy)

    @property
    def gap(self) -> float | None:
        """How far the batch's answer may be from the best, as a share of it; None: nothing is proved."""
        if self.objective_minor is None or self.bound_minor is None or self.objective_minor <= 0:
            return None
        return max(0.0, (self.objective_minor - self.bound_minor) / self.objective_minor)


def decision(verdict: Verdict, part: Part | None, source: Source, *, now: datetime) -> dict[str, Any]:
    """The columns of the decision about an order, or about one part of it; without its shipment."""
    return {
        "kind": DecisionKind.ALLOCATION,
        "at": now,
        "order_id": verdict.demand.order.id,
        "automatic": source.solver != BY_HAND,
        "policy_name": source.policy_name,
        "policy_version": source.policy_version,
        "model_name": source.solver,
        "model_version": source.solver_version,
        "chosen": None if part is None else _chosen(verdict, part),
        "alternatives": alternatives(verdict, most=source.most_alternatives),
        "gap": source.gap,
        "objective_minor": source.objective_minor,
        "bound_minor": source.bound_minor,
        "detail": {**source.detail, "goods": goods(verdict, part)},
        "overrides_id": source.overrides_id,
    }


def _chosen(verdict: Verdict, part: Part) -> Json:
    assert verdict.chosen is not None, "only an order that got something has this"
    scarcity = {"scarcity": list(verdict.scarce)} if verdict.scarce else {}
    return {**told(verdict.chosen, part, currency=verdict.demand.order.currency), **scarcity}


def alternatives(verdict: Verdict, *, most: int = MOST_ALTERNATIVES) -> list[Json]:
    """What lost, closest first, and then what was never possible."""
    currency = verdict.demand.order.currency
    losers = [_loser(each, currency=currency) for each in verdict.lost[:most]]
    return [*losers, *(_ruled_out(way, currency=currency) for way in verdict.ruled_out)][:most]


def goods(verdict: Verdict, part: Part | None) -> Json:
    """What was to be carried, so that another carrier can be asked later what it would have cost."""
    order, lines = verdict.demand.order, verdict.demand.lines
    quantities = verdict.demand.quantities if part is None else part.quantities
    return {
        "lines": dict(quantities),
        "weightKg": round(sum(line.weight_kg * quantities.get(line.sku, 0) for line in lines), 3),
        "volumeL": round(sum(line.volume_l * quantities.get(line.sku, 0) for line in lines), 3),
        "skills": sorted(order.required_skills),
        "latitude": order.latitude,
        "longitude": order.longitude,
        "country": order.country,
        "postalCode": order.postal_code,
        "serviceLevel": order.service_level,
    }


def _loser(lost: Lost, *, currency: str) -> Json:
    candidate = lost.offer.candidate
    scarcity = {"scarcityMinor": lost.scarcity_minor} if lost.scarcity_minor else {}
    because = {"code": lost.code, "detail": lost.detail}
    return {**told(candidate, candidate.parts[0], currency=currency), **scarcity, "rejectedBecause": because}


def _ruled_out(way: RuledOut, *, currency: str) -> Json:
    return {
        "nodeId": str(way.node.id),
        "node": way.node.reference,
        "carrierId": str(way.carrier.id) if way.carrier else None,
        "carrier": way.carrier.reference if way.carrier else None,
        "costMinor": way.cost_minor,
        "currency": currency,
        "breakdown": [],
        "rejectedBecause": {"code": way.code, "detail": way.detail},
    }


def told(candidate: Candidate, part: Part, *, currency: str) -> Json:
    """A way to serve an order, as a decision keeps it; `part` is the one that the decision is about."""
    shared: Json = {}
    if len(candidate.parts) > 1:
        others = [{"node": other.node.reference, "carrier": other.carrier.reference} for other in candidate.parts]
        shared = {"sharedWith": [other for other in others if other["node"] != part.node.reference]}
    return {
        "nodeId": str(part.node.id),
        "node": part.node.reference,
        "carrierId": str(part.carrier.id),
        "carrier": part.carrier.reference,
        "service": part.service,
        "window": {"start": candidate.window_start.isoformat(), "end": candidate.window_end.isoformat()},
        "costMinor": candidate.cost_minor,
        "priceMinor": part.price_minor,
        "currency": currency,
        "breakdown": [{"component": name, "amountMinor": amount} for name, amount in candidate.costs],
        "carriage": [{"component": name, "amountMinor": amount} for name, amount in part.carriage],
        "priceSource": QUOTED if QUOTE in dict(part.carriage) else BY_RATE_CARD,
        "probabilityOnTime": round(candidate.on_time_probability, 4),
        "gramsCo2": round(part.grams_co2),
        **shared,
    }
