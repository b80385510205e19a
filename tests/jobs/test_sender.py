"""Sending: a lease per message, so that none is lost in a crash and none is sent by two at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import select, update
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.jobs import sender, sweeps
from app.jobs.queue import Doorbell, QueueName
from app.jobs.workshop import Workshop
from app.models import Channel, Event, Message, MessageState, Order
from app.notifications.channels import (
    OutgoingMessage,
    PermanentFailure,
    SendFailure,
    SendReceipt,
    TemporaryFailure,
)
from app.orchestration.events import log
from app.orchestration.messages import operations
from app.orchestration.messages.policies import RETRY_AFTER
from tests.client import settings_for
from tests.factories.callers import an_order
from tests.factories.workers import working


class Provider:
    """A provider that takes each text after a moment, or fails as told. It remembers what it was handed."""

    def __init__(self, *, fails_with: SendFailure | Exception | None = None) -> None:
        self.fails_with = fails_with
        self.taken: list[str] = []

    async def send(self, message: OutgoingMessage) -> SendReceipt:
        self.taken.append(message.id)
        await asyncio.sleep(0.01)
        if self.fails_with is not None:
            raise self.fails_with
        return SendReceipt(provider_id=f"P-{message.id}")


@pytest.fixture
async def workshop(database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    """A worker's tools, with every channel going to the folder."""
    doorbell = Doorbell(redis_url)
    yield Workshop.open(database=database, settings=settings_for(database, tmp_path, redis_url), doorbell=doorbell)
    await doorbell.close()


async def queue(database: Database, count: int = 1, *, due: datetime | None = None) -> Order:
    """An order with so many due messages."""
    order = an_order()
    order.recipient_phone = "+351912345678"
    async with database.transaction() as session:
        session.add(order)
        await session.flush()
        event = log.append(
            session,
            type="order.received",
            subject=log.Subject(kind="order", id=order.id, reference=order.reference, order_id=order.id),
            actor=SYSTEM,
            now=clock.now(),
            summary="received",
        )
        await session.flush()
        for number in range(count):
            session.add(
                Message(
                    order_id=order.id,
                    event_id=event.id,
                    kind="order_received",
                    channel=Channel.SMS,
                    address=f"+3519123{number:05}",
                    locale="en",
                    text="We have received your order.",
                    not_before=due or clock.now(),
                )
            )
    return order


async def messages(database: Database) -> list[Message]:
    async with database.reading() as session:
        return list(await session.scalars(select(Message).order_by(col(Message.id))))


async def the_message(database: Database) -> Message:
    [found] = await messages(database)
    return found


async def told(database: Database) -> list[tuple[str, str | None]]:
    """The events about messages: their type and error code."""
    async with database.reading() as session:
        rows = await session.scalars(
            select(Event).where(col(Event.type).startswith("message.")).order_by(col(Event.position))
        )
        return [(row.type, row.data["errorCode"]) for row in rows]


async def let_leases_run_out(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(Message).values(leased_until=clock.wall_now() - timedelta(seconds=1)))


def files(folder: Path) -> list[Path]:
    return sorted((folder / "messages").rglob("*.json"))


async def test_a_due_message_is_sent_once_recorded_and_told(workshop: Workshop, database: Database) -> None:
    await queue(database)
    await sweeps.send_due_messages(workshop)
    await sweeps.send_due_messages(workshop)
    row = await the_message(database)
    assert (row.state, row.attempts, row.leased_until) == (MessageState.SENT, 1, None)
    assert (row.provider_id, row.sent_at is not None) == (f"{row.id}.json", True)
    [file] = files(workshop.settings.data)
    assert json.loads(file.read_text())["text"] == "We have received your order."
    assert await told(database) == [("message.sent", None)]


async def test_a_message_that_is_not_due_stays(workshop: Workshop, database: Database) -> None:
    await queue(database, due=clock.now() + timedelta(hours=1))
    assert await sender.send_batch(workshop) == 0
    assert (await the_message(database)).state is MessageState.QUEUED
    assert files(workshop.settings.data) == []


async def test_a_sender_that_dies_before_recording_loses_nothing_and_doubles_nothing(
    workshop: Workshop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(database)

    async def die(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(operations, "record_sent", die)
        with pytest.raises(asyncio.CancelledError):
            await sender.send_batch(workshop)
    assert len(files(workshop.settings.data)) == 1
    assert (await the_message(database)).state is MessageState.QUEUED
    assert await sender.send_batch(workshop) == 0  # the lease still holds it
    await let_leases_run_out(database)
    assert await sender.send_batch(workshop) == 1
    row = await the_message(database)
    assert (row.state, row.attempts) == (MessageState.SENT, 2)
    assert len(files(workshop.settings.data)) == 1
    assert await told(database) == [("message.sent", None)]


async def test_two_senders_side_by_side_never_send_the_same_message(workshop: Workshop, database: Database) -> None:
    provider = Provider()
    workshop.senders[Channel.SMS] = provider
    await queue(database, 2 * sender.BATCH + 7)
    await asyncio.gather(*(sweeps.send_due_messages(workshop) for _ in range(3)))
    rows = await messages(database)
    assert sorted(provider.taken) == sorted(str(row.id) for row in rows)
    assert {(row.state, row.attempts) for row in rows} == {(MessageState.SENT, 1)}


@pytest.mark.parametrize(
    ("failure", "code"),
    [(TemporaryFailure("busy"), "TEMPORARY_FAILURE"), (RuntimeError("a fault of ours"), "INTERNAL_ERROR")],
)
async def test_what_may_pass_is_tried_again_and_ends_in_failed(
    workshop: Workshop, database: Database, failure: Exception, code: str
) -> None:
    provider = Provider(fails_with=failure)
    workshop.senders[Channel.SMS] = provider
    await queue(database)
    for attempt, wait in enumerate(RETRY_AFTER, start=1):
        before = clock.wall_now()
        await sweeps.send_due_messages(workshop)
        row = await the_message(database)
        assert (row.state, row.attempts, row.error_code) == (MessageState.QUEUED, attempt, code)
        assert row.leased_until is not None
        assert row.leased_until >= before + wait
        await let_leases_run_out(database)
    assert await told(database) == []
    await sweeps.send_due_messages(workshop)
    row = await the_message(database)
    assert (row.state, row.attempts, row.leased_until) == (MessageState.FAILED, len(RETRY_AFTER) + 1, None)
    assert len(provider.taken) == len(RETRY_AFTER) + 1
    assert await told(database) == [("message.failed", code)]


async def test_a_text_that_goes_out_after_a_failure_keeps_no_error(workshop: Workshop, database: Database) -> None:
    provider = Provider(fails_with=TemporaryFailure("busy"))
    workshop.senders[Channel.SMS] = provider
    await queue(database)
    await sender.send_batch(workshop)
    await let_leases_run_out(database)
    provider.fails_with = None
    await sender.send_batch(workshop)
    row = await the_message(database)
    assert (row.state, row.error_code, row.error_message) == (MessageState.SENT, None, None)
    assert await told(database) == [("message.sent", None)]


async def test_what_never_will_pass_fails_at_once_with_the_providers_code(
    workshop: Workshop, database: Database
) -> None:
    provider = Provider(fails_with=PermanentFailure("PHONE_INVALID", "The number is not a phone number."))
    workshop.senders[Channel.SMS] = provider
    await queue(database)
    await sweeps.send_due_messages(workshop)
    row = await the_message(database)
    assert (row.state, row.error_code) == (MessageState.FAILED, "PHONE_INVALID")
    assert row.error_message == "The number is not a phone number."
    assert (len(provider.taken), await told(database)) == (1, [("message.failed", "PHONE_INVALID")])


async def test_one_bad_message_of_a_batch_keeps_no_other_from_going_out(workshop: Workshop, database: Database) -> None:
    await queue(database, 3)
    bad = (await messages(database))[1]

    class Picky(Provider):
        async def send(self, message: OutgoingMessage) -> SendReceipt:
            if message.id == str(bad.id):
                raise PermanentFailure("PHONE_INVALID", "no")
            return await super().send(message)

    workshop.senders[Channel.SMS] = Picky()
    assert await sender.send_batch(workshop) == 3
    states = [row.state for row in await messages(database)]
    assert states == [MessageState.SENT, MessageState.FAILED, MessageState.SENT]


async def test_a_late_failure_of_a_sender_that_lost_its_lease_does_not_count(database: Database) -> None:
    await queue(database)

    async def claim() -> Message:
        async with database.transaction() as session:
            [row] = await operations.claim_due(
                session, now=clock.now(), wall=clock.wall_now(), lease=sender.LEASE, limit=1
            )
        return row

    slow = await claim()
    await let_leases_run_out(database)
    quick = await claim()
    held_until = quick.leased_until
    async with database.transaction() as session:
        await operations.record_failure(
            session, slow, code="TWILIO_1", text="no", may_retry=False, now=clock.now(), wall=clock.wall_now()
        )
    row = await the_message(database)
    assert (row.state, row.leased_until, row.error_code) == (MessageState.QUEUED, held_until, None)
    async with database.transaction() as session:
        await operations.record_sent(session, slow, provider_id="late", now=clock.now())
        await operations.record_sent(session, quick, provider_id="second", now=clock.now())
    assert ((await the_message(database)).provider_id, await told(database)) == ("late", [("message.sent", None)])


async def test_a_wiped_queue_costs_no_message(workshop: Workshop, database: Database, redis_url: str) -> None:
    await workshop.doorbell.ring(QueueName.NOTIFY)
    await queue(database)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
    async with working(QueueName.NOTIFY, workshop), asyncio.timeout(60):
        while (await the_message(database)).state is not MessageState.SENT:  # noqa: ASYNC110  # the worker's own doing
            await asyncio.sleep(0.05)
    assert len(files(workshop.settings.data)) == 1
