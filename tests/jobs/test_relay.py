"""The relay: each reader gets every event once, and one bad event never stops the rest."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.jobs import relay
from app.models import Counter, Event
from app.orchestration.counters import reader as counters
from tests.factories.settling import settled
from tests.orchestration.events.test_readers import append


async def test_every_reader_reads_to_the_end_and_only_once(database: Database) -> None:
    read: dict[str, list[str]] = {"a": [], "b": []}

    def remember(name: str) -> relay.Reader:
        async def handle(session: AsyncSession, events: Sequence[Event], now: datetime) -> None:
            read[name] += [event.subject_reference for event in events]

        return relay.Reader(handle)

    async with database.transaction() as session:
        for number in range(relay.BATCH + 5):
            append(session, str(number))
    await settled(database)
    handlers = {"a": remember("a"), "b": remember("b")}
    assert await relay.drain(database, handlers, _unexpected) == 2 * (relay.BATCH + 5)
    assert await relay.drain(database, handlers, _unexpected) == 0
    assert read["a"] == read["b"] == [str(number) for number in range(relay.BATCH + 5)]


async def test_a_bad_event_is_passed_over_by_name_and_the_others_are_handled(database: Database) -> None:
    handled: list[str] = []
    passed: list[tuple[str, str]] = []

    async def picky(session: AsyncSession, events: Sequence[Event], now: datetime) -> None:
        for event in events:
            if event.subject_reference == "bad":
                raise ValueError("cannot take this one")
        handled.extend(event.subject_reference for event in events)

    async def passed_over(session: AsyncSession, event: Event, reader: str, error: str, now: datetime) -> None:
        passed.append((event.subject_reference, error))

    async with database.transaction() as session:
        for reference in ("good", "bad", "better"):
            append(session, reference)
    await settled(database)
    assert await relay.drain(database, {"picky": relay.Reader(picky)}, passed_over) == 3
    assert handled == ["good", "better"]
    assert passed == [("bad", "ValueError('cannot take this one')")]


async def test_counters_count_each_event_once_even_when_the_relay_runs_again(database: Database) -> None:
    async with database.transaction() as session:
        append(session, "one")
        append(session, "two")
    await settled(database)
    for _ in range(2):
        await relay.drain(database, {"counters": relay.Reader(counters.read)}, _unexpected)
    async with database.reading() as session:
        (counter,) = await session.scalars(select(Counter))
    assert (counter.name, counter.dimension, counter.value) == ("order.received", "all", 2)


async def _unexpected(session: AsyncSession, event: Event, reader: str, error: str, now: datetime) -> None:
    raise AssertionError(f"{reader} passed {event.subject_reference} over: {error}")
