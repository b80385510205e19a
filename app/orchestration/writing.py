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
    Update,
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
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel, col

from app.core.ids import new_id

ROWS_A_STATEMENT = 10_000
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Unless:
    """A row is left out where another one has the same values of these columns, among those that `where` names."""

    columns: tuple[str, ...]
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
    added: list[uuid.UUID] = []
    for chunk in _chunks(rows):
        full = _completed(model, chunk)
        names = tuple(full[0])
        values = arrays(table_of(model), names, full)
        if unless is None:
            await session.execute(insertion(model, names), values)
        else:
            added += await session.scalars(_skipping(model, names, unless), values)
    return added


async def write_together(
    session: AsyncSession, changed: tuple[type[SQLModel], Rows], new: Mapping[type[SQLModel], Rows]
) -> None:
    """Sets what the rows of one table name, by their id, and adds rows to others, which may refer to each other.

    In one statement where they are few; where not, in this order.
    """
    model, changes = changed
    added = {model: rows for model, rows in new.items() if rows}
    if max(map(len, [changes, *added.values()])) > ROWS_A_STATEMENT:
        await update_all(session, model, changes)
        for each, rows in added.items():
            await insert_all(session, each, rows)
        return
    await session.flush()
    full = [(model, changes), *((each, _completed(each, rows)) for each, rows in added.items())]
    statement = _joint(tuple((each, tuple(rows[0])) for each, rows in full))
    values: dict[str, Any] = {}
    for number, (each, rows) in enumerate(full):
        values |= arrays(table_of(each), tuple(rows[0]), rows, number=number)
    await session.execute(statement, values)


async def update_all(
    session: AsyncSession, model: type[SQLModel], rows: Rows, *, key: str = "id", counting: Sequence[str] = ()
) -> None:
    """Sets the columns that the rows name in the rows that `key` finds; the columns `counting` go up by one."""
    if not rows:
        return
    await session.flush()
    for chunk in _chunks(rows):
        names = tuple(chunk[0])
        statement = _changing(model, names, key, tuple(counting))
        await session.execute(statement, arrays(table_of(model), names, chunk))


def new_ids(count: int) -> list[uuid.UUID]:
    """Keys for rows to come, each later than the last."""
    return [new_id() for _ in range(count)]


def one_of(key: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """The condition that a key is among so many values: one array, where IN would send a parameter for each."""
    return col(key) == any_(bindparam("keys", list(values), type_=ARRAY(key.type), unique=True))


def among(key: Any, name: str) -> ColumnElement[bool]:
    """The same for a statement that is made once: the values come as a list, under this name, with each execution."""
    return col(key) == any_(bindparam(name, type_=ARRAY(key.type)))


def _chunks(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        yield rows[start : start + ROWS_A_STATEMENT]


def _completed(model: type[SQLModel], rows: Rows) -> list[dict[str, Any]]:
    lacking = {name: default for name, default in _defaults(model).items() if name not in rows[0]}
    fixed = {name: value for name, (value, made) in lacking.items() if made is None}
    made = {name: make for name, (_, make) in lacking.items() if make is not None}
    return [{**fixed, **{name: make() for name, make in made.items()}, **row} for row in rows]


@cache
def insertion(model: type[SQLModel], names: tuple[str, ...], number: int = 0) -> Insert:
    """The statement for rows that name these columns. Made once: making one costs more than sending it."""
    table = table_of(model)
    values = given(table, names, number=number)
    chosen = select(*(_typed(table, values, name) for name in names))
    return insert(table).from_select(names, chosen, include_defaults=False)


@cache
def _skipping(model: type[SQLModel], names: tuple[str, ...], unless: Unless) -> ReturningInsert[tuple[uuid.UUID]]:
    where = None if unless.where is None else text(unless.where)
    skipping = insertion(model, names).on_conflict_do_nothing(index_elements=list(unless.columns), index_where=where)
    return skipping.returning(table_of(model).c.id)


@cache
def _joint(tables: tuple[tuple[type[SQLModel], tuple[str, ...]], ...]) -> Update:
    """The first is changed, the others are added to on the side. References are checked when the statement ends."""
    changed, *new = tables
    additions = (insertion(model, names, number).cte(f"new_{number}") for number, (model, names) in enumerate(new, 1))
    return _changing(*changed).add_cte(*additions)


@cache
def _changing(model: type[SQLModel], names: tuple[str, ...], key: str = "id", counting: tuple[str, ...] = ()) -> Update:
    table = table_of(model)
    values = given(table, names)
    changes: dict[str, Any] = {name: _typed(table, values, name) for name in names if name != key}
    changes |= {name: table.c[name] + 1 for name in counting}
    return update(table).where(table.c[key] == values.c[key]).values(changes)


def given(table: Table, names: Sequence[str], *, number: int = 0) -> FromClause:
    """Rows of these columns for a statement of one's own; `arrays` has their values. `number` tells several apart."""
    arrays = [bindparam(f"given_{number}_{name}", type_=ARRAY(_plain(table.c[name]))) for name in names]
    columns = [column(name, _plain(table.c[name])) for name in names]
    return func.unnest(*arrays).table_valued(*columns, name=f"given_{number}").render_derived()


def arrays(table: Table, names: Sequence[str], rows: Rows, *, number: int = 0) -> dict[str, Any]:
    """The values of each column, under the name that `given` gave it."""
    found = {}
    for name in names:
        is_json = isinstance(table.c[name].type, JSONB)
        found[f"given_{number}_{name}"] = [_value(row[name], is_json=is_json) for row in rows]
    return found


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


def table_of(model: type[SQLModel]) -> Table:
    """The model's table, for statements of one's own."""
    table = getattr(model, "__table__", None)
    assert isinstance(table, Table), f"{model.__name__} is no table"
    return table


@cache
def _defaults(model: type[SQLModel]) -> dict[str, tuple[Any, Any]]:
    """Column -> (value, factory) of what a new row has by itself; what the server fills in is left to it."""
    table = table_of(model)
    answer: dict[str, tuple[Any, Any]] = {}
    for name, field in model.model_fields.items():
        if field.is_required() or table.c[name].server_default is not None or table.c[name].identity is not None:
            continue
        answer[name] = (field.default, field.default_factory)
    return answer
