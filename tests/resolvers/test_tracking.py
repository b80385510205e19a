"""The customer's page: one token opens one order, and shows no more of it than the rules allow."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import websockets
from sqlalchemy import func, select, update
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.models import (
    Channel,
    DriverPosition,
    Event,
    FulfilmentNode,
    Message,
    MessageState,
    Order,
    ProofKind,
    Questionnaire,
    Shipment,
)
from app.orchestration.policies import operations as policies
from tests.client import ADMINISTRATOR, Client, served
from tests.documents import document
from tests.factories.callers import an_order
from tests.factories.customers import Customer, token_of
from tests.factories.devices import Device
from tests.factories.routes import PLAIN, Wish, a_published_route
from tests.factories.settling import projected

HIDDEN = {"stopsBefore": None, "vehicle": None, "driverFirstName": None}


async def a_day(client: Client, *wishes: Wish, name: str = "R1") -> tuple[Device, list[Customer]]:
    """A published route that begins now, and the customers of its stops."""
    device = Device(client, await a_published_route(client.database, *wishes, name=name))
    device.began = clock.now() - timedelta(minutes=5)
    return device, [Customer(client, order) for order in device.published.orders]


async def started(client: Client, *wishes: Wish, name: str = "R1") -> tuple[Device, list[Customer]]:
    """A route under way, with its van's place known."""
    device, customers = await a_day(client, *wishes, name=name)
    assert await device.outcomes(device.start()) == ["RECORDED"]
    await put_van(client.database, device)
    return device, customers


async def put_van(database: Database, device: Device, *, minute: float = 1, latitude: float = 38.75) -> None:
    """The driver was there then."""
    async with database.transaction() as session:
        session.add(
            DriverPosition(
                driver_id=device.published.driver.id,
                at=device.minute(minute),
                latitude=latitude,
                longitude=-9.2,
                heading_degrees=90,
            )
        )


async def rule(database: Database, *, within_stops: int, within_minutes: int) -> None:
    """What the policy says about showing the van."""
    async with database.transaction() as session:
        await policies.update(
            session,
            name="standard",
            changes={"tracking": {"withinStops": within_stops, "withinMinutes": within_minutes}},
            expected_version=None,
            actor=ADMINISTRATOR,
            now=clock.now(),
        )


async def expect_in(database: Database, customer: Customer, minutes: float) -> None:
    """The shipment's time of arrival, from now."""
    eta = clock.now() + timedelta(minutes=minutes)
    async with database.transaction() as session:
        await session.execute(
            update(Shipment)
            .where(col(Shipment.order_id) == customer.order.id)
            .values(eta_expected=eta, eta_earliest=eta - timedelta(minutes=5), eta_latest=eta + timedelta(minutes=5))
        )


async def change(database: Database, customer: Customer, **columns: Any) -> None:
    async with database.transaction() as session:
        await session.execute(update(Order).where(col(Order.id) == customer.order.id).values(**columns))


def visibility(page: dict[str, Any]) -> dict[str, Any]:
    return {name: page[name] for name in HIDDEN}


# --- what a token opens


async def test_an_unknown_token_opens_nothing(client: Client) -> None:
    query = document("tracking.graphql", "Tracking")
    for token in ("", "unknown", "x" * 5000):
        assert await client.run(query, {"token": token}) == {"tracking": None}


async def test_a_token_opens_its_own_order_and_nothing_of_another(client: Client) -> None:
    device, [one, other] = await started(client, Wish(pin="1111"), Wish(pin="2222"))
    await change(client.database, other, instructions="Ring twice", safe_place="Shed")
    proofs = [{"kind": "PIN", "value": "2222", "capturedAt": device.minute(3).isoformat()}]
    assert await device.outcomes(*device.visit(1, 2, proofs=proofs)) == ["RECORDED"] * 3
    page = await one.page()
    assert (page["reference"], page["pin"]) == ("R1-1", "1111")
    assert page["destination"] == {"latitude": 38.71, "longitude": -9.14}
    assert page["preferences"]["instructions"] is None
    text = json.dumps(page)
    assert all(foreign not in text for foreign in ("R1-2", "2222", "Ring twice", "Shed"))
    assert (await other.page())["reference"] == "R1-2"


async def test_a_fresh_order_has_a_page_with_its_promise_and_no_van(client: Client) -> None:
    order = an_order()
    order.promised_start = clock.now() + timedelta(hours=1)
    order.promised_end = clock.now() + timedelta(hours=3)
    async with client.database.transaction() as session:
        session.add(order)
    page = await Customer(client, order).page()
    assert (page["state"], page["headline"]) == ("RECEIVED", "We have received your order.")
    assert page["promisedWindow"]["start"] is not None
    assert visibility(page) == HIDDEN
    assert (page["eta"], page["carrierName"], page["timeline"], page["feedbackForm"]) == (None, None, [], None)
    assert (page["canReschedule"], page["rescheduleOptions"]) == (False, [])


# --- what the rules hide and show


async def test_before_the_route_starts_the_van_is_hidden(client: Client) -> None:
    device, [customer] = await a_day(client, PLAIN)
    await put_van(client.database, device)
    await expect_in(client.database, customer, 5)
    page = await customer.page()
    assert (visibility(page), page["carrierName"]) == (HIDDEN, "R1-C")


async def test_the_van_shows_within_so_many_stops_and_not_one_before(client: Client) -> None:
    await rule(client.database, within_stops=1, within_minutes=0)
    _, customers = await started(client, PLAIN, PLAIN, PLAIN)
    for customer in customers:
        await expect_in(client.database, customer, 600)
    pages = [await customer.page() for customer in customers]
    assert [page["stopsBefore"] for page in pages] == [0, 1, None]
    assert visibility(pages[2]) == HIDDEN
    assert pages[1]["driverFirstName"] == "Dario"
    assert pages[1]["vehicle"]["location"] == {"latitude": 38.75, "longitude": -9.2}
    assert pages[1]["vehicle"]["heading"] == 90
    assert [page["headline"].split(",")[0] for page in pages] == [
        "You are the driver's next stop",
        "One stop before yours",
        "Your order is on its way",
    ]


async def test_the_van_shows_within_so_many_minutes_and_not_before(client: Client) -> None:
    await rule(client.database, within_stops=0, within_minutes=30)
    _, [_, customer] = await started(client, PLAIN, PLAIN)
    await expect_in(client.database, customer, 35)
    assert visibility(await customer.page()) == HIDDEN
    await expect_in(client.database, customer, 25)
    page = await customer.page()
    assert (page["stopsBefore"], page["driverFirstName"]) == (1, "Dario")
    assert page["vehicle"] is not None


async def test_a_stop_that_is_done_brings_the_next_one_nearer(client: Client) -> None:
    await rule(client.database, within_stops=5, within_minutes=0)
    device, [_, customer] = await started(client, PLAIN, PLAIN)
    assert (await customer.page())["stopsBefore"] == 1
    await device.send(*device.visit(0, 2))
    assert (await customer.page())["stopsBefore"] == 0


async def test_where_the_driver_was_before_the_route_began_is_never_shown(client: Client) -> None:
    device, [customer] = await a_day(client, PLAIN)
    await put_van(client.database, device, minute=-60)
    await device.send(device.start())
    page = await customer.page()
    assert (page["stopsBefore"], page["vehicle"]) == (0, None)


async def test_after_delivery_the_van_is_hidden_again(client: Client) -> None:
    device, [customer, _] = await started(client, PLAIN, PLAIN)
    await device.send(*device.visit(0, 2))
    assert visibility(await customer.page()) == HIDDEN


# --- words


@pytest.mark.parametrize(
    ("locale", "headline", "titles", "detail"),
    [
        (
            "en",
            "We could not deliver your order: nobody was at home. We will try again.",
            "Delivery attempt failed",
            "nobody was at home",
        ),
        ("de-DE", "Wir konnten Ihre Bestellung nicht zustellen: ", "Zustellversuch", "niemand"),
        ("pt-PT", "Não conseguimos entregar ", "Tentativa", "casa"),
    ],
)
async def test_headline_and_timeline_speak_the_recipients_language(
    client: Client, locale: str, headline: str, titles: str, detail: str
) -> None:
    device, [customer] = await started(client, PLAIN)
    await change(client.database, customer, locale=locale)
    await device.send(device.arrive(0, 2), device.fail(0, 3, "NOT_HOME"))
    page = await customer.page()
    assert page["headline"].startswith(headline)
    last = page["timeline"][-1]
    assert last["title"].startswith(titles)
    assert detail in last["detail"]
    assert [line["at"] for line in page["timeline"]] == sorted(line["at"] for line in page["timeline"])


async def test_the_headline_speaks_in_the_zone_of_the_node(client: Client) -> None:
    _, [customer] = await a_day(client, PLAIN)
    start = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    await change(client.database, customer, promised_start=start, promised_end=start + timedelta(hours=2))
    async with client.database.transaction() as session:
        await session.execute(update(FulfilmentNode).values(time_zone="Asia/Tokyo"))
    assert "21:00–23:00" in (await customer.page())["headline"]


async def test_a_timeline_never_shows_what_is_ours_alone(client: Client) -> None:
    device, [customer] = await started(client, PLAIN)
    await projected(client.database)
    await device.send(*device.visit(0, 2))
    titles = [line["title"] for line in (await customer.page())["timeline"]]
    assert titles == ["Left the warehouse", "Out for delivery", "Nearly there", "Delivered"]


# --- the end, and what comes after


async def test_after_delivery_the_page_shows_the_proof_and_asks_for_feedback_once(client: Client) -> None:
    device, [customer] = await started(client, Wish(proofs=(ProofKind.PHOTO,)))
    assert (await customer.page())["feedbackForm"] is None
    await device.send(*device.visit(0, 2, proofs=[await device.photo()]))
    page = await customer.page()
    assert (page["state"], page["headline"]) == ("COMPLETED", "Your order has been delivered.")
    assert [proof["kind"] for proof in page["proof"]] == ["PHOTO"]
    assert (await client.http.get(page["proof"][0]["url"])).status_code == 200
    form = page["feedbackForm"]
    assert form["submittedAt"] is None
    assert [(asked["id"], asked["kind"], asked["scale"], asked["required"]) for asked in form["questions"]] == [
        ("delivery", "SCALE", 5, True),
        ("recommend", "NPS", 10, False),
        ("comment", "TEXT", None, False),
    ]
    await change(client.database, customer, locale="de")
    await customer.rate({"questionId": "delivery", "score": 5})
    form = (await customer.page())["feedbackForm"]
    assert form["submittedAt"] is not None
    assert form["questions"][0]["prompt"] == "Wie war Ihre Lieferung?"


async def test_the_inbox_shows_what_went_out_newest_first(client: Client) -> None:
    _, [customer] = await started(client, PLAIN)
    async with client.database.transaction() as session:
        event = (await session.scalars(select(Event).limit(1))).one()
        for number, (channel, state) in enumerate(
            [
                (Channel.IN_APP, MessageState.SENT),
                (Channel.IN_APP, MessageState.READ),
                (Channel.IN_APP, MessageState.QUEUED),
                (Channel.SMS, MessageState.SENT),
            ]
        ):
            at = clock.now() + timedelta(minutes=number)
            session.add(
                Message(
                    order_id=customer.order.id,
                    event_id=event.id,
                    kind="approaching",
                    channel=channel,
                    address=str(number),
                    locale="en",
                    text=f"Text {number}",
                    state=state,
                    not_before=at,
                    sent_at=at,
                )
            )
    assert [message["text"] for message in (await customer.page())["inbox"]] == ["Text 1", "Text 0"]


# --- preferences


async def test_preferences_change_what_is_given_and_keep_the_rest(client: Client) -> None:
    _, [customer] = await a_day(client, PLAIN)
    await change(client.database, customer, recipient_email="rosa@example.org")
    first = await customer.prefer(
        safePlace=" Porch ",
        instructions="Ring",
        channels=["EMAIL", "EMAIL"],
        quietHours={"start": "21:30", "end": "08:00"},
    )
    assert first == {
        "tracking": {
            "reference": "R1-1",
            "preferences": {"safePlace": "Porch", "instructions": "Ring", "neighbour": None, "channels": ["EMAIL"]},
        },
        "userErrors": [],
    }
    await customer.prefer(neighbour="Mrs Silva", instructions="")
    assert (await customer.page())["preferences"] == {
        "safePlace": "Porch",
        "instructions": None,
        "neighbour": "Mrs Silva",
        "channels": ["EMAIL"],
        "quietHours": {"start": "21:30", "end": "08:00"},
    }
    assert await changes(client.database) == [
        ["channels", "instructions", "quiet_end", "quiet_start", "safe_place"],
        ["instructions", "neighbour"],
    ]


async def changes(database: Database) -> list[list[str]]:
    """What each event about preferences names."""
    async with database.reading() as session:
        rows = await session.scalars(
            select(Event).where(col(Event.type) == "preferences.updated").order_by(col(Event.position))
        )
        return [row.data["changed"] for row in rows]


async def test_wishing_for_what_is_so_already_is_no_event(client: Client) -> None:
    _, [customer] = await a_day(client, PLAIN)
    for _ in range(2):
        assert (await customer.prefer(safePlace="Porch"))["userErrors"] == []
    assert await changes(client.database) == [["safe_place"]]


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        ({"safePlace": "x" * 501}, "TEXT_TOO_LONG", "safePlace"),
        ({"channels": ["IN_APP", "SMS"]}, "CHANNEL_WITHOUT_ADDRESS", "channels.1"),
        ({"channels": ["EMAIL"]}, "CHANNEL_WITHOUT_ADDRESS", "channels.0"),
        ({"quietHours": {"start": "9:00", "end": "10:00"}}, "QUIET_HOURS_INVALID", "quietHours.start"),
        ({"quietHours": {"start": "21:00", "end": "24:00"}}, "QUIET_HOURS_INVALID", "quietHours.end"),
    ],
)
async def test_a_wish_that_cannot_be_met_is_named_and_changes_nothing(
    client: Client, wanted: dict[str, Any], code: str, field: str
) -> None:
    _, [customer] = await a_day(client, PLAIN)
    payload = await customer.prefer(**{"instructions": "Ring", **wanted})
    assert payload["tracking"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, field)]
    assert (await customer.page())["preferences"]["instructions"] is None
    assert await changes(client.database) == []


async def test_after_the_end_and_with_an_unknown_link_nothing_can_be_wished_for(client: Client) -> None:
    device, [customer] = await started(client, PLAIN)
    await device.send(*device.visit(0, 2))
    late = await customer.prefer(safePlace="Porch")
    assert [error["code"] for error in late["userErrors"]] == ["INVALID_STATE"]
    stranger = Customer(client, an_order("nobody's"))
    assert [(error["code"], error["field"]) for error in (await stranger.prefer(safePlace="x"))["userErrors"]] == [
        ("NOT_FOUND", "token")
    ]
    assert await changes(client.database) == []


# --- live


async def test_the_page_hears_of_its_own_order_and_nothing_of_another(client: Client) -> None:
    device, [customer] = await started(client, PLAIN)
    other, _ = await started(client, PLAIN, name="R2")
    query = document("tracking.graphql", "TrackingChanged")
    async with (
        served(client.application) as address,
        websockets.connect(f"ws://{address}/graphql", subprotocols=["graphql-transport-ws"]) as socket,  # type: ignore[list-item]
    ):
        await socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        variables = {"token": token_of(customer.order)}
        await socket.send(
            json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query, "variables": variables}})
        )
        first = json.loads(await socket.recv())["payload"]["data"]["trackingChanged"]
        assert (first["reference"], first["state"], first["stopsBefore"]) == ("R1-1", "IN_FULFILMENT", 0)
        heard = asyncio.create_task(socket.recv())
        await other.send(*other.visit(0, 2))
        await asyncio.wait([heard], timeout=1)
        assert not heard.done()
        await device.send(*device.visit(0, 2))
        number = 0
        while not heard.done():  # the live feed starts at some moment after the first page: keep changing it
            number += 1
            await asyncio.wait([heard], timeout=0.3)
            await change(client.database, customer, instructions=f"Wish {number}", version=100 + number)
        changed = json.loads(heard.result())["payload"]["data"]["trackingChanged"]
    assert (changed["reference"], changed["headline"]) == ("R1-1", "Your order has been delivered.")
    assert (changed["state"], changed["stopsBefore"], changed["vehicle"]) == ("COMPLETED", None, None)


async def test_an_unknown_token_hears_nothing_and_the_feed_ends(client: Client) -> None:
    query = document("tracking.graphql", "TrackingChanged")
    async with (
        served(client.application) as address,
        websockets.connect(f"ws://{address}/graphql", subprotocols=["graphql-transport-ws"]) as socket,  # type: ignore[list-item]
    ):
        await socket.send(json.dumps({"type": "connection_init"}))
        await socket.recv()
        payload = {"query": query, "variables": {"token": "unknown"}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        assert json.loads(await socket.recv()) == {"id": "1", "type": "complete"}


# --- the first start


async def test_the_defaults_exist_from_the_first_start(client: Client) -> None:
    query = "query { policies { name version } }"
    assert (await client.run(query, as_=ADMINISTRATOR))["policies"] == [{"name": "standard", "version": 1}]
    async with client.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Questionnaire)) == 1
