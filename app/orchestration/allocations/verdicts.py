"""What an allocation's answer means for each order: what it gets, and why the rest lost. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from app.models.base import Json
from app.orchestration.allocations.batches import Demand
from app.orchestration.allocations.bidding import Limit, Offer, best
from app.orchestration.allocations.candidates import Candidate, RuledOut
from app.orchestration.allocations.problem import Posed
from app.orchestration.allocations.why import Lost, lost, unassigned
from app.solvers.allocation.solution import AllocationSolution
from app.solvers.allocation.table import LEFT_OUT, AllocationTable, Floats, Longs


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


def verdicts(posed: Posed, solution: AllocationSolution, *, most: int) -> Iterator[Verdict]:
    """One verdict per order of a batch, each with the `most` others that came closest."""
    table, prices = posed.table, solution.prices
    limits = limits_of(posed, table.capacities - _used(table, solution.chosen), prices)
    priced = table.costs + _by_option(table, prices[table.use_resources] * table.use_amounts)
    for order, (demand, option) in enumerate(zip(posed.loaded.demands, solution.chosen.tolist(), strict=True)):
        own = table.options_of(order)
        closest = own.start + np.argsort(priced[own.start : own.stop], kind="stable")
        # Why an order got nothing is said over all of its options.
        others = closest[closest != option][: None if option == LEFT_OUT else most].tolist()
        offers = posed.offers(order, others if option == LEFT_OUT else [option, *others])
        chosen = None if option == LEFT_OUT else offers[0]
        ruled_out = islice(posed.ruled_out(order), max(1, most - len(others)))
        yield verdict(demand, chosen, offers, list(ruled_out), limits, worth_minor=int(table.penalties[order]))


def _used(table: AllocationTable, chosen: Longs) -> Longs:
    """How much of each limit the chosen options use."""
    is_taken = np.zeros(table.options, dtype=np.bool_)
    is_taken[chosen[chosen != LEFT_OUT]] = True
    rows = np.repeat(is_taken, np.diff(table.use_starts))
    used = np.bincount(table.use_resources[rows], weights=table.use_amounts[rows], minlength=table.resources)
    return used.astype(np.int64)


def _by_option(table: AllocationTable, amounts: Floats) -> Floats:
    """The sums of what is given for each use."""
    options = np.repeat(np.arange(table.options), np.diff(table.use_starts))
    return np.asarray(np.bincount(options, weights=amounts, minlength=table.options))


def decided(posed: Posed, prices: Mapping[str, float]) -> Verdict:
    """The verdict for the one order of a problem, by the prices of the limits alone."""
    (demand,) = posed.loaded.demands
    offers, limits = offers_of_one(posed), limits_by_name(posed, prices)
    weight, worth = posed.loaded.network.policy.allocation.scarcity, int(posed.table.penalties[0])
    chosen = best(offers, limits, scarcity_weight=weight, worth_minor=worth)
    return verdict(demand, chosen, offers, list(posed.ruled_out(0)), limits, worth_minor=worth)


def offers_of_one(posed: Posed) -> list[Offer]:
    """All ways to serve the one order of a problem."""
    return posed.offers(0, posed.table.options_of(0))


def limits_by_name(posed: Posed, prices: Mapping[str, float]) -> dict[str, Limit]:
    """Every limit of the problem while nothing is taken; what `prices` leaves out is worth nothing."""
    return limits_of(posed, posed.table.capacities, np.array([prices.get(each.id, 0.0) for each in posed.resources]))


def limits_of(posed: Posed, left: Longs, prices: Floats) -> dict[str, Limit]:
    """Every limit of the problem, with what is left of it and its price."""
    return {
        resource.id: Limit(kind=resource.kind, name=resource.name, left=free, price_minor=max(0.0, price))
        for resource, free, price in zip(posed.resources, left.tolist(), prices.tolist(), strict=True)
    }


def verdict(
    demand: Demand,
    chosen: Offer | None,
    offers: Sequence[Offer],
    ruled_out: Sequence[RuledOut],
    limits: Mapping[str, Limit],
    *,
    worth_minor: int,
) -> Verdict:
    """What was chosen, told with its reasons. `worth_minor`: what leaving the order out costs."""
    currency = demand.order.currency
    others = [offer for offer in offers if offer is not chosen]
    why_not = None
    if chosen is None:
        why_not = unassigned(offers, ruled_out, limits, worth_minor=worth_minor, currency=currency)
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
