"""From an event to texts: once each, on the channels that the recipient chose, in its language, zone and time."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core.database import Database
from app.jobs import relay
from app.models import Channel, Event, Message, Order, Shipment, ShipmentState
from app.orchestration.events import log
from app.orchestration.messages import reader
from app.orchestration.messages.policies import KINDS_OF_EVENT
from app.orchestration.messages.wording import Sender
from app.orchestration.policies import operations as policies
from tests.client import ADMINISTRATOR, SECRET
from tests.factories.callers import an_order
from tests.factories.customers import token_of
from tests.factories.routes import PLAIN, Wish, a_published_route
from tests.factories.settling import settled

SENDER = Sender(public_url="https://doorstep.test/", secret=SECRET, zone=ZoneInfo("Europe/Berlin"))
NOON = datetime(2030, 5, 17, 10, tzinfo=UTC)  # noon in Berlin, eleven in Lisbon
MIDNIGHT = datetime(2030, 5, 17, 22, tzinfo=UTC)


@pytest.fixture
async def order(database: Database) -> Order:
    """An order with a phone and a mail address that chose both."""
    found = an_order()
    found.recipient_phone, found.recipient_email = "+351912345678", "rosa@example.org"
    found.channels = ["SMS", "EMAIL"]
    found.promised_start, found.promised_end = NOON + timedelta(hours=20), NOON + timedelta(hours=24)
    async with database.transaction() as session:
        session.add(found)
    return found


async def happen(
    database: Database, order: Order, type: str, *, shipment: Shipment | None = None, **data: Any
) -> Event:
    """One event about the order, or about its shipment."""
    kind, subject_id = ("order", order.id) if shipment is None else ("shipment", shipment.id)
    async with database.transaction() as session:
        return log.append(
            session,
            type=type,
            subject=log.Subject(kind=kind, id=subject_id, reference=order.reference, order_id=order.id),
            actor=SYSTEM,
            now=NOON,
            summary=type,
            data=data,
        )


async def read(database: Database, *, now: datetime = NOON) -> list[Message]:
    """Runs the relay, and answers all messages."""

    async def at_that_time(session: AsyncSession, events: Any, _: datetime) -> None:
        await reader.read(session, events, now, sender=SENDER)

    await settled(database)
    await relay.drain(database, {"messages": relay.Reader(at_that_time, types=KINDS_OF_EVENT)}, _unexpected)
    async with database.reading() as session:
        return list(await session.scalars(select(Message).order_by(col(Message.id))))


async def change(database: Database, order: Order, **columns: Any) -> None:
    async with database.transaction() as session:
        row = await session.get_one(Order, order.id)
        for name, value in columns.items():
            setattr(row, name, value)


async def test_an_event_makes_one_message_per_channel_however_often_the_relay_runs(
    database: Database, order: Order
) -> None:
    event = await happen(database, order, "order.received")
    first = await read(database)
    assert [(row.kind, row.channel, row.address, row.event_id) for row in first] == [
        ("order_received", Channel.SMS, "+351912345678", event.id),
        ("order_received", Channel.EMAIL, "rosa@example.org", event.id),
        ("order_received", Channel.IN_APP, "4711", event.id),
    ]
    async with database.transaction() as session:  # the reader that lost its cursor
        await reader.read(session, [event], NOON, sender=SENDER)
    assert [row.id for row in await read(database)] == [row.id for row in first]


async def test_texts_carry_the_link_and_the_window_in_the_recipients_language(database: Database, order: Order) -> None:
    await change(database, order, locale="de-DE")
    await happen(database, order, "order.allocated")
    by_channel = {row.channel: row for row in await read(database)}
    url = f"https://doorstep.test/track/{token_of(order)}"
    sms = by_channel[Channel.SMS].text
    assert sms.startswith("Ihre Bestellung 4711 kommt Sa., 18. Mai, 08:00-12:00")
    assert sms.endswith(url)
    assert url not in by_channel[Channel.IN_APP].text
    assert url in (by_channel[Channel.EMAIL].html or "")


async def test_times_are_those_of_the_node_that_serves_the_order(database: Database) -> None:
    published = await a_published_route(database, PLAIN)
    order = published.orders[0]
    await change(database, order, promised_start=NOON, promised_end=NOON + timedelta(hours=4))
    await happen(database, order, "order.allocated")
    [message] = await read(database)
    assert published.node.time_zone == "Europe/Lisbon"
    assert "11:00–15:00" in message.text


@pytest.mark.parametrize(
    ("channels", "phone", "email", "expected"),
    [
        (["SMS"], None, None, [Channel.IN_APP]),
        (["SMS"], None, "r@example.org", [Channel.EMAIL, Channel.IN_APP]),
        (["WHATSAPP", "EMAIL"], "+351912345678", None, [Channel.WHATSAPP, Channel.IN_APP]),
        (["EMAIL", "EMAIL"], None, "r@example.org", [Channel.EMAIL, Channel.IN_APP]),
        ([], "+351912345678", "r@example.org", [Channel.IN_APP]),
        (["IN_APP"], "+351912345678", "r@example.org", [Channel.IN_APP]),
    ],
)
async def test_messages_go_where_the_recipient_chose_and_can_be_reached(
    database: Database, order: Order, channels: list[str], phone: str | None, email: str | None, expected: list[Channel]
) -> None:
    await change(database, order, channels=channels, recipient_phone=phone, recipient_email=email)
    await happen(database, order, "order.received")
    assert [row.channel for row in await read(database)] == expected


async def test_a_policy_switches_one_kind_off_and_leaves_the_rest(database: Database, order: Order) -> None:
    async with database.transaction() as session:
        await policies.update(
            session,
            name="standard",
            changes={"messages": {"order_received": False}},
            expected_version=None,
            actor=ADMINISTRATOR,
            now=NOON,
        )
    await happen(database, order, "order.received")
    await happen(database, order, "order.cancelled")
    assert {row.kind for row in await read(database)} == {"cancelled"}


async def test_what_can_wait_waits_for_the_morning_and_the_inbox_never_waits(database: Database, order: Order) -> None:
    await happen(database, order, "order.received")
    due = {row.channel: row.not_before for row in await read(database, now=MIDNIGHT)}
    morning = datetime(2030, 5, 18, 6, tzinfo=UTC)  # eight in Berlin
    assert due == {Channel.SMS: morning, Channel.EMAIL: morning, Channel.IN_APP: MIDNIGHT}


async def test_quiet_hours_over_midnight_hold_back_what_the_night_would_not(database: Database, order: Order) -> None:
    await change(database, order, quiet_start="22:30", quiet_end="09:15", channels=["SMS"])
    published = await a_published_route(database, PLAIN)  # a route of its own, whose shipment speaks for this order
    await happen(database, order, "shipment.delivered", shipment=published.shipments[0])
    await happen(database, order, "shipment.approaching", shipment=published.shipments[0], stopsBefore=1)
    due = {row.kind: row.not_before for row in await read(database, now=MIDNIGHT) if row.channel is Channel.SMS}
    assert due == {"delivered": datetime(2030, 5, 18, 7, 15, tzinfo=UTC), "approaching": MIDNIGHT}


async def test_an_approaching_van_is_told_with_its_stops_and_the_pin(database: Database) -> None:
    published = await a_published_route(database, Wish(pin="4242"))
    await happen(database, published.orders[0], "shipment.approaching", shipment=published.shipments[0], stopsBefore=2)
    [message] = await read(database)
    assert message.text == "Your order R1-1 is 2 stops away. PIN: 4242"


async def test_a_van_on_its_way_is_told_with_its_hours(database: Database) -> None:
    published = await a_published_route(database, PLAIN)
    async with database.transaction() as session:
        row = await session.get_one(Shipment, published.shipments[0].id)
        row.eta_expected, row.eta_earliest, row.eta_latest = NOON, NOON - timedelta(minutes=10), NOON
    await happen(database, published.orders[0], "shipment.out_for_delivery", shipment=published.shipments[0])
    [message] = await read(database)
    assert message.text == "Your order R1-1 is on its way, expected 10:50–11:00."


@pytest.mark.parametrize(
    ("state", "follows"),
    [(ShipmentState.ATTEMPT_FAILED, "We will try again."), (ShipmentState.RETURNING, "It goes back to the sender.")],
)
async def test_a_failed_attempt_is_told_with_its_reason_and_what_follows(
    database: Database, state: ShipmentState, follows: str
) -> None:
    published = await a_published_route(database, PLAIN)
    async with database.transaction() as session:
        (await session.get_one(Shipment, published.shipments[0].id)).state = state
    await happen(
        database, published.orders[0], "shipment.attempt_failed", shipment=published.shipments[0], reason="NOT_HOME"
    )
    [message] = await read(database)
    assert message.text == f"We could not deliver order R1-1: nobody was at home. {follows}"


@pytest.mark.parametrize(
    ("eta", "before", "expected"),
    [
        (timedelta(minutes=-1), None, []),
        (timedelta(minutes=1), None, ["delay_expected"]),
        (timedelta(minutes=9), timedelta(minutes=-5), ["delay_expected"]),
        (timedelta(minutes=9), timedelta(minutes=5), []),
    ],
)
async def test_a_new_time_is_told_only_where_it_breaks_the_promise_for_the_first_time(
    database: Database, eta: timedelta, before: timedelta | None, expected: list[str]
) -> None:
    published = await a_published_route(database, PLAIN)
    shipment = published.shipments[0]
    end = shipment.window_end
    await happen(
        database,
        published.orders[0],
        "shipment.eta_changed",
        shipment=shipment,
        eta=(end + eta).isoformat(),
        before=before and (end + before).isoformat(),
        window={"start": shipment.window_start.isoformat(), "end": end.isoformat()},
    )
    assert [row.kind for row in await read(database)] == expected


async def test_an_order_of_two_shipments_is_asked_for_feedback_once(database: Database) -> None:
    published = await a_published_route(database, PLAIN)
    for _ in range(2):
        await happen(database, published.orders[0], "shipment.delivered", shipment=published.shipments[0])
    await happen(database, published.orders[0], "order.completed")
    assert [row.kind for row in await read(database)] == ["delivered", "delivered", "feedback_request"]


async def test_events_of_no_order_or_of_no_news_make_nothing(database: Database, order: Order) -> None:
    await happen(database, order, "order.updated")
    async with database.transaction() as session:
        log.append(
            session,
            type="order.received",
            subject=log.Subject(kind="order", id=uuid.uuid4(), reference="gone"),
            actor=SYSTEM,
            now=NOON,
            summary="An order that left",
        )
    assert await read(database) == []


async def _unexpected(session: AsyncSession, event: Event, name: str, error: str, now: datetime) -> None:
    raise AssertionError(f"{name} passed {event.type} over: {error}")
