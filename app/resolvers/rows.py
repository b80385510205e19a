"""Bulk mutations: from each row's result to the JSON that a replayed call answers again, and back to GraphQL."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from app.auth.principals import Principal
from app.core.database import Session
from app.core.errors import UserError
from app.orchestration.rows import RowOutcome, RowResult
from app.resolvers.mutations import Json, perform
from app.schema.context import BatchFunction, Info
from app.schema.errors import UserErrorType
from app.schema.rows import RowResultType, UpsertRowsPayload

Row = TypeVar("Row")
Upsert = Callable[..., Awaitable[Sequence[RowResult[Any]]]]


def key_of(found: Any) -> str | None:
    """The key of what a row made or changed."""
    if found is None:
        return None
    return str(found if isinstance(found, uuid.UUID) else found.id)


def to_json(results: Sequence[RowResult[Any]]) -> Json:
    """The results as plain JSON."""
    return {
        "results": [
            {
                "index": result.index,
                "key": key_of(result.found),
                "outcome": result.outcome.value,
                "errors": [[error.code, error.message, error.field] for error in result.errors],
            }
            for result in results
        ]
    }


def errors_of(result: Json) -> list[UserErrorType]:
    """The errors of one row."""
    return [UserErrorType(code=code, message=message, field=field) for code, message, field in result["errors"]]


def error_types(errors: Sequence[UserError]) -> list[UserErrorType]:
    """User errors for an answer."""
    return [UserErrorType.of(error) for error in errors]


async def read_back(info: Info, outcome: Json, batch: "BatchFunction[uuid.UUID, Row]") -> list[tuple[Json, Row | None]]:
    """Each result with the row that it names, read in one batch."""
    results: list[Json] = outcome["results"]

    async def one(result: Json) -> Row | None:
        return None if result["key"] is None else await info.context.load(batch, uuid.UUID(result["key"]))

    return list(zip(results, await asyncio.gather(*map(one, results)), strict=True))


async def upsert_rows(info: Info, input: Any, upsert: Upsert, given: Sequence[Any]) -> UpsertRowsPayload:
    """A bulk upsert of master data: answers each row's outcome. `given`: the rows as the schema has them."""

    async def work(session: Session, actor: Principal, now: datetime) -> Json:
        return to_json(await upsert(session, rows=[row.to_row() for row in given], now=now))

    async def answer(outcome: Json) -> UpsertRowsPayload:
        return UpsertRowsPayload(
            results=[
                RowResultType(index=result["index"], outcome=RowOutcome(result["outcome"]), errors=errors_of(result))
                for result in outcome["results"]
            ]
        )

    return await perform(info, input, payload=UpsertRowsPayload, work=work, answer=answer)
