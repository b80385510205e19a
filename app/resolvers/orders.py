"""Taking orders over, cancelling them, reading them."""

import uuid
from datetime import datetime

import strawberry

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.core.database import Session
from app.core.ids import from_global
from app.orchestration.cancellations import operations as cancellation
from app.orchestration.holds import confirming
from app.orchestration.orders import queries
from app.orchestration.orders.operations import Deployment
from app.orchestration.rows import RowOutcome, RowsRefused
from app.resolvers.mutations import Json, mutation, perform
from app.resolvers.rows import error_types, errors_of, read_back, to_json
from app.schema.connections import Connection, PageArguments, connection
from app.schema.context import Info
from app.schema.errors import UserErrorType
from app.schema.order_inputs import CancelOrderInput, UpsertOrdersInput
from app.schema.orders import (
    CancelOrderPayload,
    OrderFilter,
    OrderType,
    UpsertOrderResultType,
    UpsertOrdersPayload,
)
from app.schema.relay import NODE_SOURCES, NodeSource

CALLERS = STAFF | {PrincipalKind.INTEGRATION}

NODE_SOURCES["Order"] = NodeSource(batch=queries.by_ids, of=OrderType.of)


@strawberry.type
class OrderQueries:
    """Orders that the viewer may see."""

    @strawberry.field
    async def order_by_reference(self, info: Info, reference: str) -> OrderType | None:
        """The order with the shop's own reference; null where there is none, or none that the viewer may see."""
        row = await info.context.load(queries.by_references, reference)
        return None if row is None else OrderType.of(row)

    @strawberry.field
    async def orders(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        where: OrderFilter | None = None,
    ) -> Connection[OrderType]:
        """Orders, newest first."""
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        context, criteria = info.context, (where or OrderFilter()).to_criteria()
        async with context.database.reading() as session:
            page = await queries.listed(session, context.principal, criteria=criteria, **arguments.as_keywords())
        return connection(page, OrderType.of)


@strawberry.type
class OrderMutations:
    """What shops ask for."""

    @mutation(callers=CALLERS)
    async def upsert_orders(self, info: Info, input: UpsertOrdersInput) -> UpsertOrdersPayload:
        """Creates or updates orders by reference. `errorPolicy` says what one bad row means for the others.

        A new order with a `holdId` takes over the window, the stock and the places that were held for it.
        """
        settings = info.context.settings
        deployment = Deployment(secret=settings.secret_key.get_secret_value(), currency=settings.currency)
        refusals: list[RowsRefused] = []

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            try:
                results = await confirming.upsert(
                    session,
                    drafts=[order.to_draft() for order in input.orders],
                    error_policy=input.error_policy,
                    deployment=deployment,
                    actor=actor,
                    now=now,
                )
            except RowsRefused as refusal:
                refusals.append(refusal)
                raise
            return to_json(results)

        async def answer(outcome: Json) -> UpsertOrdersPayload:
            return UpsertOrdersPayload(
                results=[
                    UpsertOrderResultType(
                        index=result["index"],
                        order=None if order is None else OrderType.of(order),
                        outcome=RowOutcome(result["outcome"]),
                        errors=errors_of(result),
                    )
                    for result, order in await read_back(info, outcome, queries.by_ids)
                ]
            )

        def payload(user_errors: list[UserErrorType]) -> UpsertOrdersPayload:
            return _refused(refusals[-1]) if refusals else UpsertOrdersPayload(user_errors=user_errors)

        return await perform(info, input, payload=payload, work=work, answer=answer)

    @mutation(callers=CALLERS)
    async def cancel_order(self, info: Info, input: CancelOrderInput) -> CancelOrderPayload:
        """Cancels an order and gives back what was kept for it. Refused with INVALID_STATE where it is too late."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            order_id = None if input.order_id is None else from_global("Order", input.order_id, field="orderId")
            order = await cancellation.cancel(
                session, reference=input.reference, order_id=order_id, reason=input.reason, actor=actor, now=now
            )
            return {"orderId": str(order.id)}

        async def answer(outcome: Json) -> CancelOrderPayload:
            row = await info.context.load(queries.by_ids, uuid.UUID(outcome["orderId"]))
            return CancelOrderPayload(order=None if row is None else OrderType.of(row))

        return await perform(info, input, payload=CancelOrderPayload, work=work, answer=answer)


def _refused(refusal: RowsRefused) -> UpsertOrdersPayload:
    """One bad row refused the call: every row's own errors, and all of them together as the call's."""
    return UpsertOrdersPayload(
        results=[
            UpsertOrderResultType(
                index=result.index, order=None, outcome=result.outcome, errors=error_types(result.errors)
            )
            for result in refusal.results
        ],
        user_errors=error_types(refusal.errors),
    )
