"""The reader `counters`: adds each event once to its type's count of that day, in all and for its carrier."""

from collections import Counter as Tally
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import Counter, Event

EVERYBODY = "all"


def dimensions(event: Event) -> list[str]:
    """What an event counts towards."""
    return [EVERYBODY] if event.carrier_id is None else [EVERYBODY, f"carrier:{event.carrier_id}"]


async def read(session: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Adds the events to their counters; the reader's cursor moves in the same transaction, so none counts twice."""
    tally = Tally((event.type, dimension, event.at.date()) for event in events for dimension in dimensions(event))
    rows = [
        {"name": name, "dimension": dimension, "day": day, "value": count}
        for (name, dimension, day), count in sorted(tally.items())
    ]
    statement = insert(Counter).values(rows)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["name", "dimension", "day"],
            set_={"value": func.coalesce(col(Counter.value), 0) + statement.excluded.value},
        )
    )
