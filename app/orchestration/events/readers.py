"""Reading the log in an order that never skips an event.

Two transactions can commit out of the order of their positions. A reader therefore goes by (transaction, position) and
only passes events of transactions older than every running one (`pg_snapshot_xmin`): those can gain no more events, and
no later transaction can get a lower number. The reader's cursor moves in the transaction of its side effect.
"""

from collections.abc import Collection

from sqlalchemy import Select, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import Event, EventReader

SETTLED = text("events.transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint")

READING_ORDER = tuple_(col(Event.transaction_id), col(Event.position))
# A reader of some types looks so far ahead at a time.
MOST_PASSED = 5_000

Cursor = tuple[int, int]
START: Cursor = (0, 0)


def settled_after(cursor: Cursor) -> Select[Event]:
    """Events that a reader at `cursor` may pass, in reading order."""
    return (
        select(Event)
        .where(SETTLED, tuple_(*cursor) < READING_ORDER)
        .order_by(col(Event.transaction_id), col(Event.position))
    )


def cursor_of(event: Event) -> Cursor:
    """Where a reader stands that has passed this event."""
    return event.transaction_id or 0, event.position or 0


async def read_next(
    session: AsyncSession, *, reader: str, limit: int, types: Collection[str] | None = None
) -> list[Event]:
    """The next events of a durable reader, of these types; its cursor moves past them when the transaction commits.

    Answers nothing where another process is reading for the same reader right now.
    """
    await session.execute(insert(EventReader).values(name=reader).on_conflict_do_nothing())
    row = await session.scalar(
        select(EventReader).where(col(EventReader.name) == reader).with_for_update(key_share=True, skip_locked=True)
    )
    if row is None:
        return []
    here = row.transaction_id, row.position
    coming, end = settled_after(here), None
    if types is not None:
        end = await _horizon(session, here)
        coming = coming.where(col(Event.type).in_(types), tuple_(*end) >= READING_ORDER)
    events = list(await session.scalars(coming.limit(limit)))
    if len(events) == limit or end is None:
        end = cursor_of(events[-1]) if events else here
    row.transaction_id, row.position = end
    return events


async def _horizon(session: AsyncSession, cursor: Cursor) -> Cursor:
    """Where a reader stands that has passed so many events, whatever their types."""
    ahead = settled_after(cursor).limit(MOST_PASSED).subquery()
    last = await session.execute(
        select(ahead.c.transaction_id, ahead.c.position)
        .order_by(ahead.c.transaction_id.desc(), ahead.c.position.desc())
        .limit(1)
    )
    found = last.one_or_none()
    return cursor if found is None else (found[0], found[1])


async def newest_cursor(session: AsyncSession) -> Cursor:
    """Where a live reader starts that only wants what happens from now on."""
    found = await session.scalar(
        select(Event).where(SETTLED).order_by(col(Event.transaction_id).desc(), col(Event.position).desc()).limit(1)
    )
    return START if found is None else cursor_of(found)
