"""Many rows in one statement: a thousand inserts or updates cost one round trip. Knows no noun.

The values travel as one array per column and are unnested by the server, which is nearly as fast as COPY and takes part
in the session's transaction like any other statement. What the session holds of these rows is not refreshed.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    FromClause,
    String,
    Table,
    any_,
    bindparam,
    cast,
    column,
    func,
    select,
    text,
    update,
)
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel, col

from app.core.ids import new_id

ROWS_A_STATEMENT = 10_000
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Unless:
    """A row is left out where another one has the same values of these columns, among those that `where` names."""

    columns: Sequence[str]
    where: str | None = None


async def insert_all(
    session: AsyncSession, model: type[SQLModel], rows: Rows, *, unless: Unless | None = None
) -> list[uuid.UUID]:
    """New rows, in this order. What a row leaves out takes the model's default; every row names the same columns.

    Answers, with `unless`, the ids of the rows that were added.
    """
    if not rows:
        return []
    await session.flush()  # what the rows refer to
    table = _table(model)
    added: list[uuid.UUID] = []
    for chunk in _chunks(rows):
        full = _completed(model, chunk)
        names = list(full[0])
        values = _unnested(table, names, full)
        chosen = select(*(_typed(table, values, name) for name in names))
        statement = insert(table).from_select(names, chosen, include_defaults=False)
        if unless is None:
            await session.execute(statement)
            continue
        where = None if unless.where is None else text(unless.where)
        skipping = statement.on_conflict_do_nothing(index_elements=list(unless.columns), index_where=where)
        added += list(await session.scalars(skipping.returning(table.c.id)))
    return added


async def update_all(
    session: AsyncSession, model: type[SQLModel], rows: Rows, *, key: str = "id", counting: Sequence[str] = ()
) -> None:
    """Sets the columns that the rows name in the rows that `key` finds; the columns `counting` go up by one."""
    if not rows:
        return
    await session.flush()
    table = _table(model)
    for chunk in _chunks(rows):
        names = list(chunk[0])
        values = _unnested(table, names, chunk)
        changes: dict[str, Any] = {name: _typed(table, values, name) for name in names if name != key}
        changes |= {name: table.c[name] + 1 for name in counting}
        await session.execute(update(table).where(table.c[key] == values.c[key]).values(changes))


def new_ids(count: int) -> list[uuid.UUID]:
    """Keys for rows to come, each later than the last."""
    return [new_id() for _ in range(count)]


def one_of(key: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """The condition that a key is among so many values: one array, where IN would send a parameter for each."""
    return col(key) == any_(bindparam("keys", list(values), type_=ARRAY(key.type), unique=True))


def _chunks(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        yield rows[start : start + ROWS_A_STATEMENT]


def _completed(model: type[SQLModel], rows: Rows) -> list[dict[str, Any]]:
    lacking = {name: default for name, default in _defaults(model).items() if name not in rows[0]}
    fixed = {name: value for name, (value, made) in lacking.items() if made is None}
    made = {name: make for name, (_, make) in lacking.items() if make is not None}
    return [{**fixed, **{name: make() for name, make in made.items()}, **row} for row in rows]


def _unnested(table: Table, names: Sequence[str], rows: Rows) -> FromClause:
    arrays = []
    for name in names:
        is_json = isinstance(table.c[name].type, JSONB)
        values = [_value(row[name], is_json=is_json) for row in rows]
        arrays.append(bindparam(name, values, type_=ARRAY(_plain(table.c[name])), unique=True))
    columns = [column(name, _plain(table.c[name])) for name in names]
    return func.unnest(*arrays).table_valued(*columns, name="given").render_derived()


def _typed(table: Table, values: FromClause, name: str) -> ColumnElement[Any]:
    found: ColumnElement[Any] = values.c[name]
    return cast(found, JSONB) if isinstance(table.c[name].type, JSONB) else found


def _value(value: Any, *, is_json: bool) -> Any:
    if is_json:
        return orjson.dumps(value).decode()
    return value.value if isinstance(value, Enum) else value


def _plain(found: Column[Any]) -> TypeEngine[Any]:
    """The type that the value travels as: checked texts, and JSON, whose lists an array would take for its own."""
    return String() if isinstance(found.type, SqlEnum | JSONB) else found.type


def _table(model: type[SQLModel]) -> Table:
    table = getattr(model, "__table__", None)
    assert isinstance(table, Table), f"{model.__name__} is no table"
    return table


@cache
def _defaults(model: type[SQLModel]) -> dict[str, tuple[Any, Any]]:
    """Column -> (value, factory) of what a new row has by itself; what the server fills in is left to it."""
    table = _table(model)
    answer: dict[str, tuple[Any, Any]] = {}
    for name, field in model.model_fields.items():
        if field.is_required() or table.c[name].server_default is not None or table.c[name].identity is not None:
            continue
        answer[name] = (field.default, field.default_factory)
    return answer
