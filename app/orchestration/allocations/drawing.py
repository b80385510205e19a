"""The ways of a batch as rows of an allocation table: what each costs and draws from the shared limits. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from app.orchestration.allocations.candidates import Candidate, Ways
from app.orchestration.allocations.limits import Limits
from app.solvers.allocation.table import Ints, Longs

# Which way a row is, where it is none of the columns: split number 0 is -1, number 1 is -2.
FIRST_SPLIT = -1


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Ways side by side: `orders`, `ways` (a column, or a split), `costs` and `uses` (how many each has) [ways].

    `resources`, `amounts` [uses]: those of the first way, then those of the second.
    """

    orders: Longs
    ways: Longs
    costs: Longs
    uses: Longs
    resources: Ints
    amounts: Ints


_NO_LONGS, _NO_INTS = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32)
NO_ROWS = Rows(orders=_NO_LONGS, ways=_NO_LONGS, costs=_NO_LONGS, uses=_NO_LONGS, resources=_NO_INTS, amounts=_NO_INTS)


def whole(ways: Ways, limits: Limits, *, most: int) -> Rows:
    """The cheapest ways of each order, undivided."""
    orders, columns, costs = ways.cheapest(most=most)
    days = ways.days(columns, orders)
    place, numbers, quantities = _lines(ways, orders, columns, days, limits)
    on_node = _numbered(
        ways.node_numbers[columns],
        days,
        lambda node, day: [limits.of_node(ways.nodes[node], date.fromordinal(day))],
    )
    on_carrier = _numbered(
        ways.service_numbers[columns],
        days,
        lambda service, day: limits.of_carrier(ways.services[service], date.fromordinal(day)),
    )
    row = np.concatenate([place, on_node[0], on_carrier[0]])
    in_turn = np.argsort(row, kind="stable")
    ones = np.ones(len(on_node[0]) + len(on_carrier[0]), dtype=np.int64)
    return Rows(
        orders=orders,
        ways=columns,
        costs=costs,
        uses=np.bincount(row, minlength=len(orders)).astype(np.int64),
        resources=np.concatenate([numbers, on_node[1], on_carrier[1]])[in_turn].astype(np.int32),
        amounts=np.concatenate([quantities, ones])[in_turn].astype(np.int32),
    )


def divided(found: Mapping[int, Sequence[Candidate]], limits: Limits, *, first: int) -> Rows:
    """Candidates of several parts, by order, numbered from `first` on among all splits."""
    orders: list[int] = []
    costs: list[int] = []
    counts: list[int] = []
    resources: list[int] = []
    amounts: list[int] = []
    for order, candidates in found.items():
        for candidate in candidates:
            uses: dict[int, int] = {}
            for part in candidate.parts:
                for number, amount in limits.drawn(part):
                    uses[number] = uses.get(number, 0) + amount
            orders.append(order)
            costs.append(candidate.cost_minor)
            counts.append(len(uses))
            resources += uses.keys()
            amounts += uses.values()
    return Rows(
        orders=np.array(orders, dtype=np.int64),
        ways=FIRST_SPLIT - first - np.arange(len(orders), dtype=np.int64),
        costs=np.array(costs, dtype=np.int64),
        uses=np.array(counts, dtype=np.int64),
        resources=np.array(resources, dtype=np.int32),
        amounts=np.array(amounts, dtype=np.int32),
    )


def merged(one: Rows, other: Rows) -> Rows:
    """Both, in the order of their orders and of their costs."""
    both = joined([one, other])
    in_turn = np.lexsort((both.costs, both.orders))
    _, at = expanded((np.cumsum(both.uses) - both.uses)[in_turn], both.uses[in_turn])
    return Rows(
        orders=both.orders[in_turn],
        ways=both.ways[in_turn],
        costs=both.costs[in_turn],
        uses=both.uses[in_turn],
        resources=both.resources[at],
        amounts=both.amounts[at],
    )


def joined(rows: Sequence[Rows]) -> Rows:
    """All of them, one after the other."""
    return Rows(
        **{each.name: np.concatenate([getattr(row, each.name) for row in (NO_ROWS, *rows)]) for each in fields(Rows)}
    )


def moved(rows: Rows, *, by: int) -> Rows:
    """The same of orders that are numbered from `by` on."""
    return replace(rows, orders=rows.orders + by)


def _lines(ways: Ways, orders: Longs, columns: Longs, days: Longs, limits: Limits) -> tuple[Longs, Longs, Longs]:
    """The stock that each row draws on: row, limit, quantity. Days differ only where goods are still to come in."""
    lines = ways.batch.lines
    row, line = expanded(lines.starts[orders], np.diff(lines.starts)[orders])
    known, place = np.unique(days if ways.is_awaiting_goods else days[:1].repeat(len(days)), return_inverse=True)
    span = max(1, len(known))

    def found(node: int, of: int) -> list[int]:
        sku, day = divmod(of, span)
        return limits.of_stock(ways.nodes[node], lines.names[sku], date.fromordinal(int(known[day])))

    at, numbers = _numbered(ways.node_numbers[columns][row], lines.skus[line] * span + place[row], found)
    return row[at], numbers, lines.quantities[line][at]


def _numbered(first: Longs, second: Longs, find: Callable[[int, int], list[int]]) -> tuple[Longs, Longs]:
    """The limits of each row's pair of numbers: row, limit. Each pair is looked up once."""
    if not len(first):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    span = int(second.max()) + 1
    pairs, place = np.unique(first * span + second, return_inverse=True)
    found = [find(*divmod(pair, span)) for pair in pairs.tolist()]
    counts = np.array([len(numbers) for numbers in found], dtype=np.int64)
    row, at = expanded((np.cumsum(counts) - counts)[place], counts[place])
    return row, np.array([number for numbers in found for number in numbers], dtype=np.int64)[at]


def expanded(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[Longs, Longs]:
    """For rows that each stand for `counts` entries from `starts` on: the row and the place of every entry."""
    row = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return row, starts[row] + np.arange(len(row)) - before[row]
