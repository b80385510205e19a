"""From waiting orders to an allocation table, and from its rows back to ways with names. Pure: no clock, no database.

Ways are worked out for so many orders at a time, and again when somebody asks for their names: those of a large batch
are some hundred bytes each, which would fill the memory, while their rows in the table are a few dozen.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from app.orchestration.allocations import drawing
from app.orchestration.allocations.batches import LATER_DAYS, Demand
from app.orchestration.allocations.bidding import Offer
from app.orchestration.allocations.candidates import NONE, Candidate, RuledOut, Ways
from app.orchestration.allocations.drawing import FIRST_SPLIT, Rows
from app.orchestration.allocations.limits import Limits, Loaded, Resource
from app.orchestration.allocations.splits import splits
from app.orchestration.allocations.standing import let_go
from app.solvers.allocation.standing import with_standing
from app.solvers.allocation.table import LEFT_OUT, AllocationTable, Longs

# Leaving an order out costs as much as so many median orders of its batch, and more the more urgent it
# is: above any way to serve it, but not so far that the proved bound says nothing of the others.
LEFT_OUT_TIMES = 30.0
URGENCY_SHARE = 0.01
# The least median, where goods travel for nothing.
LEAST_MEDIAN_MINOR = 100.0
# So many ways, possible or not, are worked out at once.
WAYS_AT_ONCE = 600_000
# So many rows a table may have; a larger batch weighs the cheapest ways of each order, at least so many.
MOST_ROWS, LEAST_WAYS = 8_000_000, 24


class Posed:
    """The table of a batch with the names of what it numbers: `resources`, and by `offers` its options."""

    def __init__(self, loaded: Loaded, *, may_split: bool = True) -> None:
        """All orders together; those that hold something may change it, at the policy's price."""
        self.loaded = let_go(loaded)
        self._may_split = may_split
        self._splits: list[Candidate] = []
        self._latest: tuple[int, Ways] | None = None
        each = max(1, len(loaded.network.nodes) * len(loaded.network.services))
        self._edges = [*range(0, len(loaded.demands), max(1, WAYS_AT_ONCE // each)), len(loaded.demands)]
        limits = Limits(self.loaded)
        rows = [self._rows(number, low, high, limits) for number, (low, high) in enumerate(pairwise(self._edges))]
        self.resources: Sequence[Resource] = limits.resources
        self._ways = np.concatenate([found.ways for found in rows]) if rows else np.zeros(0, dtype=np.int64)
        table = _table(rows, loaded.demands, self.resources)
        self.standing = self._standing(table)
        change = loaded.network.policy.allocation.change_minor or 0
        self.table = with_standing(table, self.standing, change_minor=change)

    @property
    def fixed(self) -> list[int]:
        """The orders that hold something which is no way any more, so that they may not change: its cut-off passed."""
        holds = np.array([demand.standing is not None for demand in self.loaded.demands], dtype=np.bool_)
        return np.flatnonzero(holds & (self.standing == LEFT_OUT)).tolist()

    def offers(self, order: int, options: Iterable[int]) -> list[Offer]:
        """These options of an order by name, with what they use."""
        ways, first = self._ways_of(order)
        return [
            Offer(
                candidate=self._splits[FIRST_SPLIT - way] if way < 0 else ways.candidate(way, order - first),
                uses={self.resources[number].id: amount for number, amount in self.table.uses_of(option)},
            )
            for option in options
            for way in (int(self._ways[option]),)
        ]

    def representative(self, order: int, options: Longs, *, most: int) -> Longs:
        """The first `most` of an order's options, and among them, where there is room, each node's and service's first.

        Keeps their order. An option that splits the goods is of no node alone.
        """
        ways, _ = self._ways_of(order)
        if len(options) <= most or most < len(ways.nodes) + len(ways.services):
            return options[:most]
        columns = self._ways[options]
        undivided = np.flatnonzero(columns >= 0)
        numbers = ways.node_numbers[columns[undivided]], ways.service_numbers[columns[undivided]]
        firsts = [undivided[np.unique(each, return_index=True)[1]] for each in numbers]
        is_later = np.ones(len(options), dtype=np.bool_)
        is_later[np.concatenate(firsts)] = False
        return options[np.sort(np.argsort(is_later, kind="stable")[:most])]

    def ruled_out(self, order: int) -> Iterator[RuledOut]:
        """What rules out the other nodes and carriers of an order, what came furthest first."""
        ways, first = self._ways_of(order)
        return ways.ruled_out(order - first)

    def _standing(self, table: AllocationTable) -> Longs:
        """[orders] the option that each holds; LEFT_OUT where it holds none that is still possible."""
        found = np.full(table.orders, LEFT_OUT, dtype=np.int64)
        for low, high in pairwise(self._edges):
            if any(demand.standing is not None for demand in self.loaded.demands[low:high]):
                columns = self._ways_of(low)[0].standing()
                orders = np.repeat(np.arange(low, high), np.diff(table.starts[low : high + 1]))
                options = np.arange(table.starts[low], table.starts[high])
                is_held = (self._ways[options] == columns[orders - low]) & (columns[orders - low] != NONE)
                found[orders[is_held]] = options[is_held]
        return found

    def _ways_of(self, order: int) -> tuple[Ways, int]:
        """The ways worked out together with an order's, and the number of the first order among them."""
        number = int(np.searchsorted(self._edges, order, side="right")) - 1
        if self._latest is None or self._latest[0] != number:
            self._latest = None  # before the next are made
            self._latest = number, Ways(self._demands(number), self.loaded.network)
        return self._latest[1], self._edges[number]

    def _demands(self, number: int) -> Sequence[Demand]:
        return self.loaded.demands[self._edges[number] : self._edges[number + 1]]

    def _rows(self, number: int, low: int, high: int, limits: Limits) -> Rows:
        """The rows of some orders, in the order of their costs."""
        ways, _ = self._ways_of(low)
        demands, network = self._demands(number), self.loaded.network
        most = max(LEAST_WAYS, MOST_ROWS // max(1, len(self.loaded.demands)))
        whole = drawing.whole(ways, limits, most=min(most, len(network.nodes) * len(network.services) * LATER_DAYS))
        is_served = np.bincount(whole.orders, minlength=high - low) > 0
        divided = {
            place: demand
            for place, demand in enumerate(demands)
            if self._may_split
            and not demand.is_collection
            and (len(demand.lines) > 1 or (not is_served[place] and demand.lines[0].quantity > 1))
        }
        if not divided:
            return drawing.moved(whole, by=low)
        found = splits(divided, network, is_served={place: bool(is_served[place]) for place in divided})
        shared = drawing.divided(found, limits, first=len(self._splits))
        self._splits += [candidate for candidates in found.values() for candidate in candidates]
        return drawing.moved(drawing.merged(whole, shared), by=low)


def _table(rows: Sequence[Rows], demands: Sequence[Demand], resources: Sequence[Resource]) -> AllocationTable:
    found = drawing.joined(rows)
    starts = np.searchsorted(found.orders, np.arange(len(demands) + 1)).astype(np.int64)
    return AllocationTable(
        starts=starts,
        costs=found.costs,
        use_starts=np.concatenate([[0], np.cumsum(found.uses)]).astype(np.int64),
        use_resources=found.resources,
        use_amounts=found.amounts,
        penalties=_penalties(starts, found.costs, np.array([demand.order.priority for demand in demands])),
        capacities=np.array([resource.capacity for resource in resources], dtype=np.int64),
    )


def _penalties(starts: Longs, costs: Longs, priorities: Longs) -> Longs:
    """What leaving each order out costs, in minor units. `costs`: those of an order rise."""
    has = np.diff(starts) > 0
    median = max(LEAST_MEDIAN_MINOR, float(np.median(costs[starts[:-1][has]])) if has.any() else 0.0)
    penalties = LEFT_OUT_TIMES * median * (1 + URGENCY_SHARE * priorities)
    penalties[has] = np.maximum(penalties[has], costs[starts[1:][has] - 1] + median)
    return np.asarray(np.rint(penalties), dtype=np.int64)
