"""A smaller table of the same orders: without the options that are of no use, or with the most promising ones only."""

from dataclasses import dataclass, replace

import numpy as np

from app.solvers.allocation.kernel import shape
from app.solvers.allocation.kernel.pricing import price_options
from app.solvers.allocation.table import LEFT_OUT, AllocationTable, Floats, Ints, Longs


@dataclass(frozen=True, kw_only=True)
class Narrowed:
    """`table` with some of another table's options; `origins` [options]: which each was there."""

    table: AllocationTable
    origins: Longs

    def original(self, chosen: Longs) -> Longs:
        """Chosen options [orders] by their number in the other table."""
        if not len(self.origins):
            return np.full_like(chosen, LEFT_OUT)
        return np.where(chosen == LEFT_OUT, LEFT_OUT, self.origins[chosen])


@dataclass(frozen=True, kw_only=True)
class Users:
    """Which orders have an option that draws on a resource: `orders`[`starts`[r]:`starts`[r + 1]]."""

    starts: Longs
    orders: Ints


def possible(table: AllocationTable) -> Narrowed:
    """Without options that do not even fit alone, or cost more than leaving the order out."""
    is_possible = np.empty(table.options, dtype=np.bool_)
    shape.mark_possible(
        table.starts, table.costs, table.use_starts, table.use_resources, table.use_amounts, table.penalties,
        table.capacities, is_possible,
    )  # fmt: skip
    if is_possible.all():
        return Narrowed(table=table, origins=np.arange(table.options))
    starts = np.concatenate([[0], np.cumsum(is_possible)])[table.starts]
    return _kept(table, starts, np.flatnonzero(is_possible))


def promising(table: AllocationTable, prices: Floats, *, most: int) -> Narrowed:
    """The `most` options of each order that cost least at these prices, the least first."""
    priced = priced_costs(table, prices)
    kept, starts = np.empty(table.options, dtype=np.int64), np.zeros(table.orders + 1, dtype=np.int64)
    count = shape.rank_options(table.starts, priced, most, kept, starts)
    return _kept(table, starts, kept[:count])


def priced_costs(table: AllocationTable, prices: Floats) -> Floats:
    """What each option costs with what it uses, in minor units."""
    priced = np.empty(table.options)
    price_options(table.costs, table.use_starts, table.use_resources, table.use_amounts, prices, priced)
    return priced


def users(table: AllocationTable) -> Users:
    """Who may draw on what."""
    starts = np.zeros(table.resources + 1, dtype=np.int64)
    shape.count_users(table.starts, table.use_starts, table.use_resources, starts)
    orders = np.empty(int(starts[-1]), dtype=np.int32)
    shape.list_users(table.starts, table.use_starts, table.use_resources, starts, orders)
    return Users(starts=starts, orders=orders)


def _kept(table: AllocationTable, starts: Longs, kept: Longs) -> Narrowed:
    counts = np.diff(table.use_starts)[kept]
    use_starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows = np.repeat(table.use_starts[kept] - use_starts[:-1], counts) + np.arange(use_starts[-1])
    smaller = replace(
        table,
        starts=starts,
        costs=table.costs[kept],
        use_starts=use_starts,
        use_resources=table.use_resources[rows],
        use_amounts=table.use_amounts[rows],
    )
    return Narrowed(table=smaller, origins=kept)
