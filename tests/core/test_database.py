"""Work that waits for the end of a transaction: done once, with everything given for it, before the commit."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database, do_last, savepoint

done: list[tuple[str, ...]] = []


async def first(session: AsyncSession, items: Sequence[str]) -> None:
    done.append(("first", *items))
    if "and more" in items:
        do_last(session, second, "what the first left")


async def second(session: AsyncSession, items: Sequence[str]) -> None:
    await session.execute(text("select 1"))
    done.append(("second", *items))


async def refused(session: AsyncSession) -> None:
    async with savepoint(session):
        do_last(session, first, "dropped")
        raise ValueError("refused")


async def test_what_waits_is_done_once_with_all_its_items(database: Database) -> None:
    done.clear()
    async with database.transaction() as session:
        do_last(session, first, "a")
        do_last(session, second, "b")
        do_last(session, first, "and more")
        assert done == []
    assert done == [("first", "a", "and more"), ("second", "b", "what the first left")]


async def test_a_savepoint_that_is_rolled_back_takes_what_waited_along(database: Database) -> None:
    done.clear()
    async with database.transaction() as session:
        do_last(session, first, "kept")
        with pytest.raises(ValueError, match="refused"):
            await refused(session)
        async with savepoint(session):
            do_last(session, first, "kept too")
    assert done == [("first", "kept", "kept too")]


async def test_nothing_is_done_where_the_transaction_fails_before_its_end(database: Database) -> None:
    done.clear()
    with pytest.raises(ValueError, match="refused"):
        await database.run(refused)
    assert done == []
