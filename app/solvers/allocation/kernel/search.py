"""From prices to an allocation that keeps every limit, and from there to better ones: ruin and recreate.

Ruin and recreate after Schrimpf et al. (Journal of Computational Physics 2000), with Lagrangian prices in place of
costs when an order chooses: what others want more is left to them. Each order's options are sorted by their priced
cost, so that the first that fits is the one to take. `chosen` [orders]: option, -1 for none; `left` [resources]: what
is free.
"""

import numpy as np

from app.solvers.allocation.kernel.jit import compiled
from app.solvers.allocation.table import Bytes, Floats, Ints, Longs

# Tries to begin with an order that has no option; looks for an order that uses a limit.
TRIES = 4
LOOKS = 300


@compiled
def fits(option: int, use_starts: Longs, use_resources: Ints, use_amounts: Ints, left: Longs) -> bool:
    """Whether all that the option uses is free."""
    for use in range(use_starts[option], use_starts[option + 1]):
        if use_amounts[use] > left[use_resources[use]]:
            return False
    return True


@compiled
def take(option: int, sign: int, use_starts: Longs, use_resources: Ints, use_amounts: Ints, left: Longs) -> None:
    """Uses up what the option needs; with the sign -1 gives it back."""
    for use in range(use_starts[option], use_starts[option + 1]):
        left[use_resources[use]] -= sign * use_amounts[use]


@compiled
def uses(option: int, resource: int, use_starts: Longs, use_resources: Ints) -> bool:
    """Whether the option draws from the resource."""
    for use in range(use_starts[option], use_starts[option + 1]):  # noqa: SIM110 - any() does not compile
        if use_resources[use] == resource:
            return True
    return False


@compiled
def first_fit(
    order: int,
    after: int,
    blink: float,
    starts: Longs,
    use_starts: Longs,
    use_resources: Ints,
    use_amounts: Ints,
    left: Longs,
) -> int:
    """The first option that fits and comes after the given one; each is overlooked with the chance of a `blink`."""
    for option in range(max(after + 1, starts[order]), starts[order + 1]):
        if fits(option, use_starts, use_resources, use_amounts, left) and (blink == 0.0 or np.random.random() >= blink):
            return option
    return -1


@compiled
def fill(
    starts: Longs,
    costs: Longs,
    use_starts: Longs,
    use_resources: Ints,
    use_amounts: Ints,
    penalties: Longs,
    queue: Ints,
    chosen: Longs,
    left: Longs,
) -> None:
    """Gives each order of the queue in turn the first option that fits, unless that costs more than going without."""
    for order in queue:
        option = first_fit(order, -1, 0.0, starts, use_starts, use_resources, use_amounts, left)
        if option >= 0 and costs[option] <= penalties[order]:
            take(option, 1, use_starts, use_resources, use_amounts, left)
            chosen[order] = option


@compiled
def _somebody(
    resource: int,
    user_starts: Longs,
    users: Ints,
    use_starts: Longs,
    use_resources: Ints,
    chosen: Longs,
    block_of: Bytes,
    block: int,
) -> int:
    """An order of the block that uses the resource now, from a random place on; -1 where none is found soon."""
    low, count = user_starts[resource], user_starts[resource + 1] - user_starts[resource]
    start = np.random.randint(0, max(1, count))
    for step in range(min(count, LOOKS)):
        found = int(users[low + (start + step) % count])
        if block_of[found] == block and chosen[found] >= 0 and uses(chosen[found], resource, use_starts, use_resources):
            return found
    return -1


@compiled
def _remove(
    order: int,
    place: int,
    use_starts: Longs,
    use_resources: Ints,
    use_amounts: Ints,
    chosen: Longs,
    left: Longs,
    group: Ints,
    before: Longs,
) -> None:
    """Takes the order out, and writes down where it was."""
    group[place], before[place] = order, chosen[order]
    if chosen[order] >= 0:
        take(chosen[order], -1, use_starts, use_resources, use_amounts, left)
        chosen[order] = -1


@compiled
def _ruin(
    order: int,
    size: int,
    starts: Longs,
    use_starts: Longs,
    use_resources: Ints,
    use_amounts: Ints,
    user_starts: Longs,
    users: Ints,
    block_of: Bytes,
    block: int,
    chosen: Longs,
    left: Longs,
    group: Ints,
    before: Longs,
) -> int:
    """Takes out an order, and others until the way is clear for one of its options; then the same for one of those.

    Answers how many are out; their numbers are in `group`, their options so far in `before`.
    """
    _remove(order, 0, use_starts, use_resources, use_amounts, chosen, left, group, before)
    count, turn = 1, 0
    for _ in range(2 * size):
        if count >= size:
            break
        # Whose way is cleared: one after the other, then anybody's.
        one = group[turn] if turn < count else group[np.random.randint(0, count)]
        turn += 1
        options = starts[one + 1] - starts[one]
        if options == 0:
            continue
        # The better options more often.
        option = starts[one] + int(options * np.random.random() * np.random.random())
        for use in range(use_starts[option], use_starts[option + 1]):
            resource = use_resources[use]
            while count < size and left[resource] < use_amounts[use]:
                found = _somebody(
                    resource, user_starts, users, use_starts, use_resources, chosen, block_of, block
                )  # fmt: skip
                if found < 0:
                    break
                _remove(found, count, use_starts, use_resources, use_amounts, chosen, left, group, before)
                count += 1
    return count


@compiled
def _recreate(
    count: int,
    blink: float,
    starts: Longs,
    costs: Longs,
    use_starts: Longs,
    use_resources: Ints,
    use_amounts: Ints,
    penalties: Longs,
    priced: Floats,
    worths: Floats,
    chosen: Longs,
    left: Longs,
    group: Ints,
    regrets: Floats,
) -> int:
    """Puts back the orders of the group, the most regret first, give or take chance; answers what they cost now."""
    for place in range(count):
        one = group[place]
        best = first_fit(one, -1, 0.0, starts, use_starts, use_resources, use_amounts, left)
        if best < 0:
            regrets[place] = -1.0
            continue
        second = first_fit(one, best, 0.0, starts, use_starts, use_resources, use_amounts, left)
        after = priced[second] if second >= 0 else worths[one]
        regrets[place] = (after - priced[best] + 1.0) * (0.3 + np.random.random())
    ranked, cost = np.argsort(-regrets[:count]), 0
    for rank in range(count):
        one = group[ranked[rank]]
        option = first_fit(one, -1, blink, starts, use_starts, use_resources, use_amounts, left)
        if option >= 0 and costs[option] <= penalties[one]:
            take(option, 1, use_starts, use_resources, use_amounts, left)
            chosen[one] = option
            cost += costs[option]
        else:
            cost += penalties[one]
    return cost


@compiled
def _begin(members: Ints, hungry: Ints, chosen: Longs) -> int:
    """An order to take out first: half of the time a hungry one, rather one without an option."""
    if len(hungry) == 0 or np.random.random() < 0.5:
        return int(members[np.random.randint(0, len(members))])
    order = 0
    for _ in range(TRIES):
        order = int(hungry[np.random.randint(0, len(hungry))])
        if chosen[order] < 0:
            break
    return order


@compiled
def improve(
    rounds: int,
    seed: int,
    most: int,
    blink: float,
    starts: Longs,
    costs: Longs,
    use_starts: Longs,
    use_resources: Ints,
    use_amounts: Ints,
    penalties: Longs,
    priced: Floats,
    worths: Floats,
    user_starts: Longs,
    users: Ints,
    block_of: Bytes,
    block: int,
    members: Ints,
    hungry: Ints,
    chosen: Longs,
    left: Longs,
) -> int:
    """Takes up to `most` orders out and puts them back another way, `rounds` times; keeps what is no dearer.

    `user_starts`, `users`: which orders may use a resource. Reads and changes what is chosen for the `members` of a
    `block` only (`block_of` [orders]), by what is `left` to them, so that blocks can be improved side by side.
    `hungry`: members to begin with half of the time. Answers by how much the objective changed.
    """
    np.random.seed(seed)
    group, before = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int64)
    regrets, changed = np.empty(most), 0
    for _ in range(rounds):
        order = _begin(members, hungry, chosen)
        size = 2 + int((most - 1) * np.random.random() * np.random.random())
        count = _ruin(
            order, size, starts, use_starts, use_resources, use_amounts, user_starts, users, block_of, block,
            chosen, left, group, before,
        )  # fmt: skip
        cost = 0
        for place in range(count):
            cost += costs[before[place]] if before[place] >= 0 else penalties[group[place]]
        new = _recreate(
            count, blink, starts, costs, use_starts, use_resources, use_amounts, penalties, priced, worths, chosen,
            left, group, regrets,
        )  # fmt: skip
        if new <= cost:
            changed += new - cost
            continue
        for place in range(count):
            if chosen[group[place]] >= 0:
                take(chosen[group[place]], -1, use_starts, use_resources, use_amounts, left)
        for place in range(count):
            chosen[group[place]] = before[place]
            if before[place] >= 0:
                take(before[place], 1, use_starts, use_resources, use_amounts, left)
    return changed
