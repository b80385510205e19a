"""Waiting for the event log to settle: another worker's transaction on the same server holds readers back."""

import asyncio

from sqlalchemy import func, not_, select, text

from app.core.database import Database
from app.models import Event
from app.orchestration.events.readers import SETTLED


async def all_settled(database: Database) -> None:
    """Returns once a reader may pass every event."""
    statement = select(func.count()).select_from(Event).where(not_(text(f"({SETTLED.text})")))
    while True:
        async with database.reading() as session:
            if await session.scalar(statement) == 0:
                return
        await asyncio.sleep(0.01)
