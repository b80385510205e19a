"""An allocation as plain data: which option each order got, what all of them cost, and how good that is at least."""

from dataclasses import dataclass

from app.solvers.allocation.table import Floats, Longs


@dataclass(frozen=True, kw_only=True)
class AllocationQuality:
    """How the answer was found. `bound`: no allocation can have a lower objective; None: nothing is proved.

    `gap`: how far above the bound the objective is at most, as a share of the bound.
    """

    solver: str
    seconds: float
    iterations: int
    bound: float | None = None
    is_optimal: bool = False
    gap: float | None = None


@dataclass(frozen=True, kw_only=True)
class AllocationSolution:
    """`chosen` [orders]: a row of the table's options, or LEFT_OUT; `objective`: all costs and penalties.

    `prices` [resources]: minor units that one more unit would have saved.
    """

    chosen: Longs
    objective: int
    quality: AllocationQuality
    prices: Floats
