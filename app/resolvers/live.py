"""What happens now, for subscriptions: one tail of the event log per web process, shared by all its subscribers.

It polls while somebody listens and sleeps while nobody does. What a subscriber missed while away it reads from a query
or the `events` connection: a live feed starts now.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

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
        self._follows = asyncio.Event()  # the tail has its place in the log
        self._task: asyncio.Task[None] | None = None
        self._is_ending = False

    async def start(self) -> None:
        """Starts the tail; `stop` ends it."""
        self._task = asyncio.create_task(self._tail())

    async def stop(self) -> None:
        """Ends the tail after the query that it is in: a connection is never left in the middle of one."""
        self._is_ending = True
        self._somebody_listens.set()
        if self._task is not None:
            await self._task

    @asynccontextmanager
    async def listening(self, predicate: Predicate) -> AsyncIterator[AsyncIterator[Event]]:
        """The events from now on for which `predicate` holds: what is read within the block, they follow without a gap.

        A subscription reads what there is within the block, and then goes on with the events.
        """
        queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_LENGTH)
        self._listeners[queue] = predicate
        self._somebody_listens.set()
        try:
            await self._follows.wait()
            yield _events(queue)
        finally:
            del self._listeners[queue]
            if not self._listeners and not self._is_ending:
                self._somebody_listens.clear()

    async def _tail(self) -> None:
        while not self._is_ending:
            await self._somebody_listens.wait()
            try:
                await self._follow()
            except Exception:
                log.exception("live.tail_failed")
                await asyncio.sleep(1)
            finally:
                self._follows.clear()

    async def _follow(self) -> None:
        async with self._database.reading() as session:
            cursor = await readers.newest_cursor(session)
        self._follows.set()
        while self._listeners and not self._is_ending:
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


async def _events(queue: asyncio.Queue[Event]) -> AsyncIterator[Event]:
    while True:
        yield await queue.get()
