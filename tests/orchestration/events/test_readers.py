"""Reading the log: nothing is skipped, whatever order transactions commit in, and nothing is read twice."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.principals import SYSTEM
from app.core.database import Database
from app.core.ids import new_id
from app.models import Event
from app.orchestration.events import log, readers
from tests.factories.settling import settled

NOW = datetime(2030, 5, 17, 9, tzinfo=UTC)


def append(session: AsyncSession, reference: str) -> Event:
    subject = log.Subject(kind="order", id=new_id(), reference=reference)
    return log.append(session, type="order.received", subject=subject, actor=SYSTEM, now=NOW, summary=reference)


async def references_read(database: Database, reader: str = "test", *, waits: bool = True) -> list[str]:
    if waits:
        await settled(database)
    async with database.transaction() as session:
        return [event.subject_reference for event in await readers.read_next(session, reader=reader, limit=100)]


async def test_an_event_that_commits_after_a_later_one_is_not_skipped(database: Database) -> None:
    async with database.transaction() as slow:
        append(slow, "first written")
        await slow.flush()
        async with database.transaction() as quick:
            append(quick, "first committed")
        assert await references_read(database, waits=False) == []
    assert await references_read(database) == ["first written", "first committed"]


async def test_a_position_taken_before_the_transaction_has_a_number_is_not_skipped(database: Database) -> None:
    async with database.transaction() as slow:
        await slow.execute(select(Event))  # a snapshot, but no transaction number yet
        async with database.transaction() as quick:
            append(quick, "quick")
        assert await references_read(database) == ["quick"]
        append(slow, "slow")
    assert await references_read(database) == ["slow"]


async def test_a_reader_starts_where_it_stopped_and_others_where_they_did(database: Database) -> None:
    async with database.transaction() as session:
        append(session, "one")
    assert await references_read(database, "a") == ["one"]
    async with database.transaction() as session:
        append(session, "two")
    assert await references_read(database, "a") == ["two"]
    assert await references_read(database, "b") == ["one", "two"]


async def test_a_side_effect_that_fails_leaves_the_cursor_where_it_was(database: Database) -> None:
    async with database.transaction() as session:
        append(session, "one")
    await settled(database)

    async def failing(session: AsyncSession) -> None:
        assert len(await readers.read_next(session, reader="test", limit=10)) == 1
        raise ValueError("the side effect")

    with pytest.raises(ValueError, match="the side effect"):
        await database.run(failing)
    assert await references_read(database) == ["one"]


async def test_a_reader_of_some_types_passes_over_the_others_and_stops_at_none(database: Database) -> None:
    async with database.transaction() as session:
        for number in range(9):
            append(session, str(number)).type = "order.cancelled" if number % 3 else "order.received"
    await settled(database)
    seen = []
    for _ in range(4):
        async with database.transaction() as session:
            events = await readers.read_next(session, reader="some", limit=2, types=["order.received"])
            seen.append([event.subject_reference for event in events])
    assert seen == [["0", "3"], ["6"], [], []]
    async with database.transaction() as session:
        append(session, "9")
    await settled(database)
    async with database.transaction() as session:
        events = await readers.read_next(session, reader="some", limit=2, types=["order.received"])
    assert [event.subject_reference for event in events] == ["9"]


async def test_a_reader_of_some_types_looks_only_so_far_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MOST_PASSED", 2)
    async with database.transaction() as session:
        for number in range(5):
            append(session, str(number)).type = "order.received" if number == 4 else "order.cancelled"
    await settled(database)
    seen = []
    for _ in range(3):
        async with database.transaction() as session:
            events = await readers.read_next(session, reader="some", limit=9, types=["order.received"])
            seen.append([event.subject_reference for event in events])
    assert seen == [[], [], ["4"]]


async def test_two_processes_reading_for_one_reader_never_get_the_same_event(database: Database) -> None:
    async with database.transaction() as session:
        for number in range(50):
            append(session, str(number))
    found = await asyncio.gather(*(references_read(database) for _ in range(5)))
    rest = await references_read(database)
    read = [reference for part in [*found, rest] for reference in part]
    assert sorted(read, key=int) == [str(number) for number in range(50)]
