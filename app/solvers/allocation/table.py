"""An allocation problem as flat arrays: what the engine works on, at any size, and what a large caller hands over.

One row per option, the options of an order side by side; one row per use, the uses of an option side by side. 100,000
orders of 60 options are some 400 MiB this way, where objects would be tens of gigabytes. Names nothing but by number:
who made the table knows what the numbers mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Ints = NDArray[np.int32]
Bytes = NDArray[np.int8]

# The option of an order that got none.
LEFT_OUT = -1


@dataclass(frozen=True, kw_only=True)
class AllocationTable:
    """Each order gets at most one of its options; no resource is overdrawn; the least total cost is wanted.

    `starts` [orders + 1]: the options of order i are rows starts[i] to starts[i + 1]. `costs` [options]: minor units.
    `use_starts` [options + 1]: the uses of option j are rows use_starts[j] to use_starts[j + 1] of `use_resources` and
    `use_amounts` [uses]. `penalties` [orders]: minor units for leaving an order out. `capacities` [resources].
    """

    starts: Longs
    costs: Longs
    use_starts: Longs
    use_resources: Ints
    use_amounts: Ints
    penalties: Longs
    capacities: Longs

    @property
    def orders(self) -> int:
        """How many orders there are."""
        return len(self.penalties)

    @property
    def options(self) -> int:
        """How many options they have together."""
        return len(self.costs)

    @property
    def resources(self) -> int:
        """How many limits they share."""
        return len(self.capacities)

    def options_of(self, order: int) -> range:
        """The rows of one order's options."""
        return range(int(self.starts[order]), int(self.starts[order + 1]))

    def uses_of(self, option: int) -> Iterator[tuple[int, int]]:
        """(resource, amount) of one option."""
        rows = slice(int(self.use_starts[option]), int(self.use_starts[option + 1]))
        return zip(self.use_resources[rows].tolist(), self.use_amounts[rows].tolist(), strict=True)

    def objective(self, chosen: Longs) -> int:
        """Costs of the chosen options [orders], and penalties where there is none."""
        is_served = chosen != LEFT_OUT
        return int(self.costs[chosen[is_served]].sum() + self.penalties[~is_served].sum())
