"""How alembic reaches the database: a given URL or else DATABASE_URL, one transaction, short waits for locks."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.core.database import normalised_url
from app.models import metadata

LOCK_TIMEOUT = "5s"


def run(connection: Connection) -> None:
    """Runs the migrations on one connection, all or none."""
    connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def connect() -> None:
    """Opens the connection for as long as the migrations last."""
    url = context.config.attributes.get("database_url") or os.environ["DATABASE_URL"]
    engine = create_async_engine(normalised_url(url), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(connect())
