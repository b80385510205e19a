"""Days of a network as allocation problems: doors and nodes on a plane, carriers by the kilometre, long-tailed demand.

A few goods make most of the demand and most goods very little; each node has its own share of each. Carriers are cheap
near or cheap far; nodes and carriers can take little more than the day asks. Nothing here is anybody's real network.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.solvers.allocation.table import AllocationTable

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

# The plane is so wide; leaving an order out costs some eight times an average option.
SIDE_KM = 60.0
PENALTY_MINOR = 6_000
QUANTITIES = np.array([1, 1, 1, 2, 3])
MOST_LINES = 4
# The pairs of a split order are sought among so many nearest nodes; the cheapest are offered.
SPLIT_NODES = 5
MOST_SPLITS = 8
SPLIT_MINOR = 250


@dataclass(frozen=True, kw_only=True)
class Day:
    """What to make. `stock`: units for each unit asked, `room`: throughput and capacity for each order."""

    orders: int = 100_000
    nodes: int = 12
    carriers: int = 5
    goods: int = 2_000
    stock: float = 1.15
    room: float = 1.1
    several_lines: float = 0.0
    seed: int = 1


class Network(NamedTuple):
    """What does not change with the day's orders. Kilometres, minor units."""

    nodes: Floats
    handling: Longs
    base: Longs
    per_km: Floats
    goods: Floats


class Lines(NamedTuple):
    """What is asked: `starts` [orders + 1] into `goods` and `quantities` [lines]; `doors` [orders, 2]."""

    doors: Floats
    starts: Longs
    goods: Longs
    quantities: Longs


def network(day: Day) -> Network:
    """Nodes, carriers and how often each good is asked for (Zipf)."""
    random = np.random.default_rng(day.seed)
    return Network(
        nodes=random.random((day.nodes, 2)) * SIDE_KM,
        handling=random.integers(40, 120, day.nodes),
        base=np.linspace(500, 150, day.carriers).astype(np.int64),
        per_km=np.linspace(6.0, 28.0, day.carriers),
        goods=1.0 / np.arange(1, day.goods + 1),
    )


def demand(day: Day, of: Network, *, seed: int) -> Lines:
    """A day's orders, in the order in which they come."""
    random = np.random.default_rng((day.seed, seed))
    several = random.random(day.orders) < day.several_lines
    counts = np.where(several, random.integers(2, MOST_LINES + 1, day.orders), 1)
    starts = np.concatenate([[0], np.cumsum(counts)])
    goods = random.choice(day.goods, starts[-1], p=of.goods / of.goods.sum())
    order_of = np.repeat(np.arange(day.orders), counts)
    while (again := _repeated(order_of, goods)).any():
        goods[again] = random.integers(0, day.goods, int(again.sum()))
    quantities = random.choice(QUANTITIES, starts[-1])
    return Lines(random.random((day.orders, 2)) * SIDE_KM, starts, goods, quantities)


def _repeated(order_of: Longs, goods: Longs) -> NDArray[np.bool_]:
    """Lines that name a good their order has already."""
    first = np.unique(order_of * (int(goods.max()) + 1) + goods, return_index=True)[1]
    again = np.ones(len(goods), dtype=bool)
    again[first] = False
    return again


def stock(day: Day, asked: Longs) -> Longs:
    """Units [goods, nodes]: `day.stock` for each unit asked [goods], shared unevenly by the nodes."""
    random = np.random.default_rng((day.seed, 99))
    share = random.random((day.goods, day.nodes)) ** 2
    share /= share.sum(axis=1, keepdims=True)
    return np.rint(day.stock * asked[:, None] * share).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Posed:
    """A day as a table, and what its resources are: first units by good and node, then nodes, then carriers.

    `nodes`, `carriers` [options]: those of the option, -1 where it is split. `metres` [orders, nodes].
    """

    table: AllocationTable
    nodes: Longs
    carriers: Longs
    kilometres: Floats


class _Options(NamedTuple):
    """Options in no order: `order`, `cost`, `node`, `carrier` [options], `uses` [options, at most] resource, amount."""

    order: Longs
    cost: Longs
    node: Longs
    carrier: Longs
    resources: Longs
    amounts: Longs


def pose(day: Day, of: Network, lines: Lines, stock: Longs) -> Posed:
    """Every node that has all of an order with every carrier; orders of several lines may split."""
    kilometres = np.hypot(*np.moveaxis(lines.doors[:, None] - of.nodes[None], 2, 0))
    wanted = _padded(lines)
    whole = _whole(day, of, wanted, kilometres, stock)
    parts = [whole, *_splits(day, of, wanted, kilometres, stock)]
    found = _Options(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    order = np.argsort(found.order, kind="stable")
    found = _Options(*(column[order] for column in found))
    taken = found.amounts > 0
    count = len(lines.doors)
    table = AllocationTable(
        starts=np.searchsorted(found.order, np.arange(count + 1)).astype(np.int64),
        costs=found.cost,
        use_starts=np.concatenate([[0], np.cumsum(taken.sum(axis=1))]).astype(np.int64),
        use_resources=found.resources[taken].astype(np.int32),
        use_amounts=found.amounts[taken].astype(np.int32),
        penalties=np.full(count, PENALTY_MINOR, dtype=np.int64),
        capacities=capacities(day, stock),
    )
    return Posed(table=table, nodes=found.node, carriers=found.carrier, kilometres=kilometres)


def capacities(day: Day, stock: Longs) -> Longs:
    """Units by good and node, orders by node, shipments by carrier."""
    rooms = [np.full(count, int(day.room * day.orders / count)) for count in (day.nodes, day.carriers)]
    return np.concatenate([stock.ravel(), *rooms]).astype(np.int64)


class _Wanted(NamedTuple):
    """Lines of each order side by side [orders, MOST_LINES], quantity 0 where there is none."""

    goods: Longs
    quantities: Longs


def _padded(lines: Lines) -> _Wanted:
    counts = np.diff(lines.starts)
    place = (
        np.repeat(np.arange(len(counts)), counts),
        np.arange(lines.starts[-1]) - np.repeat(lines.starts[:-1], counts),
    )
    found = _Wanted(*(np.zeros((len(counts), max(1, counts.max(initial=1))), dtype=np.int64) for _ in range(2)))
    found.goods[place], found.quantities[place] = lines.goods, lines.quantities
    return found


def _carriage(of: Network, kilometres: Floats, units: Longs) -> Longs:
    """Minor units [..., carriers]: the base, and by the kilometre, dearer for more units."""
    heavier = 1.0 + 0.15 * (units - 1)
    return np.rint(of.base + of.per_km * (kilometres * heavier)[..., None]).astype(np.int64)


def _whole(day: Day, of: Network, wanted: _Wanted, kilometres: Floats, stock: Longs) -> _Options:
    has = (stock[wanted.goods] >= wanted.quantities[:, :, None]).all(axis=1)
    order, node = np.nonzero(has)
    cost = _carriage(of, kilometres[order, node], wanted.quantities[order].sum(axis=1)) + of.handling[node][:, None]
    order, node = np.repeat(order, day.carriers), np.repeat(node, day.carriers)
    carrier = np.tile(np.arange(day.carriers), len(order) // day.carriers)
    first = day.goods * day.nodes
    resources = np.column_stack(
        [wanted.goods[order] * day.nodes + node[:, None], first + node, first + day.nodes + carrier]
    )
    ones = np.ones(len(order), dtype=np.int64)
    amounts = np.column_stack([wanted.quantities[order], ones, ones])
    width = 2 * 2 + wanted.goods.shape[1]
    return _Options(order, cost.ravel(), node, carrier, _wide(resources, width), _wide(amounts, width))


def _wide(columns: Longs, width: int) -> Longs:
    return np.pad(columns, ((0, 0), (0, width - columns.shape[1])))


def _splits(day: Day, of: Network, wanted: _Wanted, kilometres: Floats, stock: Longs) -> list[_Options]:
    """Of each order of several lines the cheapest ways to share it between two of its nearest nodes."""
    orders = np.flatnonzero((wanted.quantities > 0).sum(axis=1) > 1)
    if not len(orders):
        return []
    near = np.argsort(kilometres[orders], axis=1)[:, :SPLIT_NODES]
    pairs = [(a, b) for a in range(near.shape[1]) for b in range(near.shape[1]) if a != b]
    found = [_shared(day, of, wanted, kilometres, stock, orders, near[:, a], near[:, b]) for a, b in pairs]
    costs = np.array([np.where(valid, options.cost, np.iinfo(np.int64).max) for options, valid in found])
    rank = np.argsort(np.argsort(costs, axis=0, kind="stable"), axis=0)
    return [
        _Options(*(column[valid & (rank[number] < MOST_SPLITS)] for column in options))
        for number, (options, valid) in enumerate(found)
    ]


def _shared(
    day: Day, of: Network, wanted: _Wanted, kilometres: Floats, stock: Longs, orders: Longs, first: Longs, second: Longs
) -> tuple[_Options, NDArray[np.bool_]]:
    """The first node gives the lines that it has, the second the rest; each by its cheapest carrier."""
    goods, quantities = wanted.goods[orders], wanted.quantities[orders]
    from_first = (stock[goods, first[:, None]] >= quantities) & (quantities > 0)
    rest = ~from_first & (quantities > 0)
    # Where the first has all, the second gives the last line: a split may still serve where stock is scarce.
    last = (quantities > 0).sum(axis=1) - 1
    all_there = ~rest.any(axis=1)
    from_first[all_there, last[all_there]], rest[all_there, last[all_there]] = False, True
    is_there = (stock[goods, second[:, None]] >= quantities) | ~rest
    valid = np.asarray(from_first.any(axis=1) & is_there.all(axis=1), dtype=np.bool_)
    cost, columns = np.full(len(orders), SPLIT_MINOR), []
    base = day.goods * day.nodes
    for node, gives in ((first, from_first), (second, rest)):
        price = _carriage(of, kilometres[orders, node], np.maximum(1, (quantities * gives).sum(axis=1)))
        carrier = price.argmin(axis=1)
        cost = cost + price.min(axis=1) + of.handling[node]
        columns.append((base + node, base + day.nodes + carrier))
    here = goods * day.nodes + np.where(from_first, first[:, None], second[:, None])
    shared = np.column_stack([here, *(column for pair in columns for column in pair)])
    amounts = np.column_stack([quantities, np.ones((len(orders), 4), dtype=np.int64)])
    same = columns[0][1] == columns[1][1]
    amounts[same, -3], amounts[same, -1] = 2, 0
    none = np.full(len(orders), -1)
    return _Options(orders, cost, none, none, shared, amounts), valid


def asked_of(day: Day, lines: Lines) -> Longs:
    """Units of each good."""
    return np.bincount(lines.goods, weights=lines.quantities, minlength=day.goods).astype(np.int64)
