"""The live tail of the event log: a subscriber misses nothing between its first look and its first event."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.core import clock
from app.core.database import Database
from app.core.ids import new_id
from app.models import Event
from app.orchestration.events import log
from app.resolvers.live import LiveEvents
from tests.client import INTEGRATION

LIMIT_SECONDS = 10


@pytest.fixture
async def live(database: Database) -> AsyncIterator[LiveEvents]:
    found = LiveEvents(database)
    await found.start()
    yield found
    await found.stop()


async def happen(database: Database, reference: str) -> None:
    async with database.transaction() as session:
        subject = log.Subject(kind="order", id=new_id(), reference=reference)
        log.append(
            session, type="order.received", subject=subject, actor=INTEGRATION, now=clock.now(), summary="Received."
        )


def is_order(event: Event) -> bool:
    return event.subject_kind == "order"


async def heard(events: AsyncIterator[Event], count: int) -> list[str]:
    async with asyncio.timeout(LIMIT_SECONDS):
        return [(await anext(events)).subject_reference for _ in range(count)]


async def test_what_happens_right_after_the_first_look_is_heard(database: Database, live: LiveEvents) -> None:
    for attempt in range(20):
        async with live.listening(is_order) as events:
            await happen(database, f"A-{attempt}")
            assert await heard(events, 1) == [f"A-{attempt}"]


async def test_each_listener_hears_its_own_and_all_of_it_in_order(database: Database, live: LiveEvents) -> None:
    async with (
        live.listening(is_order) as everything,
        live.listening(lambda event: event.subject_reference == "A-3") as third,
    ):
        for number in range(5):
            await happen(database, f"A-{number}")
        assert await heard(everything, 5) == [f"A-{number}" for number in range(5)]
        assert await heard(third, 1) == ["A-3"]


async def test_who_comes_after_all_have_left_hears_too(database: Database, live: LiveEvents) -> None:
    for attempt in range(3):
        async with live.listening(is_order) as events:
            await happen(database, f"A-{attempt}")
            async with asyncio.timeout(LIMIT_SECONDS):
                while (await anext(events)).subject_reference != f"A-{attempt}":
                    pass
