"""Rows in the shapes that readers want: by key, or grouped. Knows no noun."""

import uuid
from collections.abc import Iterable
from typing import Protocol, TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession


class Keyed(Protocol):
    """A row with the key that every table has."""

    id: uuid.UUID


Row = TypeVar("Row", bound=Keyed)
Key = TypeVar("Key")
Value = TypeVar("Value")


async def by_id(session: AsyncSession, statement: Select[Row]) -> dict[uuid.UUID, Row]:
    """The rows by their key."""
    return {row.id: row for row in await session.scalars(statement)}


async def by_key(session: AsyncSession, statement: Select[Key, Value]) -> dict[Key, Value]:
    """The second column by the first."""
    return {row[0]: row[1] for row in (await session.execute(statement)).all()}


async def grouped(session: AsyncSession, statement: Select[Key, Value], keys: Iterable[Key]) -> dict[Key, list[Value]]:
    """For each of the keys what the second column has for it, in the statement's order; nothing is an empty list."""
    answer: dict[Key, list[Value]] = {key: [] for key in keys}
    for key, value in (await session.execute(statement)).all():
        answer[key].append(value)
    return answer
