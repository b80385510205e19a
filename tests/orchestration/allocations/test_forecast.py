"""What a sample of the orders that are expected says about limits that all of them share."""

import numpy as np

from app.orchestration.allocations.forecast import scaled
from app.solvers.allocation.table import AllocationTable


def test_a_sample_has_its_share_of_every_limit_and_the_last_units_stay() -> None:
    none = np.zeros(0, np.int64)
    table = AllocationTable(
        starts=np.zeros(1, np.int64),
        costs=none,
        use_starts=np.zeros(1, np.int64),
        use_resources=none.astype(np.int32),
        use_amounts=none.astype(np.int32),
        penalties=none,
        capacities=np.array([1_000, 40, 160, 0]),
    )
    assert scaled(table, 0.01).capacities.tolist() == [10, 1, 2, 0]
    assert scaled(table, 1.0).capacities.tolist() == table.capacities.tolist()
