"""Which ways could serve each order of a batch, at what cost, and what rules out the others, in words.

Pure: no clock, no database. Here the arrays of ways.py become candidates that a solver and a person can name.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from app.models import Carrier, FulfilmentNode
from app.orchestration.allocations.batches import Batch, Demand, Network, whole
from app.orchestration.allocations.refusals import Refused, describe, no_stock
from app.orchestration.allocations.ways import OF_NODE, POSSIBLE, STAGES, Column, columns
from app.orchestration.carriers.rating import Minors
from app.orchestration.carriers.zones import Flags, Numbers

# Days as ordinals: before and after all others.
AT_ONCE, NEVER = 0, date.max.toordinal()

Costs = tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class Part:
    """So much of an order from one node by one carrier's service. `carriage`: the carrier's price, item by item.

    `cost_minor` has the policy's weights in it; `price_minor` is what the carrier charges. `expected_by`: goods that
    come in until then may be promised for it; None: only those that are there.
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


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to serve an order: one part, or two where it is split. Costs in minor units."""

    id: str
    parts: tuple[Part, ...]
    window_start: datetime
    window_end: datetime
    costs: Costs

    @property
    def cost_minor(self) -> int:
        """All components together."""
        return sum(amount for _, amount in self.costs)

    @property
    def on_time_probability(self) -> float:
        """The chance that every part is there in time."""
        return float(np.prod([part.on_time_probability for part in self.parts]))


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
        self._network = network
        self._columns = columns(network.nodes, self.batch, network) if network.nodes else []
        self._ready = [ready_days(self.batch, node, network) for node in network.nodes]

    def candidates(self, number: int, *, most: int) -> list[Candidate]:
        """The cheapest ways that are possible for one order, cheapest first."""
        columns, possible, costs = self._table
        numbers = np.flatnonzero(possible[:, number])
        best = numbers[np.argsort(costs[numbers, number], kind="stable")[:most]]
        found = [candidate_of(columns[place], self.batch, number, self._network) for place in best.tolist()]
        return sorted(found, key=lambda candidate: (candidate.cost_minor, candidate.id))

    @cached_property
    def _table(self) -> tuple[list[Column], Flags, Minors]:
        """All columns, whether each is possible, and its cost: [columns, demands]."""
        columns = [column for of_node in self._columns for column in of_node]
        if not columns:
            nothing = (0, len(self.batch))
            return [], np.zeros(nothing, dtype=bool), np.zeros(nothing, dtype=np.int64)
        ready = [ready for ready, of_node in zip(self._ready, self._columns, strict=True) for _ in of_node]
        lacks = [
            column.day < days if self._network.inbound else days == NEVER
            for column, days in zip(columns, ready, strict=True)
        ]
        possible = np.array([column.stage == POSSIBLE for column in columns]) & ~np.array(lacks)
        return columns, possible, np.array([column.cost for column in columns])

    def ruled_out(self, number: int) -> Iterator[RuledOut]:
        """What rules out the nodes and carriers that cannot serve one order."""
        for node, of_node, ready in zip(self._network.nodes, self._columns, self._ready, strict=True):
            if _lacks_stock(of_node, number, ready=int(ready[number])):
                yield self._without_stock(node, of_node, number)
            else:
                yield from self._of_carriers(node, of_node, number)

    def _without_stock(self, node: FulfilmentNode, of_node: Sequence[Column], number: int) -> RuledOut:
        costs = [int(column.cost[number]) for column in of_node if column.stage[number] == POSSIBLE]
        missing = no_stock(node, self.batch, number, self._network)
        return _ruled_out(node, None, missing, min(costs, default=None))

    def _of_carriers(self, node: FulfilmentNode, of_node: Sequence[Column], number: int) -> Iterator[RuledOut]:
        """One reason for each carrier: that of the service and day that came furthest."""
        by_carrier: dict[uuid.UUID, list[Column]] = {}
        for column in of_node:
            by_carrier.setdefault(column.terms.carrier.id, []).append(column)
        for of_carrier in by_carrier.values():
            stages = [int(column.stage[number]) for column in of_carrier]
            if POSSIBLE in stages:
                continue
            column = of_carrier[stages.index(max(stages))]
            stage = STAGES[max(stages)]
            why = describe(stage, column, self.batch, number, self._network)
            carrier = None if max(stages) in OF_NODE else column.terms.carrier
            yield _ruled_out(node, carrier, why, int(column.cost[number]))
            if carrier is None:
                return


def ready_days(batch: Batch, node: FulfilmentNode, network: Network) -> Numbers:
    """The day, as an ordinal, from which the node has enough for each demand: AT_ONCE, or NEVER as far as is known."""
    stock, comes_in = network.available.get(node.id, {}), network.inbound.get(node.id, {})

    def ready(sku: str, wanted: int) -> int:
        if stock.get(sku, 0) >= wanted:
            return AT_ONCE
        if sku not in comes_in:
            return NEVER
        steps = network.stock_by_day(node, sku)
        return next((day.toordinal() for day, there in steps if there >= wanted), NEVER)

    return np.fromiter(
        (max(ready(sku, wanted) for sku, wanted in quantities.items()) for quantities in batch.quantities),
        np.int64,
        len(batch),
    )


def _lacks_stock(of_node: Sequence[Column], number: int, *, ready: int) -> bool:
    """Whether it is stock that rules the node out: never enough of it, or not yet when it would have to leave."""
    leaving = [int(column.day[number]) for column in of_node if column.stage[number] == POSSIBLE]
    return ready == NEVER or (bool(leaving) and max(leaving) < ready)


def candidate_of(column: Column, batch: Batch, number: int, network: Network) -> Candidate:
    """One way of one demand, by name."""
    node, terms = column.node, column.terms
    window = batch.window(number, later=column.later)
    costs = tuple((name, int(amounts[number])) for name, amounts in column.parts.items() if amounts[number])
    carriage = tuple((name, int(amounts[number])) for name, amounts in column.carriage.items() if amounts[number])
    day = window[0].astimezone(ZoneInfo(node.time_zone)).date()
    handed_over = date.fromordinal(int(column.day[number]))
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
        on_time_probability=float(column.on_time[number]),
        grams_co2=float(column.grams_co2[number]),
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


__all__ = ["STAGES", "Candidate", "Demand", "Minors", "Network", "Part", "RuledOut", "Ways"]
