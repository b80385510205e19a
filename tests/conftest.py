"""Real servers for the whole run: one PostgreSQL and one Valkey, a database and a queue index per test worker.

The controlling process starts the servers and builds a template by the migrations; each worker clones it once and
empties its tables after every test.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import migrations
from app.core.database import Database
from app.core.embedded import servers
from app.models import metadata
from tests.client import client

TEMPLATE = "doorstep_template"
DATABASE, QUEUE = "DOORSTEP_TEST_DATABASE_URL", "DOORSTEP_TEST_REDIS_URL"
# The names of the tables that have rows. Emptying the others, too, would cost more than most tests.
USED_TABLES = " union all ".join(
    f'select \'"{table.name}"\' where exists (select from "{table.name}")' for table in metadata.sorted_tables
)
_running = ExitStack()

__all__ = ["client"]


def pytest_configure(config: pytest.Config) -> None:
    """The controller, or the only process, starts the servers; workers find them in their environment."""
    if hasattr(config, "workerinput"):
        return
    folder = Path(_running.enter_context(tempfile.TemporaryDirectory(prefix="doorstep-tests-")))
    folder.chmod(0o755)
    found = _running.enter_context(servers.running(folder, durable=False))
    os.environ[DATABASE], os.environ[QUEUE] = found.database_url, found.redis_url
    asyncio.run(_create_database(found.database_url, TEMPLATE, template=None))
    migrations.upgrade(_named(found.database_url, TEMPLATE))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops the servers."""
    _running.close()


def _named(url: str, name: str) -> str:
    return f"{url.rsplit('/', 1)[0]}/{name}"


async def _create_database(url: str, name: str, *, template: str | None) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f'drop database if exists "{name}"')
        await connection.execute(f'create database "{name}"' + (f' template "{template}"' if template else ""))
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def worker_number() -> int:
    """Which test worker this is, from 0."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@pytest.fixture(scope="session")
def database_url(worker_number: int) -> str:
    """This worker's own database, built by the migrations."""
    name = f"doorstep_test_{worker_number}"
    asyncio.run(_create_database(os.environ[DATABASE], name, template=TEMPLATE))
    return _named(os.environ[DATABASE], name)


@pytest.fixture
async def redis_url(worker_number: int) -> AsyncIterator[str]:
    """This worker's own queue index, emptied after the test."""
    url = f"{os.environ[QUEUE].rsplit('/', 1)[0]}/{worker_number}"
    yield url
    async with Redis.from_url(url) as redis:
        await redis.flushdb()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The database, with empty tables afterwards."""
    found = Database(database_url)
    yield found
    async with found.transaction() as session:
        used = list(await session.scalars(text(USED_TABLES)))
        if used:
            await session.execute(text(f"truncate {', '.join(used)} cascade"))
    await found.close()


@pytest.fixture
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    """One unit of work that is committed when the test ends."""
    async with database.transaction() as found:
        yield found
