"""Which options are worth keeping, and which orders draw on which limit: the shape of a table, counted once."""

import numpy as np
from numpy.typing import NDArray

from app.solvers.allocation.kernel.jit import compiled
from app.solvers.allocation.table import Bytes, Floats, Ints, Longs


@compiled
def mark_possible(
    starts: Longs,
    costs: Longs,
    use_starts: Longs,
    use_resources: Ints,
    use_amounts: Ints,
    penalties: Longs,
    capacities: Longs,
    is_possible: NDArray[np.bool_],
) -> None:
    """Marks in `is_possible` [options] those that fit for their order alone and cost no more than going without."""
    for order in range(len(penalties)):
        for option in range(starts[order], starts[order + 1]):
            is_possible[option] = costs[option] <= penalties[order]
            for use in range(use_starts[option], use_starts[option + 1]):
                if use_amounts[use] > capacities[use_resources[use]]:
                    is_possible[option] = False
                    break


@compiled
def rank_options(starts: Longs, priced: Floats, most: int, kept: Longs, kept_starts: Longs) -> int:
    """Writes to `kept` each order's `most` options of least priced cost, least first; answers how many there are."""
    count = 0
    for order in range(len(starts) - 1):
        first = starts[order]
        ranked = np.argsort(priced[first : starts[order + 1]], kind="mergesort")
        for place in range(min(most, len(ranked))):
            kept[count] = first + ranked[place]
            count += 1
        kept_starts[order + 1] = count
    return count


@compiled
def count_users(starts: Longs, use_starts: Longs, use_resources: Ints, user_starts: Longs) -> None:
    """Counts in `user_starts` [resources + 1] the orders that have an option which draws on a resource, added up."""
    last = np.full(len(user_starts) - 1, -1, dtype=np.int64)
    for order in range(len(starts) - 1):
        for use in range(use_starts[starts[order]], use_starts[starts[order + 1]]):
            resource = use_resources[use]
            if last[resource] != order:
                last[resource] = order
                user_starts[resource + 1] += 1
    for resource in range(len(user_starts) - 1):
        user_starts[resource + 1] += user_starts[resource]


@compiled
def list_users(starts: Longs, use_starts: Longs, use_resources: Ints, user_starts: Longs, users: Ints) -> None:
    """Writes to `users` the orders that `count_users` counted, resource by resource."""
    last = np.full(len(user_starts) - 1, -1, dtype=np.int64)
    place = user_starts[:-1].copy()
    for order in range(len(starts) - 1):
        for use in range(use_starts[starts[order]], use_starts[starts[order + 1]]):
            resource = use_resources[use]
            if last[resource] != order:
                last[resource] = order
                users[place[resource]] = order
                place[resource] += 1


@compiled
def first_limits(starts: Longs, use_starts: Longs, use_resources: Ints, firsts: Ints) -> None:
    """Writes to `firsts` [orders] the lowest number among the resources of all of an order's options, -1 for none."""
    for order in range(len(starts) - 1):
        firsts[order] = -1
        for use in range(use_starts[starts[order]], use_starts[starts[order + 1]]):
            if firsts[order] < 0 or use_resources[use] < firsts[order]:
                firsts[order] = use_resources[use]


@compiled
def count_by_block(user_starts: Longs, users: Ints, block_of: Bytes, counts: Longs) -> None:
    """Adds to `counts` [blocks, resources] the users of each resource in each block."""
    for resource in range(len(user_starts) - 1):
        for at in range(user_starts[resource], user_starts[resource + 1]):
            counts[block_of[users[at]], resource] += 1
