"""What happens now, for subscriptions: one tail of the event log per web process, shared by all its subscribers.

It polls while somebody listens and sleeps while nobody does. What a subscriber missed while away it reads from a query
or the `events` connection: a live feed starts now.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import structlog

from app.core.database import Database
from app.models import Event
from app.orchestration.events import readers

POLL_SECONDS = 0.25
BATCH = 500
# A subscriber that reads too slowly loses the oldest events rather than the server's memory.
QUEUE_LENGTH = 1_000

Predicate = Callable[[Event], bool]
log = structlog.get_logger(__name__)


class LiveEvents:
    """Fans the settled events of the log out to subscribers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[asyncio.Queue[Event], Predicate] = {}
        self._somebody_listens = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts the tail; `stop` ends it."""
        self._task = asyncio.create_task(self._tail())

    async def stop(self) -> None:
        """Ends the tail and waits for it."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def subscribe(self, predicate: Predicate) -> AsyncIterator[Event]:
        """The events from now on for which `predicate` holds, until the caller stops iterating."""
        queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_LENGTH)
        self._listeners[queue] = predicate
        self._somebody_listens.set()
        try:
            while True:
                yield await queue.get()
        finally:
            del self._listeners[queue]
            if not self._listeners:
                self._somebody_listens.clear()

    async def _tail(self) -> None:
        while True:
            await self._somebody_listens.wait()
            try:
                await self._follow()
            except Exception:
                log.exception("live.tail_failed")
                await asyncio.sleep(1)

    async def _follow(self) -> None:
        async with self._database.reading() as session:
            cursor = await readers.newest_cursor(session)
        while self._listeners:
            async with self._database.reading() as session:
                events = list(await session.scalars(readers.settled_after(cursor).limit(BATCH)))
            for event in events:
                cursor = readers.cursor_of(event)
                self._offer(event)
            if len(events) < BATCH:
                await asyncio.sleep(POLL_SECONDS)

    def _offer(self, event: Event) -> None:
        for queue, predicate in self._listeners.items():
            if not predicate(event):
                continue
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)
