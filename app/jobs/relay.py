"""Carries the event log to its durable readers: each event once, its cursor moving with its side effect.

An event that a reader cannot take is passed over with an open exception that names it, so that one bad event never
stops the rest.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import clock
from app.core.database import Database, savepoint
from app.models import Event
from app.orchestration.events import readers

BATCH = 200

Read = Callable[[AsyncSession, Sequence[Event], datetime], Awaitable[None]]
PassedOver = Callable[[AsyncSession, Event, str, str, datetime], Awaitable[None]]
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Reader:
    """Who is given events: those of these types, or all."""

    read: Read
    types: Collection[str] | None = None


async def drain(database: Database, handlers: Mapping[str, Reader], passed_over: PassedOver) -> int:
    """Lets every reader read to the end of what has settled; answers how many events were handled."""
    handled = 0
    for name, handler in handlers.items():
        while count := await _step(database, name, handler, passed_over):
            handled += count
            if count < BATCH:
                break
    return handled


async def _step(database: Database, name: str, handler: Reader, passed_over: PassedOver) -> int:
    async def read(session: AsyncSession) -> int:
        events = await readers.read_next(session, reader=name, limit=BATCH, types=handler.types)
        if events:
            await handler.read(session, events, clock.now())
        return len(events)

    try:
        return await database.run(read)
    except Exception:
        log.exception("relay.batch_failed", reader=name)
    return await _one_by_one(database, name, handler, passed_over)


async def _one_by_one(database: Database, name: str, handler: Reader, passed_over: PassedOver) -> int:
    async with database.transaction() as session:
        events = await readers.read_next(session, reader=name, limit=BATCH, types=handler.types)
        for event in events:
            try:
                async with savepoint(session):
                    await handler.read(session, [event], clock.now())
            except Exception as error:
                log.exception("relay.event_passed_over", reader=name, event_id=str(event.id))
                await passed_over(session, event, name, repr(error), clock.now())
        return len(events)
