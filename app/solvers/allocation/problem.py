"""An allocation problem as plain data: orders with their options, and the resources options draw from.

An option is a whole answer for one order: a node (or several, if the caller offers a split), a carrier, a service
and a window, with its cost in minor units by component. The caller makes the options and leaves out the impossible
ones; this problem only knows what they share. Immutable, picklable.
"""

from dataclasses import dataclass
from enum import StrEnum


class ResourceKind(StrEnum):
    """What runs out."""

    STOCK = "STOCK"  # units of a sku at a node
    NODE_THROUGHPUT = "NODE_THROUGHPUT"  # orders or units a node can handle in an hour or a day
    CARRIER_CAPACITY = "CARRIER_CAPACITY"  # shipments a carrier takes on a day


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Something shared and limited. `name` is how a dispatcher would say it: `carrier swift on 2026-03-02`."""

    id: str
    kind: ResourceKind
    capacity: int
    name: str


@dataclass(frozen=True, kw_only=True)
class CostComponent:
    """One named part of an option's cost, in minor units."""

    component: str
    amount: int


@dataclass(frozen=True, kw_only=True)
class Use:
    """How much of a resource an option takes."""

    resource_id: str
    amount: int


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way to serve one order. `id` is unique within its order; the other names are carried for the explanation."""

    id: str
    node: str
    carrier: str
    service: str
    window: str
    costs: tuple[CostComponent, ...]
    uses: tuple[Use, ...] = ()

    @property
    def cost(self) -> int:
        """All components together."""
        return sum(part.amount for part in self.costs)


@dataclass(frozen=True, kw_only=True)
class AllocationOrder:
    """One order. Leaving it out costs `unallocated_penalty` minor units: its value, the higher the more urgent."""

    id: str
    options: tuple[Option, ...]
    unallocated_penalty: int


@dataclass(frozen=True, kw_only=True)
class AllocationProblem:
    """Each order gets at most one option; no resource is overdrawn; the least total cost is wanted."""

    orders: tuple[AllocationOrder, ...]
    resources: tuple[Resource, ...]
