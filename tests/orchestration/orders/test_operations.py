"""Taking orders over: how much of the database it needs, and what two calls at once do."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

from app.core.database import Database
from app.core.geo import Point
from app.models import Order
from app.orchestration.orders import operations
from app.orchestration.orders.drafts import AddressDraft, LineDraft, OrderDraft, RecipientDraft
from app.orchestration.orders.operations import Deployment
from app.orchestration.rows import ErrorPolicy
from tests.client import INTEGRATION
from tests.factories.stock import a_world

NOW = datetime(2030, 5, 17, 9, tzinfo=UTC)


def a_draft(reference: str, *, quantity: int = 1) -> OrderDraft:
    return OrderDraft(
        reference=reference,
        recipient=RecipientDraft(name="Rosa"),
        address=AddressDraft(
            line1="Rua Augusta 1", city="Lisboa", country="PT", location=Point(latitude=38.71, longitude=-9.14)
        ),
        lines=[LineDraft(sku="APPLE", quantity=quantity)],
    )


async def upsert(database: Database, drafts: list[OrderDraft]) -> list[operations.OrderResult]:
    return await database.run(
        lambda session: operations.upsert(
            session,
            drafts=drafts,
            error_policy=ErrorPolicy.REJECT_EVERYTHING,
            deployment=Deployment(secret="s", currency="EUR"),
            actor=INTEGRATION,
            now=NOW,
        )
    )


@pytest.mark.parametrize("quantity", [1, 2])
async def test_a_thousand_orders_are_created_and_updated_with_a_handful_of_statements(
    database: Database, quantity: int
) -> None:
    await a_world(database)
    if quantity == 2:
        await upsert(database, [a_draft(str(number)) for number in range(1000)])
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    results = await upsert(database, [a_draft(str(number), quantity=quantity) for number in range(1000)])
    assert {result.outcome.value for result in results} == {"CREATED" if quantity == 1 else "UPDATED"}
    assert len(statements) < 20, statements


async def test_two_calls_that_create_the_same_order_at_once_make_one(database: Database) -> None:
    await a_world(database)
    found = await asyncio.gather(
        *(upsert(database, [a_draft("4711"), a_draft(f"own-{number}")]) for number in range(4)), return_exceptions=True
    )
    assert all(not isinstance(each, BaseException) or isinstance(each, IntegrityError) for each in found)
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Order).where(Order.reference == "4711")) == 1  # type: ignore[arg-type]  # SQLModel types a column as its value
