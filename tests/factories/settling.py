"""Waiting until readers of the log may pass what was committed.

A reader waits for every older transaction of the whole server, those of the other test workers too.
"""

import asyncio

from sqlalchemy import text

from app.core.database import Database
from app.jobs import relay
from app.orchestration.etas import reader as etas
from app.orchestration.exceptions import operations as exceptions

NEWEST = text("select pg_current_xact_id()::text::bigint")
OLDEST_RUNNING = text("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


async def settled(database: Database) -> None:
    """Returns when every transaction that has begun by now has ended."""
    async with database.transaction() as session:
        newest = (await session.execute(NEWEST)).scalar_one()
    while True:
        async with database.reading() as session:
            if (await session.execute(OLDEST_RUNNING)).scalar_one() > newest:
                return
        await asyncio.sleep(0.01)


async def projected(database: Database) -> None:
    """Returns when the routes' times follow all that has happened by now."""
    await settled(database)
    await relay.drain(
        database, {"etas": relay.Reader(etas.read, types=etas.MOVING)}, exceptions.record_event_passed_over
    )
