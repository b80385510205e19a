"""What becomes of a text, as Twilio tells it: signed, late, twice, out of order."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select
from sqlmodel import col
from twilio.request_validator import RequestValidator

from app.asgi import create_application
from app.core import clock
from app.models import Channel, Event, Message, MessageState
from app.orchestration.events import log
from tests.client import INTEGRATION, Client
from tests.factories.routes import PLAIN, a_published_route

TOKEN, PUBLIC_URL = "the account's token", "https://doorstep.example"


@pytest.fixture
async def reachable(client: Client) -> AsyncIterator[Client]:
    """A deployment with a public address and a Twilio account."""
    settings = client.settings.model_copy(update={"public_url": PUBLIC_URL, "twilio_auth_token": SecretStr(TOKEN)})
    application = create_application(settings)
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://doorstep.test") as http:
        yield replace(client, settings=settings, application=application, http=http)
    await application.state.context().database.close()


@pytest.fixture
async def message(client: Client) -> Message:
    """One text that the provider took."""
    route = await a_published_route(client.database, PLAIN)
    async with client.database.transaction() as session:
        order_id = route.orders[0].id
        event = log.append(
            session,
            type="order.received",
            subject=log.Subject(kind="order", id=order_id, reference="A-1", order_id=order_id),
            actor=INTEGRATION,
            now=clock.now(),
            summary="Received.",
        )
        await session.flush()
        row = Message(
            order_id=order_id,
            event_id=event.id,
            kind="delivered",
            channel=Channel.SMS,
            address="+351912345678",
            locale="en",
            text="It is there.",
            state=MessageState.SENT,
            not_before=clock.now(),
        )
        session.add(row)
    return row


async def tell(client: Client, message: Message, token: str = TOKEN, **form: str) -> int:
    path = f"/webhooks/twilio?message={message.id}"
    signature = RequestValidator(token).compute_signature(f"{PUBLIC_URL}{path}", form)
    return (await client.http.post(path, data=form, headers={"X-Twilio-Signature": signature})).status_code


async def kept(client: Client, message: Message) -> tuple[MessageState, str | None, list[str]]:
    async with client.database.reading() as session:
        row = await session.get_one(Message, message.id)
        told = await session.scalars(
            select(col(Event.type)).where(col(Event.subject_id) == message.id).order_by(col(Event.position))
        )
        return row.state, row.error_code, list(told)


async def test_a_text_is_delivered_and_read_once_however_often_it_is_told(reachable: Client, message: Message) -> None:
    for status in ("sent", "delivered", "delivered", "read", "delivered", "read"):
        assert await tell(reachable, message, MessageStatus=status) == 204
    assert await kept(reachable, message) == (MessageState.READ, None, ["message.delivered", "message.read"])


async def test_a_text_that_did_not_arrive_says_why(reachable: Client, message: Message) -> None:
    assert await tell(reachable, message, MessageStatus="undelivered", ErrorCode="30003") == 204
    assert await kept(reachable, message) == (MessageState.FAILED, "PHONE_UNREACHABLE", ["message.failed"])


async def test_what_another_signed_or_nobody_changes_nothing(reachable: Client, message: Message) -> None:
    assert await tell(reachable, message, token="another", MessageStatus="delivered") == 403
    path = f"/webhooks/twilio?message={message.id}"
    assert (await reachable.http.post(path, data={"MessageStatus": "delivered"})).status_code == 403
    assert await kept(reachable, message) == (MessageState.SENT, None, [])


async def test_a_deployment_without_an_account_believes_nobody(client: Client, message: Message) -> None:
    assert await tell(client, message, MessageStatus="delivered") == 403
    assert await kept(client, message) == (MessageState.SENT, None, [])


async def test_two_that_tell_the_same_at_once_are_told_once(reachable: Client, message: Message) -> None:
    answers = await asyncio.gather(*(tell(reachable, message, MessageStatus="delivered") for _ in range(5)))
    assert answers == [204] * 5
    assert (await kept(reachable, message))[2] == ["message.delivered"]
