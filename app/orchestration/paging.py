"""Keyset pages: one SQL statement per page, stable while rows come and go. Knows no noun."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Refusal
from app.core.ids import from_cursor, to_cursor

MOST_ROWS = 100

Row = TypeVar("Row")


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return found


def _whole(text: str) -> int:
    found = int(text)
    if not -(2**63) <= found < 2**63:
        raise ValueError(f"{text} is no 64-bit number")
    return found


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("PostgreSQL keeps no NUL")
    return text


READERS: dict[type, Callable[[str], Any]] = {
    uuid.UUID: uuid.UUID,
    datetime: _time,
    date: date.fromisoformat,
    int: _whole,
}


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Row]):
    """Some rows of a list, with the cursor of each."""

    rows: list[Row]
    cursors: list[str]
    has_next: bool
    has_previous: bool


def checked_size(first: int | None, last: int | None) -> int:
    """How many rows are asked for; refuses both, neither, and what is out of range."""
    size = first if first is not None else last
    if size is None or (first is not None and last is not None) or not 1 <= size <= MOST_ROWS:
        raise Refusal(
            "PAGE_SIZE",
            f"Ask for first or last, one of them, from 1 to {MOST_ROWS} (got first {first}, last {last}).",
            field="first" if last is None else "last",
        )
    return size


async def page(
    session: AsyncSession,
    statement: Select[Row],
    *,
    key_columns: Sequence[Any],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    descending: bool = False,
) -> Page[Row]:
    """One page of `statement` (which selects one entity, unordered) in the order of `key_columns`.

    The columns together must be unique and never null. `descending` turns the order of all of them.
    """
    size = checked_size(first, last)
    backwards = first is None
    bounded = _bounded(statement, key_columns, after=after, before=before, descending=descending)
    order = [column.desc() if descending != backwards else column.asc() for column in key_columns]
    found = list(await session.execute(bounded.add_columns(*key_columns).order_by(*order).limit(size + 1)))
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    return Page(
        rows=[row[0] for row in found],
        cursors=[to_cursor(*(_shown(part) for part in row[1:])) for row in found],
        has_next=before is not None if backwards else more,
        has_previous=more if backwards else after is not None,
    )


def _bounded(
    statement: Select[Row],
    key_columns: Sequence[Any],
    *,
    after: str | None,
    before: str | None,
    descending: bool,
) -> Select[Any]:
    key = tuple_(*key_columns)
    bounded: Select[Any] = statement
    if after is not None:
        edge = tuple_(*_parts(after, key_columns, field="after"))
        bounded = bounded.where(key < edge if descending else key > edge)
    if before is not None:
        edge = tuple_(*_parts(before, key_columns, field="before"))
        bounded = bounded.where(key > edge if descending else key < edge)
    return bounded


def _parts(cursor: str, key_columns: Sequence[Any], *, field: str) -> list[Any]:
    try:
        texts = from_cursor(cursor, parts=len(key_columns))
        return [_reader(column)(text) for column, text in zip(key_columns, texts, strict=True)]
    except (ValueError, Refusal) as error:
        raise Refusal(
            "CURSOR_INVALID",
            f"{cursor[:80]!r} is not a cursor of this list. Use a cursor that the list answered.",
            field=field,
        ) from error


def _reader(column: Any) -> Callable[[str], Any]:
    """How a part of a cursor is read. SQLModel's text columns name no Python type: text is what remains."""
    kind = column.type.python_type
    return kind if issubclass(kind, Enum) else READERS.get(kind, _text)


def _shown(part: object) -> str:
    return part.isoformat() if isinstance(part, date) else str(part)
