"""What an allocation's answer means for each order: what it gets, and why the rest lost. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.models.base import Json
from app.orchestration.allocations.batches import Demand
from app.orchestration.allocations.bidding import Limit, Offer, best
from app.orchestration.allocations.candidates import Candidate, RuledOut
from app.orchestration.allocations.problem import Loaded, Posed, penalty
from app.orchestration.allocations.why import Lost, lost, unassigned
from app.solvers.allocation.problem import AllocationOrder
from app.solvers.allocation.solution import AllocationSolution


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer for one order: a candidate and why the others lost, or a reason for none.

    `scarce`: what the chosen one uses of limits that have a price: {name, units, priceMinor}. `unassigned`: {code,
    detail, cheapestRelaxation}.
    """

    demand: Demand
    chosen: Candidate | None
    scarce: Sequence[Json] = ()
    lost: Sequence[Lost] = ()
    ruled_out: Sequence[RuledOut] = ()
    unassigned: Json | None = None


def verdicts(
    loaded: Loaded, posed: Posed, solution: AllocationSolution, prices: Mapping[str, float]
) -> Iterator[Verdict]:
    """One verdict per order of a batch. `prices`: what the batch found each resource to be worth, by unit."""
    choices = {choice.order_id: choice.option_id for choice in solution.choices}
    left = {resource.id: resource.capacity for resource in posed.problem.resources}
    for order in posed.problem.orders:
        for option in order.options:
            if choices.get(order.id) == option.id:
                for use in option.uses:
                    left[use.resource_id] -= use.amount
    limits = limits_of(posed, left, prices)
    for demand, order in zip(loaded.demands, posed.problem.orders, strict=True):
        offers = offers_of(posed, order)
        chosen = next((offer for offer in offers if offer.candidate.id == choices.get(order.id)), None)
        yield verdict(demand, chosen, offers, posed.ruled_out[order.id], limits)


def decided(loaded: Loaded, posed: Posed, prices: Mapping[str, float]) -> Verdict:
    """The verdict for the one order of a problem, by the prices alone."""
    (demand,), (order,) = loaded.demands, posed.problem.orders
    left = {resource.id: resource.capacity for resource in posed.problem.resources}
    limits, offers = limits_of(posed, left, prices), offers_of(posed, order)
    weight = loaded.network.policy.allocation.scarcity
    chosen = best(offers, limits, scarcity_weight=weight, worth_minor=penalty(demand))
    return verdict(demand, chosen, offers, posed.ruled_out[order.id], limits)


def limits_of(posed: Posed, left: Mapping[str, int], prices: Mapping[str, float]) -> dict[str, Limit]:
    """Every limit of the problem, with what is left of it and its price."""
    return {
        resource.id: Limit(
            kind=resource.kind,
            name=resource.name,
            left=left[resource.id],
            price_minor=max(0.0, prices.get(resource.id, 0.0)),
        )
        for resource in posed.problem.resources
    }


def offers_of(posed: Posed, order: AllocationOrder) -> list[Offer]:
    """The candidates of one order with what they use."""
    return [
        Offer(
            candidate=posed.candidates[order.id][option.id],
            uses={use.resource_id: use.amount for use in option.uses},
        )
        for option in order.options
    ]


def verdict(
    demand: Demand,
    chosen: Offer | None,
    offers: Sequence[Offer],
    ruled_out: Sequence[RuledOut],
    limits: Mapping[str, Limit],
) -> Verdict:
    """What was chosen, told with its reasons."""
    currency = demand.order.currency
    others = [offer for offer in offers if offer is not chosen]
    why_not = None
    if chosen is None:
        why_not = unassigned(offers, ruled_out, limits, worth_minor=penalty(demand), currency=currency)
    return Verdict(
        demand=demand,
        chosen=None if chosen is None else chosen.candidate,
        scarce=() if chosen is None else _scarce(chosen, limits),
        lost=lost(chosen, others, limits, currency=currency),
        ruled_out=ruled_out,
        unassigned=why_not,
    )


def _scarce(chosen: Offer, limits: Mapping[str, Limit]) -> list[Json]:
    return [
        {"name": limits[id].name, "units": amount, "priceMinor": round(limits[id].price_minor)}
        for id, amount in chosen.uses.items()
        if round(limits[id].price_minor) > 0
    ]
