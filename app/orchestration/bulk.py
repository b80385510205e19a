"""Bulk upsert of master data by its own reference: two statements for a thousand rows. Knows no noun."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import UserError
from app.models.base import TimedRow
from app.orchestration import row_checks
from app.orchestration.rows import RowOutcome, RowResult, check_row_count

Stored = TypeVar("Stored", bound=TimedRow)
Row = TypeVar("Row")


async def upsert(
    session: AsyncSession,
    table: type[Stored],
    rows: Sequence[Row],
    *,
    field: str,
    key: str = "reference",
    refusals: Callable[[Row], list[UserError]],
    values: Callable[[Row], dict[str, Any]],
    now: datetime,
) -> list[RowResult[Stored]]:
    """Creates or changes a stored row for each row, found again by column `key`; bad ones answer their own errors.

    `field`: the input's name of the rows; `refusals`: why one cannot be taken over; `values`: its column values.
    """
    check_row_count(rows, field=field)
    twice = row_checks.duplicates([getattr(row, key) for row in rows], noun=table.__name__, field=key)
    results: list[RowResult[Stored]] = []
    good: dict[int, dict[str, Any]] = {}
    for index, row in enumerate(rows):
        errors = [*refusals(row), *([twice[index]] if index in twice else [])]
        results.append(RowResult(index=index, errors=row_checks.placed(errors, rows=field, index=index)))
        if not errors:
            good[index] = values(row)
    for index, (found, outcome) in (await _stored(session, table, good, key=key, now=now)).items():
        results[index].found, results[index].outcome = found, outcome
    return results


async def _stored(
    session: AsyncSession, table: type[Stored], rows: Mapping[int, dict[str, Any]], *, key: str, now: datetime
) -> dict[int, tuple[Stored, RowOutcome]]:
    """Index -> the row that now has these values, and what became of it."""
    column = getattr(table, key)
    wanted = sorted({row[key] for row in rows.values()})
    found = await session.scalars(
        select(table).where(column.in_(wanted)).order_by(column).with_for_update(key_share=True)
    )
    stored = {getattr(row, key): row for row in found}
    answer: dict[int, tuple[Stored, RowOutcome]] = {}
    for index, row in rows.items():
        existing = stored.get(row[key])
        if existing is None:
            created = table(**row, created_at=now)
            session.add(created)
            answer[index] = created, RowOutcome.CREATED
        else:
            answer[index] = existing, _change(existing, row)
    await session.flush()
    return answer


def _change(stored: TimedRow, values: Mapping[str, Any]) -> RowOutcome:
    changed = {name: value for name, value in values.items() if getattr(stored, name) != value}
    for name, value in changed.items():
        setattr(stored, name, value)
    return RowOutcome.UPDATED if changed else RowOutcome.UNCHANGED
