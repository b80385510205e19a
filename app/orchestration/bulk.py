"""Bulk upsert of master data by its own reference: two statements for a thousand rows. Knows no noun."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import TimedRow
from app.orchestration.rows import RowOutcome, RowResult

Stored = TypeVar("Stored", bound=TimedRow)


async def upsert(
    session: AsyncSession,
    table: type[Stored],
    *,
    key: str,
    values: Mapping[int, dict[str, Any]],
    count: int,
    now: datetime,
) -> list[RowResult[Stored]]:
    """Creates or changes one row per entry of `values` (input index -> column values), found again by column `key`.

    Answers `count` results; an index that `values` leaves out stays REJECTED, for its caller to explain.
    """
    results: list[RowResult[Stored]] = [RowResult(index=index) for index in range(count)]
    column = getattr(table, key)
    wanted = sorted({row[key] for row in values.values()})
    found = await session.scalars(
        select(table).where(column.in_(wanted)).order_by(column).with_for_update(key_share=True)
    )
    stored = {getattr(row, key): row for row in found}
    for index, row in values.items():
        existing = stored.get(row[key])
        if existing is None:
            existing = stored[row[key]] = table(**row, created_at=now)
            session.add(existing)
            outcome = RowOutcome.CREATED
        else:
            outcome = _change(existing, row)
        results[index].found, results[index].outcome = existing, outcome
    await session.flush()
    return results


def _change(stored: TimedRow, values: Mapping[str, Any]) -> RowOutcome:
    changed = {name: value for name, value in values.items() if getattr(stored, name) != value}
    for name, value in changed.items():
        setattr(stored, name, value)
    return RowOutcome.UPDATED if changed else RowOutcome.UNCHANGED
