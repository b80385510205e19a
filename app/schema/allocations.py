"""Allocations: an order's lines bound to a node, carrier, service and window."""

from datetime import datetime

import strawberry

from app.core.ids import to_global
from app.models import Allocation, AllocationState
from app.orchestration.carriers import queries as carriers
from app.orchestration.nodes import queries as nodes
from app.schema.carriers import CarrierType
from app.schema.context import Info
from app.schema.nodes import FulfilmentNodeType
from app.schema.relay import Node
from app.schema.scalars import MoneyType, WindowType, money, window

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
