"""Orders that hold an option already may change it, at a price: the same problem with that price in it."""

from dataclasses import replace

import numpy as np

from app.solvers.allocation.table import LEFT_OUT, AllocationTable, Longs

# To leave out who holds an option costs so many times what leaving another out costs.
GIVING_UP_TIMES = 3


def with_standing(table: AllocationTable, standing: Longs, *, change_minor: int) -> AllocationTable:
    """The problem in which an order that holds an option pays `change_minor`, minor units, for any other.

    `standing` [orders]: the option that each holds, LEFT_OUT for none. The table's capacities are those while nobody
    holds anything.
    """
    holds = standing != LEFT_OUT
    is_change = np.repeat(holds, np.diff(table.starts))
    is_change[standing[holds]] = False
    return replace(
        table,
        costs=table.costs + change_minor * is_change,
        penalties=np.where(holds, GIVING_UP_TIMES * table.penalties + change_minor, table.penalties),
    )
