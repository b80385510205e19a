"""Stock counts, stock movements, deliveries to nodes, and reading levels."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import strawberry

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.core.database import Session
from app.orchestration.inventory import arrivals, queries, stocktaking
from app.orchestration.rows import RowOutcome, RowResult
from app.resolvers.mutations import Json, mutation, perform
from app.resolvers.rows import errors_of, read_back, to_json
from app.schema.connections import Connection, PageArguments, connection
from app.schema.context import Info
from app.schema.inventory import (
    ExpectInventoryInput,
    InventoryLevelType,
    InventoryPayload,
    InventoryResultType,
    MoveInventoryInput,
    ReceiveInventoryInput,
    SetInventoryInput,
)
from app.schema.relay import NODE_SOURCES, NodeSource

TakeOver = Callable[..., Awaitable[Sequence[RowResult[Any]]]]
CALLERS = STAFF | {PrincipalKind.INTEGRATION}

NODE_SOURCES["InventoryLevel"] = NodeSource(batch=queries.by_ids, of=InventoryLevelType.of)


@strawberry.type
class InventoryQueries:
    """What is in stock."""

    @strawberry.field
    async def inventory_levels(
        self,
        info: Info,
        node: str | None = None,
        sku: str | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[InventoryLevelType]:
        """Levels of a node (by reference) or an sku. For staff and integrations."""
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        context = info.context
        async with context.database.reading() as session:
            page = await queries.listed(session, context.principal, node=node, sku=sku, **arguments.as_keywords())
        return connection(page, InventoryLevelType.of)


@strawberry.type
class InventoryMutations:
    """What warehouses report. Each bad row answers its own errors; the others land."""

    @mutation(callers=CALLERS)
    async def set_inventory(self, info: Info, input: SetInventoryInput) -> InventoryPayload:
        """Takes a stock count over: absolute levels."""
        return await _taken_over(info, input, stocktaking.count, input.levels)

    @mutation(callers=CALLERS)
    async def move_inventory(self, info: Info, input: MoveInventoryInput) -> InventoryPayload:
        """Takes stock movements over, each only where the level is what `expectedOnHand` says."""
        return await _taken_over(info, input, stocktaking.move, input.movements)

    @mutation(callers=CALLERS)
    async def expect_inventory(self, info: Info, input: ExpectInventoryInput) -> InventoryPayload:
        """Takes over which deliveries are to come to nodes, and when. Sent again, it says what still is."""
        return await _taken_over(info, input, arrivals.expect, input.deliveries)

    @mutation(callers=CALLERS)
    async def receive_inventory(self, info: Info, input: ReceiveInventoryInput) -> InventoryPayload:
        """Takes over what of a delivery has come: it is on hand, and what was promised of it is reserved there."""
        return await _taken_over(info, input, arrivals.receive, input.arrivals)


async def _taken_over(info: Info, input: Any, operation: TakeOver, given: Sequence[Any]) -> InventoryPayload:
    async def work(session: Session, actor: Principal, now: datetime) -> Json:
        return to_json(await operation(session, rows=[row.to_row() for row in given], actor=actor, now=now))

    async def answer(outcome: Json) -> InventoryPayload:
        return InventoryPayload(
            results=[
                InventoryResultType(
                    index=result["index"],
                    outcome=RowOutcome(result["outcome"]),
                    level=None if level is None else InventoryLevelType.of(level),
                    errors=errors_of(result),
                )
                for result, level in await read_back(info, outcome, queries.by_ids)
            ]
        )

    return await perform(info, input, payload=InventoryPayload, work=work, answer=answer)
