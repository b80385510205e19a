"""Allocations: an order's lines bound to a node, carrier, service and window."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.core.ids import to_global
from app.models import Allocation, AllocationState
from app.orchestration.allocations.overriding import Choice
from app.orchestration.carriers import queries as carriers
from app.orchestration.nodes import queries as nodes
from app.schema.carriers import CarrierType
from app.schema.context import Info
from app.schema.errors import UserErrorType
from app.schema.nodes import FulfilmentNodeType
from app.schema.relay import Node
from app.schema.scalars import MoneyType, WindowType, money, window

if TYPE_CHECKING:
    from app.schema.orders import OrderType

OneOrder = Annotated["OrderType", strawberry.lazy("app.schema.orders")]
AllocationStateEnum = strawberry.enum(AllocationState, description="How binding it is.")


@strawberry.type(name="Allocation")
class AllocationType(Node):
    """An order's lines at one node with one carrier."""

    row: strawberry.Private[Allocation]
    state: AllocationState
    service: str
    reserved_until: datetime | None

    @strawberry.field
    async def node(self, info: Info) -> FulfilmentNodeType | None:
        """Where the goods leave from."""
        row = await info.context.load(nodes.by_ids, self.row.node_id)
        return None if row is None else FulfilmentNodeType.of(row)

    @strawberry.field
    async def carrier(self, info: Info) -> CarrierType | None:
        """Who carries them."""
        row = await info.context.load(carriers.by_ids, self.row.carrier_id)
        return None if row is None else CarrierType.of(row)

    @strawberry.field
    def window(self) -> WindowType | None:
        """When they are to be at the door."""
        return window(self.row.window_start, self.row.window_end)

    @strawberry.field
    def cost(self) -> MoneyType | None:
        """What it costs, weights of the policy included."""
        return money(self.row.cost_minor, self.row.currency)

    @staticmethod
    def of(row: Allocation) -> "AllocationType":
        """The GraphQL form of an allocation."""
        return AllocationType(
            id=strawberry.ID(to_global("Allocation", row.id)),
            row=row,
            state=row.state,
            service=row.service,
            reserved_until=row.reserved_until,
        )


@strawberry.input
class AllocateOrderInput:
    """One order that waits, by its reference."""

    reference: str
    idempotency_key: str | None = None


@strawberry.input
class OverrideAllocationInput:
    """Which node and carrier a person wants for an order, by reference, and why. `service` may be left out."""

    reference: str
    node: str
    carrier: str
    service: str | None = None
    reason: str
    idempotency_key: str | None = None

    def to_choice(self) -> Choice:
        """The input for the operation."""
        return Choice(node=self.node, carrier=self.carrier, service=self.service, reason=self.reason)


@strawberry.type
class AllocateOrderPayload:
    """The order as it is now: allocated, or with the reason why not in `unassigned`."""

    order: OneOrder | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
