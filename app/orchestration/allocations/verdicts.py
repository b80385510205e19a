"""What an allocation's answer means for each order: what it gets, and why the rest lost. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.models.base import Json
from app.orchestration.allocations.batches import Demand
from app.orchestration.allocations.bidding import Limit, Offer
from app.orchestration.allocations.candidates import Candidate, RuledOut
from app.orchestration.allocations.problem import Posed
from app.orchestration.allocations.why import Lost, lost, unassigned
from app.solvers.allocation.solution import AllocationSolution
from app.solvers.allocation.table import LEFT_OUT, AllocationTable, Floats, Longs

# So many of the ways that would have been possible are told; there is room for what was not, too.
MOST_LOSERS = 24


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


def verdicts(posed: Posed, solution: AllocationSolution, orders: Iterable[int], *, most: int) -> Iterator[Verdict]:
    """The verdicts for these orders of a batch, each with the `most` others that came closest."""
    table, prices = posed.table, solution.prices
    limits = limits_of(posed, table.capacities - _used(table, solution.chosen), prices)
    priced = priced_costs(table, prices)
    for order in orders:
        yield _verdict(posed, order, int(solution.chosen[order]), priced, limits, most=most)


def _used(table: AllocationTable, chosen: Longs) -> Longs:
    """How much of each limit the chosen options use."""
    is_taken = np.zeros(table.options, dtype=np.bool_)
    is_taken[chosen[chosen != LEFT_OUT]] = True
    rows = np.repeat(is_taken, np.diff(table.use_starts))
    used = np.bincount(table.use_resources[rows], weights=table.use_amounts[rows], minlength=table.resources)
    return used.astype(np.int64)


def decided(posed: Posed, prices: Mapping[str, float], *, most: int) -> Verdict:
    """The verdict for the one order of a problem, by the prices of the limits alone, with `most` others."""
    return at_prices(posed, prices).verdict(0, most=most)


@dataclass(frozen=True, kw_only=True)
class AtPrices:
    """A problem while nothing is taken, and what its options cost at the prices of its limits.

    `costs` [options]: minor units, with what is used up as the policy weighs it. `fits` [options].
    """

    posed: Posed
    limits: Mapping[str, Limit]
    costs: Floats
    fits: NDArray[np.bool_]

    def cheapest(self, order: int) -> int:
        """The option that costs least with what it uses up; LEFT_OUT where nothing fits or is worth its cost.

        The price of scarcity chooses among options; alone it leaves no order out.
        """
        table = self.posed.table
        own = slice(int(table.starts[order]), int(table.starts[order + 1]))
        is_possible = self.fits[own] & (table.costs[own] <= table.penalties[order])
        if not is_possible.any():
            return LEFT_OUT
        return own.start + int(np.argmin(np.where(is_possible, self.costs[own], np.inf)))

    def verdict(self, order: int, *, most: int) -> Verdict:
        """What the prices say to an order, with `most` others."""
        return _verdict(self.posed, order, self.cheapest(order), self.costs, self.limits, most=most)


def at_prices(posed: Posed, prices: Mapping[str, float]) -> AtPrices:
    """The problem at these prices, in minor units a unit by the id of a limit; what is left out is worth nothing."""
    table, weight = posed.table, posed.loaded.network.policy.allocation.scarcity
    each = np.array([max(0.0, prices.get(resource.id, 0.0)) for resource in posed.resources])
    is_short = table.use_amounts > table.capacities[table.use_resources]
    return AtPrices(
        posed=posed,
        limits=limits_of(posed, table.capacities, each),
        costs=priced_costs(table, weight * each),
        fits=_by_option(table, is_short) == 0,
    )


def priced_costs(table: AllocationTable, prices: Floats) -> Floats:
    """[options] what each costs with what it uses up at these prices [resources]."""
    return table.costs + _by_option(table, prices[table.use_resources] * table.use_amounts)


def _by_option(table: AllocationTable, amounts: NDArray[Any]) -> Floats:
    """The sums of what is given for each use."""
    options = np.repeat(np.arange(table.options), np.diff(table.use_starts))
    return np.asarray(np.bincount(options, weights=amounts, minlength=table.options))


def _verdict(
    posed: Posed, order: int, option: int, costs: Floats, limits: Mapping[str, Limit], *, most: int
) -> Verdict:
    """One order's verdict, with the `most` others. `costs` [options]: with what they use up.

    Why an order got nothing is said over all of its options.
    """
    own = posed.table.options_of(order)
    closest = own.start + np.argsort(costs[own.start : own.stop], kind="stable")
    if option == LEFT_OUT:
        others, offers, chosen = closest, posed.offers(order, closest.tolist()), None
    else:
        others = posed.representative(order, closest[closest != option], most=min(most, MOST_LOSERS))
        offers = posed.offers(order, [option, *others.tolist()])
        chosen = offers[0]
    ruled_out = list(islice(posed.ruled_out(order), max(1, most - len(others))))
    demand, worth = posed.loaded.demands[order], int(posed.table.penalties[order])
    return verdict(demand, chosen, offers, ruled_out, limits, worth_minor=worth)


def offers_of_one(posed: Posed) -> list[Offer]:
    """All ways to serve the one order of a problem."""
    return posed.offers(0, posed.table.options_of(0))


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
