"""An allocation as plain data: the option of each order, why the others lost, and who got none, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RejectionCode(StrEnum):
    """Why an option was not chosen."""

    COSTS_MORE = "COSTS_MORE"
    COSTS_THE_SAME = "COSTS_THE_SAME"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    COSTS_MORE_THAN_PENALTY = "COSTS_MORE_THAN_PENALTY"
    SEARCH_ENDED = "SEARCH_ENDED"  # cheaper and possible, but only by moving other orders: the time was over


class UnallocatedCode(StrEnum):
    """Why an order got no option."""

    NO_FEASIBLE_OPTION = "NO_FEASIBLE_OPTION"  # the caller offered none
    NO_STOCK = "NO_STOCK"
    NODE_THROUGHPUT_EXCEEDED = "NODE_THROUGHPUT_EXCEEDED"
    NO_CARRIER_CAPACITY = "NO_CARRIER_CAPACITY"
    NOT_WORTH_SERVING = "NOT_WORTH_SERVING"


@dataclass(frozen=True, kw_only=True)
class RejectedOption:
    """An alternative. `difference`: its cost less that of the chosen option; `resource_id`: what it lacked."""

    option_id: str
    code: RejectionCode
    detail: str
    difference: int | None = None
    resource_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What one order got."""

    order_id: str
    option_id: str
    cost: int
    rejected: tuple[RejectedOption, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AllocationRelaxation:
    """The cheapest change that would have served the order: more of what is short, or a higher penalty."""

    constraint: str  # a ResourceKind, or PENALTY
    change: str
    cost: int
    option_id: str


@dataclass(frozen=True, kw_only=True)
class Unallocated:
    """An order without an option."""

    order_id: str
    code: UnallocatedCode
    detail: str
    rejected: tuple[RejectedOption, ...] = ()
    relaxation: AllocationRelaxation | None = None


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
    """`objective`: the cost of all choices and the penalties of all orders without one.

    `prices`: resource id -> minor units that one more unit of it would have saved; those worth nothing are left out.
    """

    choices: tuple[Choice, ...]
    unallocated: tuple[Unallocated, ...]
    cost: int
    objective: int
    quality: AllocationQuality
    prices: Mapping[str, float] = field(default_factory=dict)
