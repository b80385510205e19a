"""Single orders: allocated at once by the prices of what is scarce, or as a person wants it."""

import uuid
from datetime import datetime

import strawberry

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.core.database import Session
from app.models.base import Json
from app.orchestration.allocations import deciding, overriding
from app.orchestration.orders import queries as orders
from app.resolvers.mutations import mutation, perform
from app.schema.allocations import AllocateOrderInput, AllocateOrderPayload, OverrideAllocationInput
from app.schema.context import Info
from app.schema.orders import OrderType


@strawberry.type
class AllocationMutations:
    """Where an order leaves from, and who carries it."""

    @mutation(callers=STAFF | {PrincipalKind.INTEGRATION})
    async def allocate_order(self, info: Info, input: AllocateOrderInput) -> AllocateOrderPayload:
        """Finds a node, a carrier, a service and a window for one order, now. `unassigned` says why where none is."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            order = await deciding.decide_by_reference(
                session, reference=input.reference, actor=actor, memory=info.context.memory, now=now
            )
            return {"orderId": str(order.id)}

        async def answer(outcome: Json) -> AllocateOrderPayload:
            return await _order(info, outcome)

        return await perform(info, input, payload=AllocateOrderPayload, work=work, answer=answer)

    @mutation(callers=STAFF)
    async def override_allocation(self, info: Info, input: OverrideAllocationInput) -> AllocateOrderPayload:
        """Sends an order another way than was decided. Both decisions are kept, and who wanted it, and why."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            order = await overriding.override(
                session,
                reference=input.reference,
                choice=input.to_choice(),
                actor=actor,
                memory=info.context.memory,
                now=now,
            )
            return {"orderId": str(order.id)}

        async def answer(outcome: Json) -> AllocateOrderPayload:
            return await _order(info, outcome)

        return await perform(info, input, payload=AllocateOrderPayload, work=work, answer=answer)


async def _order(info: Info, outcome: Json) -> AllocateOrderPayload:
    row = await info.context.load(orders.by_ids, uuid.UUID(outcome["orderId"]))
    return AllocateOrderPayload(order=None if row is None else OrderType.of(row))
