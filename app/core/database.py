"""The connection to PostgreSQL. The only place that commits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import orjson
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

# SQLSTATE codes after which PostgreSQL itself asks to try the transaction again.
RETRYABLE = frozenset({"40001", "40P01"})
ATTEMPTS = 4

Result = TypeVar("Result")

# The name under which floors that write no SQL pass a session on.
Session = AsyncSession


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
            pool_pre_ping=True,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            connect_args={"server_settings": {"timezone": "UTC", "application_name": "doorstep"}},
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for reads; whatever it changed is rolled back."""
        async with self._sessions() as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: committed when the block ends, rolled back when it raises."""
        async with self._sessions() as session:
            yield session
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
