"""The connection to PostgreSQL. The only place that commits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import orjson
from sqlalchemy import Dialect, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.core import clock

# SQLSTATE codes after which PostgreSQL itself asks to try the transaction again.
RETRYABLE = frozenset({"40001", "40P01"})
ATTEMPTS = 4

Result = TypeVar("Result")

# The name under which floors that write no SQL pass a session on.
Session = AsyncSession

# A connection that was not used for so long is asked whether it lives before it is used again.
IDLE_SECONDS = 5.0

LastWork = Callable[[AsyncSession, Sequence[Any]], Awaitable[None]]
LAST = "last"


def normalised_url(url: str) -> str:
    """The URL with the asyncpg driver, whatever form of `postgres://` the host gave."""
    _, _, rest = url.partition("://")
    return f"postgresql+asyncpg://{rest}"


class Database:
    """An engine, and the two ways to use it: read, and one unit of work that commits as a whole or not at all."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine: AsyncEngine = create_async_engine(
            normalised_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            connect_args={"server_settings": {"timezone": "UTC", "application_name": "doorstep"}},
        )
        event.listen(self.engine.sync_engine, "checkin", _note_use)
        event.listen(self.engine.sync_engine, "checkout", partial(_ping_idle, self.engine.dialect))
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._readers = async_sessionmaker(alone, expire_on_commit=False, autoflush=False)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for reads, each statement by itself: no transaction is begun and ended around it."""
        async with self._readers() as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: committed when the block ends, rolled back when it raises."""
        async with self._sessions() as session:
            yield session
            while waiting := _last(session):
                work = waiting[0][0]
                session.info[LAST] = [each for each in waiting if each[0] is not work]
                await work(session, [item for each, item in waiting if each is work])
            await session.commit()

    async def run(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """Runs `work` as one unit of work, again where PostgreSQL reports a deadlock or a serialisation failure."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self.transaction() as session:
                    return await work(session)
            except DBAPIError as error:
                if attempt == ATTEMPTS or getattr(error.orig, "sqlstate", None) not in RETRYABLE:
                    raise
                await asyncio.sleep(0.02 * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def close(self) -> None:
        """Closes every connection."""
        await self.engine.dispose()


def do_last(session: AsyncSession, work: LastWork, item: Any) -> None:
    """Has `work` done just before the commit, once, with all the items that were given for it.

    For what locks rows that every transaction wants: they are then held for the commit alone.
    """
    _last(session).append((work, item))


@asynccontextmanager
async def savepoint(session: AsyncSession) -> AsyncIterator[None]:
    """Takes back all that the block did where it raises, what it left for the end included."""
    before = len(_last(session))
    try:
        async with session.begin_nested():
            yield
    except BaseException:
        del _last(session)[before:]
        raise


def _note_use(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    record.info["used"] = clock.stopwatch()


def _ping_idle(
    dialect: Dialect, connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: PoolProxiedConnection
) -> None:
    if clock.stopwatch() - record.info.get("used", clock.stopwatch()) < IDLE_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise DisconnectionError("The server had closed an idle connection.") from error


def _last(session: AsyncSession) -> list[tuple[LastWork, Any]]:
    waiting: list[tuple[LastWork, Any]] = session.info.setdefault(LAST, [])
    return waiting
