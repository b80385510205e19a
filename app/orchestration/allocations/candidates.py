"""Which ways could serve each order of a batch, at what cost, and what rules out the others, in words.

Pure: no clock, no database. Here the arrays of ways.py become candidates that a solver and a person can name.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from math import prod

import numpy as np

from app.models import Carrier, FulfilmentNode
from app.orchestration.allocations.batches import Batch, Demand, Network, whole
from app.orchestration.allocations.refusals import Refused, describe, no_stock
from app.orchestration.allocations.ways import OF_NODE, POSSIBLE, STAGE, STAGES, Column, Stages, columns
from app.orchestration.carriers.rating import Minors
from app.orchestration.carriers.terms import ServiceTerms
from app.orchestration.carriers.zones import Flags, Numbers

# The cost of what is ruled out; the stage of what needs no reason.
IMPOSSIBLE = np.iinfo(np.int64).max
NOT_SAID = -2
# Days as ordinals: before and after all others.
AT_ONCE, NEVER = 0, date.max.toordinal()
# In the place of a column.
NONE = -1

Costs = tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class Part:
    """So much of an order from one node by one carrier's service. `carriage`: the carrier's price, item by item.

    `cost_minor` has the policy's weights in it; `price_minor` is what the carrier charges. `expected_by`: goods that
    come in until then may be promised for it; None: only those that are there. `terms`: None where they were agreed on
    before, and stock and places taken. `is_collection`: the goods come to the node.
    """

    node: FulfilmentNode
    carrier: Carrier
    service: str
    quantities: Mapping[str, int]
    cost_minor: int
    price_minor: int
    carriage: Costs = ()
    day: date
    expected_by: date | None = None
    on_time_probability: float = 1.0
    grams_co2: float = 0.0
    terms: ServiceTerms | None = None
    is_collection: bool = False

    @property
    def from_stock(self) -> Mapping[str, int]:
        """What the node has to have of it."""
        return {} if self.is_collection else self.quantities


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to serve an order: one part, or two where it is split. Costs in minor units."""

    id: str
    parts: tuple[Part, ...]
    window_start: datetime
    window_end: datetime
    costs: Costs

    @cached_property
    def cost_minor(self) -> int:
        """All components together."""
        return sum(amount for _, amount in self.costs)

    @cached_property
    def on_time_probability(self) -> float:
        """The chance that every part is there in time."""
        return prod(part.on_time_probability for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class RuledOut:
    """A node and carrier that cannot serve the order; `change` is what would have to give way."""

    node: FulfilmentNode
    carrier: Carrier | None
    code: str
    detail: str
    change: str
    cost_minor: int | None = None


class Ways:
    """All ways of the orders of a batch, undivided."""

    def __init__(self, demands: Sequence[Demand], network: Network) -> None:
        self.batch = whole(demands, network)
        self.nodes, self.services = network.nodes, network.services
        self._network = network
        self.is_awaiting_goods = bool(network.inbound)
        of_nodes = columns(network.nodes, self.batch, network) if network.nodes else []
        self._columns = [column for of_node in of_nodes for column in of_node]
        numbers = {(terms.carrier.id, terms.code): number for number, terms in enumerate(network.services)}
        self.node_numbers = np.repeat(np.arange(len(of_nodes)), [len(of_node) for of_node in of_nodes])
        self.service_numbers = np.array(
            [numbers[column.terms.carrier.id, column.terms.code] for column in self._columns], dtype=np.int64
        )

    def cheapest(self, *, most: int) -> tuple[Numbers, Numbers, Minors]:
        """The `most` possible ways of each order that cost least, the least first: order, column, cost of each way."""
        if not self._columns:
            nothing = np.zeros(0, dtype=np.int64)
            return nothing, nothing, nothing
        costs = np.where(self._possible, self._costs, IMPOSSIBLE)
        ranked = np.argsort(costs, axis=0, kind="stable")[:most]
        least = np.take_along_axis(costs, ranked, axis=0)
        orders, places = np.nonzero(least.T != IMPOSSIBLE)
        return orders, ranked[places, orders], least[places, orders]

    def standing(self) -> Numbers:
        """[orders] the column of each order's standing allocation; NONE where it has none, or this is no way now."""
        found = np.full(len(self.batch), NONE)
        for order, demand in enumerate(self.batch.demands):
            if (held := demand.standing) is None:
                continue
            number = self._on_promised_day.get((held.node_id, held.carrier_id, held.service), NONE)
            if number != NONE and self._days[number, order] == held.capacity_date.toordinal():
                found[order] = number
        return found

    def days(self, columns: Numbers, orders: Numbers) -> Numbers:
        """The local day of handing over, as an ordinal, of each way."""
        return self._days[columns, orders] if len(columns) else columns

    def candidate(self, column: int, order: int) -> Candidate:
        """One way by name."""
        return candidate_of(self._columns[column], self.batch, order, self._network)

    def ruled_out(self, order: int) -> Iterator[RuledOut]:
        """What rules out the nodes and carriers that cannot serve one order, the way that came furthest first."""
        if self._columns:
            ranked, counts = self._furthest
            for row in ranked[: counts[order], order].tolist():
                yield self._named(row, order)

    @cached_property
    def _on_promised_day(self) -> dict[tuple[uuid.UUID, uuid.UUID, str], int]:
        return {
            (column.node.id, column.terms.carrier.id, column.terms.code): number
            for number, column in enumerate(self._columns)
            if column.later == 0
        }

    @cached_property
    def _days(self) -> Numbers:
        return np.array([column.day for column in self._columns])

    @cached_property
    def _costs(self) -> Minors:
        return np.array([column.cost for column in self._columns])

    @cached_property
    def _stages(self) -> Stages:
        return np.array([column.stage for column in self._columns])

    @cached_property
    def _ready(self) -> Numbers:
        """From which day, as an ordinal, a node has enough: AT_ONCE, or NEVER as far as is known. [nodes, orders]."""
        lines, available = self.batch.lines, self._network.available
        there = np.array(
            [[available.get(node.id, {}).get(sku, 0) for sku in lines.names] for node in self.nodes], dtype=np.int64
        )
        order_of = np.repeat(np.arange(len(self.batch)), np.diff(lines.starts))
        is_short = there[:, lines.skus] < lines.quantities
        lacks = np.array([np.bincount(order_of, weights=row, minlength=len(self.batch)) > 0 for row in is_short])
        ready = np.where(lacks, NEVER, AT_ONCE)
        if self.is_awaiting_goods:
            for number, order in np.argwhere(lacks).tolist():
                ready[number, order] = _ready_day(self.nodes[number], self.batch.quantities[order], self._network)
        return ready

    @cached_property
    def _possible(self) -> Flags:
        return np.asarray((self._stages == POSSIBLE) & (self._days >= self._ready[self.node_numbers]))

    @cached_property
    def _lacks(self) -> Flags:
        """Whether it is stock that rules a node out: never enough of it, or not yet when it would have to leave."""
        leaving = np.where(self._stages == POSSIBLE, self._days, AT_ONCE)
        latest = np.maximum.reduceat(leaving, np.searchsorted(self.node_numbers, np.arange(len(self.nodes))))
        return np.asarray((self._ready == NEVER) | ((latest > AT_ONCE) & (latest < self._ready)))

    @cached_property
    def _groups(self) -> list[list[int]]:
        """The columns of each node and carrier, node by node."""
        groups: dict[tuple[int, uuid.UUID], list[int]] = {}
        for number, column in enumerate(self._columns):
            groups.setdefault((int(self.node_numbers[number]), column.terms.carrier.id), []).append(number)
        return list(groups.values())

    @cached_property
    def _furthest(self) -> tuple[Numbers, Numbers]:
        """The reasons of each order, those of the ways that came furthest first: [rows, orders], and how many.

        A row is a node that lacks goods, or else a group of columns; what a node cannot keep is said once.
        """
        groups = self._groups
        of_group = self.node_numbers[[group[0] for group in groups]]
        is_first = np.concatenate([[True], np.diff(of_group) > 0])
        columns = [column for group in groups for column in group]
        starts = np.cumsum([0, *map(len, groups[:-1])])
        stages = self._stages[columns]
        lowest, highest = np.minimum.reduceat(stages, starts), np.maximum.reduceat(stages, starts)
        is_said = (highest > max(OF_NODE)) | is_first[:, None]
        is_open = (lowest > POSSIBLE) & is_said & ~self._lacks[of_group]
        reached = np.concatenate(
            [np.where(self._lacks, STAGE["NO_STOCK"], NOT_SAID), np.where(is_open, highest, NOT_SAID)]
        )
        costs = np.minimum.reduceat(self._costs[columns], starts)
        of_nodes = np.minimum.reduceat(costs, np.flatnonzero(is_first))
        ranked = np.lexsort((np.concatenate([of_nodes, costs]), -reached), axis=0)
        return ranked, np.asarray((reached != NOT_SAID).sum(axis=0))

    def _named(self, row: int, order: int) -> RuledOut:
        if row < len(self.nodes):
            return self._without_stock(row, order)
        group = self._groups[row - len(self.nodes)]
        stages = self._stages[group, order].tolist()
        furthest = max(stages)
        number = group[stages.index(furthest)]
        column = self._columns[number]
        why = describe(STAGES[furthest], column, self.batch, order, self._network)
        carrier = None if furthest in OF_NODE else column.terms.carrier
        return _ruled_out(column.node, carrier, why, int(self._costs[number, order]))

    def _without_stock(self, number: int, order: int) -> RuledOut:
        node, of_node = self.nodes[number], self.node_numbers == number
        costs = self._costs[of_node, order][self._stages[of_node, order] == POSSIBLE]
        missing = no_stock(node, self.batch, order, self._network)
        return _ruled_out(node, None, missing, int(costs.min()) if len(costs) else None)


def _ready_day(node: FulfilmentNode, quantities: Mapping[str, int], network: Network) -> int:
    days = [
        next((day.toordinal() for day, there in network.stock_by_day(node, sku) if there >= wanted), NEVER)
        for sku, wanted in quantities.items()
    ]
    return max(days)


def candidate_of(column: Column, batch: Batch, number: int, network: Network) -> Candidate:
    """One way of one demand, by name."""
    node, terms = column.node, column.terms
    window = batch.window(number, later=column.later)
    at, of = (column.number, number), column.of
    costs = tuple((name, found) for name, amounts in of.parts.items() if (found := amounts.item(at)))
    carriage = tuple((name, found) for name, amounts in of.carriage.items() if (found := amounts.item(at)))
    day = window[0].astimezone(network.zone(node)).date()
    handed_over = date.fromordinal(int(of.day[at]))
    part = Part(
        node=node,
        carrier=terms.carrier,
        service=terms.code,
        quantities=batch.quantities[number],
        cost_minor=sum(amount for _, amount in costs),
        price_minor=sum(amount for _, amount in carriage),
        carriage=carriage,
        day=handed_over,
        expected_by=network.expected_by(handed_over),
        on_time_probability=float(of.on_time[at]),
        grams_co2=float(of.grams_co2[at]),
        terms=terms,
        is_collection=batch.demands[number].is_collection,
    )
    return Candidate(
        id=f"{node.reference}|{terms.carrier.reference}|{terms.code}|{day}",
        parts=(part,),
        window_start=window[0],
        window_end=window[1],
        costs=costs,
    )


def _ruled_out(node: FulfilmentNode, carrier: Carrier | None, why: Refused, cost: int | None) -> RuledOut:
    return RuledOut(node=node, carrier=carrier, code=why.code, detail=why.detail, change=why.change, cost_minor=cost)
