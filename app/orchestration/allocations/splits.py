"""Orders that two nodes share: each gives whole lines, or parts of a line where nothing else serves. Pure.

Every pair among the nearest nodes is looked at; what leaves both nodes has one window. More than two nodes share
no order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product

import numpy as np

from app.core.geo import great_circle_metres
from app.models import FulfilmentNode
from app.orchestration.allocations.batches import Batch, Demand, Network
from app.orchestration.allocations.candidates import Candidate, candidate_of
from app.orchestration.allocations.ways import POSSIBLE, Column, columns
from app.orchestration.nodes import policies as nodes

NEAREST_NODES = 6
# So many services of a part are offered to the solver, by day.
SERVICES_A_PART = 2
MOST_SPLITS = 12

Share = tuple[tuple[str, int], ...]


@dataclass(kw_only=True)
class _Parts:
    """The parts of orders that would leave one node, each once."""

    demands: list[Demand] = field(default_factory=list)
    shares: list[Mapping[str, int]] = field(default_factory=list)
    numbers: dict[tuple[int, Share], int] = field(default_factory=dict)

    def number(self, order: int, demand: Demand, share: Mapping[str, int]) -> int:
        """The place of a part, made where it is new."""
        key = (order, _share(share))
        if key not in self.numbers:
            self.numbers[key] = len(self.demands)
            self.demands.append(demand)
            self.shares.append(share)
        return self.numbers[key]


def _share(quantities: Mapping[str, int]) -> Share:
    return tuple(sorted(quantities.items()))


def splits(
    demands: Mapping[int, Demand], network: Network, *, is_served: Mapping[int, bool]
) -> dict[int, list[Candidate]]:
    """The ways to share each order, cheapest first. `is_served`: whether a single node could serve it.

    Only what is on hand is shared; goods that are still to come in are not.
    """
    parts = {node.id: _Parts() for node in network.nodes}
    pairs: dict[int, list[tuple[FulfilmentNode, int, FulfilmentNode, int]]] = {}
    for order, demand in demands.items():
        pairs[order] = [
            (
                first,
                parts[first.id].number(order, demand, of_first),
                second,
                parts[second.id].number(order, demand, rest),
            )
            for first, of_first, second, rest in _shares(demand, network, is_served=is_served[order])
        ]
    priced = {node.id: _priced(node, parts[node.id], network) for node in network.nodes if parts[node.id].demands}
    split_minor = network.policy.allocation.split_minor
    found: dict[int, list[Candidate]] = {}
    for order, of_order in pairs.items():
        joined = {
            candidate.id: candidate
            for first, one, second, other in of_order
            for candidate in _joined(priced[first.id][one], priced[second.id][other], split_minor=split_minor)
        }
        found[order] = sorted(joined.values(), key=lambda each: (each.cost_minor, each.id))[:MOST_SPLITS]
    return found


def _shares(
    demand: Demand, network: Network, *, is_served: bool
) -> Iterator[tuple[FulfilmentNode, dict[str, int], FulfilmentNode, dict[str, int]]]:
    """Who gives what: the first node what it has, the second the rest. Lines are divided only where all else fails."""
    near = _nearest(demand, network)
    wanted, is_found, seen = demand.quantities, False, set[frozenset[tuple[str, Share]]]()
    for first, second in permutations(near, 2):
        share = _by_line(wanted, network, first, second)
        if share is None:
            continue
        is_found = True
        key = frozenset({(first.reference, _share(share[0])), (second.reference, _share(share[1]))})
        if key not in seen:
            seen.add(key)
            yield first, share[0], second, share[1]
    if is_served or is_found:
        return
    for first, second in permutations(near, 2):
        share = _by_piece(wanted, network, first, second)
        if share is not None:
            yield first, share[0], second, share[1]


def _nearest(demand: Demand, network: Network) -> list[FulfilmentNode]:
    """The nearest nodes that have something of the order."""
    having = [
        node
        for node in network.nodes
        if any(network.available.get(node.id, {}).get(sku, 0) > 0 for sku in demand.quantities)
    ]
    having.sort(key=lambda node: (great_circle_metres(nodes.place(node), demand.door), node.reference))
    return having[:NEAREST_NODES]


def _by_line(
    wanted: Mapping[str, int], network: Network, first: FulfilmentNode, second: FulfilmentNode
) -> tuple[dict[str, int], dict[str, int]] | None:
    here, there = network.available.get(first.id, {}), network.available.get(second.id, {})
    of_first = {sku: quantity for sku, quantity in wanted.items() if here.get(sku, 0) >= quantity}
    rest = {sku: quantity for sku, quantity in wanted.items() if sku not in of_first}
    if not of_first or not rest or any(there.get(sku, 0) < quantity for sku, quantity in rest.items()):
        return None
    return of_first, rest


def _by_piece(
    wanted: Mapping[str, int], network: Network, first: FulfilmentNode, second: FulfilmentNode
) -> tuple[dict[str, int], dict[str, int]] | None:
    here, there = network.available.get(first.id, {}), network.available.get(second.id, {})
    of_first = {sku: given for sku, quantity in wanted.items() if (given := min(quantity, here.get(sku, 0)))}
    rest = {sku: left for sku, quantity in wanted.items() if (left := quantity - of_first.get(sku, 0))}
    if not of_first or not rest or any(there.get(sku, 0) < quantity for sku, quantity in rest.items()):
        return None
    return of_first, rest


def _priced(node: FulfilmentNode, parts: _Parts, network: Network) -> list[list[Candidate]]:
    """For each part the cheapest services, of each day."""
    batch = Batch(demands=parts.demands, quantities=parts.shares, products=network.products)
    by_day: dict[int, list[Column]] = {}
    for column in columns([node], batch, network)[0]:
        by_day.setdefault(column.later, []).append(column)
    found: list[list[Candidate]] = [[] for _ in parts.demands]
    for of_day in by_day.values():
        costs = np.array([column.cost for column in of_day])
        possible = np.array([column.stage == POSSIBLE for column in of_day])
        order = np.argsort(np.where(possible, costs, np.iinfo(np.int64).max), axis=0, kind="stable")[:SERVICES_A_PART]
        for rank in order:
            for number, place in enumerate(rank.tolist()):
                if possible[place, number]:
                    found[number].append(candidate_of(of_day[place], batch, number, network))
    return found


def _joined(ones: Sequence[Candidate], others: Sequence[Candidate], *, split_minor: int) -> Iterator[Candidate]:
    for one, other in product(ones, others):
        if one.window_start != other.window_start:
            continue
        costs = dict(one.costs)
        for name, amount in other.costs:
            costs[name] = costs.get(name, 0) + amount
        yield Candidate(
            id=f"{one.id}+{other.id}",
            parts=(*one.parts, *other.parts),
            window_start=one.window_start,
            window_end=one.window_end,
            costs=(*costs.items(), ("splitting", split_minor)),
        )
