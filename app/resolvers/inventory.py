"""Stock counts, stock movements, deliveries to nodes, and reading levels."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import strawberry

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.core.database import Session
from app.orchestration.inventory import arrivals, queries, stocktaking
from app.orchestration.rows import RowOutcome
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

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            rows = [row.to_row() for row in input.levels]
            return to_json(await stocktaking.count(session, rows=rows, actor=actor, now=now))

        return await perform(info, input, payload=InventoryPayload, work=work, answer=_answer(info))

    @mutation(callers=CALLERS)
    async def move_inventory(self, info: Info, input: MoveInventoryInput) -> InventoryPayload:
        """Takes stock movements over, each only where the level is what `expectedOnHand` says."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            rows = [row.to_row() for row in input.movements]
            return to_json(await stocktaking.move(session, rows=rows, actor=actor, now=now))

        return await perform(info, input, payload=InventoryPayload, work=work, answer=_answer(info))

    @mutation(callers=CALLERS)
    async def expect_inventory(self, info: Info, input: ExpectInventoryInput) -> InventoryPayload:
        """Takes over which deliveries are to come to nodes, and when. Sent again, it says what still is."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            rows = [row.to_row() for row in input.deliveries]
            return to_json(await arrivals.expect(session, rows=rows, actor=actor, now=now))

        return await perform(info, input, payload=InventoryPayload, work=work, answer=_answer(info))

    @mutation(callers=CALLERS)
    async def receive_inventory(self, info: Info, input: ReceiveInventoryInput) -> InventoryPayload:
        """Takes over what of a delivery has come: it is on hand, and what was promised of it is reserved there."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            rows = [row.to_row() for row in input.arrivals]
            return to_json(await arrivals.receive(session, rows=rows, actor=actor, now=now))

        return await perform(info, input, payload=InventoryPayload, work=work, answer=_answer(info))


def _answer(info: Info) -> Callable[[Json], Awaitable[InventoryPayload]]:
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

    return answer
