"""Reading the log in an order that never skips an event.

Two transactions can commit out of the order of their positions. A reader therefore goes by (transaction, position) and
only passes events of transactions older than every running one (`pg_snapshot_xmin`): those can gain no more events, and
no later transaction can get a lower number. The reader's cursor moves in the transaction of its side effect.
"""

from sqlalchemy import Select, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import Event, EventReader

SETTLED = text("events.transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint")

Cursor = tuple[int, int]
START: Cursor = (0, 0)


def settled_after(cursor: Cursor) -> Select[Event]:
    """Events that a reader at `cursor` may pass, in reading order."""
    return (
        select(Event)
        .where(SETTLED, tuple_(col(Event.transaction_id), col(Event.position)) > tuple_(*cursor))
        .order_by(col(Event.transaction_id), col(Event.position))
    )


def cursor_of(event: Event) -> Cursor:
    """Where a reader stands that has passed this event."""
    return event.transaction_id or 0, event.position or 0


async def read_next(session: AsyncSession, *, reader: str, limit: int) -> list[Event]:
    """The next events of a durable reader; its cursor moves past them when the transaction commits.

    Answers nothing where another process is reading for the same reader right now.
    """
    await session.execute(insert(EventReader).values(name=reader).on_conflict_do_nothing())
    row = await session.scalar(
        select(EventReader).where(col(EventReader.name) == reader).with_for_update(key_share=True, skip_locked=True)
    )
    if row is None:
        return []
    events = list(await session.scalars(settled_after((row.transaction_id, row.position)).limit(limit)))
    if events:
        row.transaction_id, row.position = cursor_of(events[-1])
    return events


async def newest_cursor(session: AsyncSession) -> Cursor:
    """Where a live reader starts that only wants what happens from now on."""
    found = await session.scalar(
        select(Event).where(SETTLED).order_by(col(Event.transaction_id).desc(), col(Event.position).desc()).limit(1)
    )
    return START if found is None else cursor_of(found)
