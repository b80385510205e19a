"""Orders as a shop sends them, through the documents of integration.graphql and console.graphql."""

import copy
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.auth import tokens
from app.core import clock
from app.core.database import Database
from app.models import Event, Order, OrderLine, OrderState
from tests.client import ADMINISTRATOR, DISPATCHER, INTEGRATION, SECRET, Client
from tests.documents import document
from tests.factories.settling import settled
from tests.factories.stock import a_world

UPSERT = document("integration.graphql", "UpsertOrders")
CANCEL = document("integration.graphql", "CancelOrder")
CHANGES = document("integration.graphql", "Changes")


def in_hours(hours: float) -> str:
    return (clock.now() + timedelta(hours=hours)).isoformat()


def an_input(reference: str = "4711", **changes: Any) -> dict[str, Any]:
    """A good row; `changes` name a field with its path, such as lines__0__quantity."""
    row: dict[str, Any] = {
        "reference": reference,
        "recipient": {"name": "Rosa Mota", "phone": "912 345 678", "email": "rosa@example.com", "locale": "pt"},
        "address": {
            "line1": "Rua Augusta 1",
            "city": "Lisboa",
            "postalCode": "1100-048",
            "country": "PT",
            "location": {"latitude": 38.71, "longitude": -9.14},
        },
        "lines": [{"sku": "APPLE", "quantity": 2}],
        "requestedWindow": {"start": "2999-05-17T09:00:00+01:00", "end": "2999-05-17T13:00:00+01:00"},
    }
    for path, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split("__")]
        target: Any = row
        for parent in parents:
            target = target[parent]
        target[last] = value
    return row


async def upsert(client: Client, *rows: dict[str, Any], policy: str | None = None) -> dict[str, Any]:
    given: dict[str, Any] = {"orders": list(rows)}
    if policy is not None:
        given["errorPolicy"] = policy
    payload: dict[str, Any] = (await client.run(UPSERT, {"input": given}, as_=INTEGRATION))["upsertOrders"]
    return payload


def errors(found: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(error["code"], error["field"]) for error in found.get("errors", found.get("userErrors", []))]


async def rows(database: Database) -> list[int]:
    async with database.reading() as session:
        return [
            await session.scalar(select(func.count()).select_from(table)) or 0 for table in (Order, OrderLine, Event)
        ]


async def stored(database: Database, reference: str = "4711") -> Order:
    async with database.reading() as session:
        return (await session.scalars(select(Order).where(col(Order.reference) == reference))).one()


async def set_state(database: Database, state: OrderState, reference: str = "4711") -> None:
    async with database.transaction() as session:
        order = (await session.scalars(select(Order).where(col(Order.reference) == reference))).one()
        order.state = state


async def test_a_new_order_is_received_with_its_window_and_its_tracking_link(
    client: Client, database: Database
) -> None:
    await a_world(database)
    payload = await upsert(client, an_input())
    [result] = payload["results"]
    order = await stored(database)
    token = tokens.tracking_token(SECRET, order.id)
    assert payload["userErrors"] == []
    assert (result["index"], result["outcome"], result["errors"]) == (0, "CREATED", [])
    assert result["order"] == {
        "id": result["order"]["id"],
        "reference": "4711",
        "state": "RECEIVED",
        "promisedWindow": {"start": "2999-05-17T08:00:00Z", "end": "2999-05-17T12:00:00Z"},
        "trackingUrl": f"http://doorstep.test/track/{token}",
    }
    assert order.tracking_token_hash == tokens.hash_token(token)
    assert order.recipient_phone == "+351912345678"
    assert order.channels == ["SMS"]


async def test_the_same_input_again_changes_nothing(client: Client, database: Database) -> None:
    await a_world(database)
    await upsert(client, an_input())
    before, first = await rows(database), await stored(database)
    payload = await upsert(client, an_input())
    assert [result["outcome"] for result in payload["results"]] == ["UNCHANGED"]
    assert payload["results"][0]["order"]["reference"] == "4711"
    assert await rows(database) == before
    assert (await stored(database)).version == first.version


async def test_a_received_order_may_change_in_everything(client: Client, database: Database) -> None:
    await a_world(database)
    await upsert(client, an_input())
    changed = an_input(lines=[{"sku": "PEAR", "quantity": 5, "weightKg": 0.2}], address__city="Almada", priority=7)
    payload = await upsert(client, changed)
    assert [result["outcome"] for result in payload["results"]] == ["UPDATED"]
    order = await stored(database)
    async with database.reading() as session:
        [line] = await session.scalars(select(OrderLine).where(col(OrderLine.order_id) == order.id))
        told = await session.scalar(select(Event).where(col(Event.type) == "order.updated"))
    assert (order.city, order.priority, order.version) == ("Almada", 7, 1)
    assert (line.sku, line.quantity, line.weight_kg, line.volume_l) == ("PEAR", 5, 0.2, 2.0)
    assert told is not None
    assert told.data == {"changed": ["city", "lines", "priority"]}


async def test_an_allocated_order_may_change_its_recipient_and_instructions_only(
    client: Client, database: Database
) -> None:
    await a_world(database)
    await upsert(client, an_input())
    await set_state(database, OrderState.ALLOCATED)
    moved = await upsert(client, an_input(address__city="Almada"))
    assert errors(moved) == [("ORDER_LOCKED", "orders.0.reference")]
    assert (await stored(database)).city == "Lisboa"
    told = await upsert(client, an_input(recipient__name="Rui", address__instructions="ring twice"))
    assert [result["outcome"] for result in told["results"]] == ["UPDATED"]
    assert ((await stored(database)).recipient_name, (await stored(database)).instructions) == ("Rui", "ring twice")


async def test_an_order_that_ended_can_not_be_changed(client: Client, database: Database) -> None:
    await a_world(database)
    await upsert(client, an_input())
    await set_state(database, OrderState.COMPLETED)
    payload = await upsert(client, an_input(recipient__name="Rui"))
    assert errors(payload) == [("ORDER_LOCKED", "orders.0.reference")]
    assert (await stored(database)).recipient_name == "Rosa Mota"


BAD = {
    "unknown sku": (an_input(lines__0__sku="KIWI"), "UNKNOWN_SKU", "lines.0.sku", "'KIWI'"),
    "sku twice": (
        an_input(lines=[{"sku": "APPLE", "quantity": 1}] * 2),
        "DUPLICATE_SKU",
        "lines.1.sku",
        "'APPLE'",
    ),
    "no lines": (an_input(lines=[]), "LINES_MISSING", "lines", "1 to 200"),
    "quantity of zero": (an_input(lines__0__quantity=0), "QUANTITY_NOT_POSITIVE", "lines.0.quantity", "0 of 'APPLE'"),
    "quantity too large": (an_input(lines__0__quantity=100001), "QUANTITY_TOO_LARGE", "lines.0.quantity", "100001"),
    "negative weight": (an_input(lines__0__weightKg=-1), "OUT_OF_RANGE", "lines.0.weightKg", "-1"),
    "window in the past": (
        an_input(requestedWindow={"start": "2020-05-17T09:00:00Z", "end": "2020-05-17T10:00:00Z"}),
        "WINDOW_IN_PAST",
        "requestedWindow",
        "2020-05-17T10:00:00+00:00",
    ),
    "window turned round": (
        an_input(requestedWindow={"start": "2999-05-17T10:00:00Z", "end": "2999-05-17T09:00:00Z"}),
        "WINDOW_INVALID",
        "requestedWindow",
        "2999-05-17T09:00:00+00:00",
    ),
    "no location": (an_input(address__location=None), "LOCATION_MISSING", "address.location", "geocoded"),
    "off the globe": (
        an_input(address__location={"latitude": 138.7, "longitude": -9.1}),
        "LOCATION_INVALID",
        "address.location",
        "138.7",
    ),
    "null island": (
        an_input(address__location={"latitude": 0, "longitude": 0}),
        "LOCATION_INVALID",
        "address.location",
        "0.0, 0.0",
    ),
    "outside every zone": (
        an_input(address__location={"latitude": 41.15, "longitude": -8.61}),
        "OUTSIDE_EVERY_ZONE",
        "address.location",
        "41.15, -8.61 is 274",
    ),
    "phone": (an_input(recipient__phone="12"), "PHONE_INVALID", "recipient.phone", "'12'"),
    "email": (an_input(recipient__email="rosa@home"), "EMAIL_INVALID", "recipient.email", "'rosa@home'"),
    "locale": (an_input(recipient__locale="portuguese"), "LOCALE_INVALID", "recipient.locale", "'portuguese'"),
    "unknown channel": (an_input(recipient__channels=["FAX"]), "UNKNOWN_CHANNEL", "recipient.channels.0", "'FAX'"),
    "channel without phone": (
        an_input(recipient={"name": "Rosa", "channels": ["WHATSAPP"]}),
        "CHANNEL_WITHOUT_ADDRESS",
        "recipient.channels.0",
        "WHATSAPP",
    ),
    "channel without email": (
        an_input(recipient={"name": "Rosa", "channels": ["IN_APP", "EMAIL"]}),
        "CHANNEL_WITHOUT_ADDRESS",
        "recipient.channels.1",
        "EMAIL",
    ),
    "no name": (an_input(recipient__name=" "), "TEXT_MISSING", "recipient.name", "name"),
    "country": (
        an_input(address__country="Portugal", recipient__phone=None),
        "COUNTRY_INVALID",
        "address.country",
        "'Portugal'",
    ),
    "reference": (an_input(" "), "REFERENCE_INVALID", "reference", "' '"),
    "priority": (an_input(priority=101), "OUT_OF_RANGE", "priority", "101"),
    "service time": (an_input(serviceSeconds=-1), "OUT_OF_RANGE", "serviceSeconds", "-1"),
    "skill": (an_input(requiredSkills=[""]), "SKILL_INVALID", "requiredSkills.0", "''"),
    "proof": (an_input(proofRequirements=["OATH"]), "UNKNOWN_PROOF", "proofRequirements.0", "'OATH'"),
    "cash digits": (
        an_input(cashToCollect={"amount": "1.234", "currency": "EUR"}),
        "AMOUNT_INVALID",
        "cashToCollect",
        "1.234",
    ),
    "cash currency": (
        an_input(cashToCollect={"amount": "1.20", "currency": "USD"}),
        "CURRENCY_UNSUPPORTED",
        "cashToCollect.currency",
        "USD",
    ),
    "hold": (an_input(holdId="abc"), "UNKNOWN_HOLD", "holdId", "'abc'"),
    "metadata": (
        an_input(metadata=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]),
        "METADATA_INVALID",
        "metadata",
        "each key once",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_row_refuses_the_call_with_its_own_code_and_changes_nothing(
    name: str, client: Client, database: Database
) -> None:
    bad, code, field, named = BAD[name]
    await a_world(database)
    before = await rows(database)
    payload = await upsert(client, an_input("good"), copy.deepcopy(bad))
    assert errors(payload) == [(code, f"orders.1.{field}")]
    assert named in payload["userErrors"][0]["message"]
    assert [(result["outcome"], errors(result)) for result in payload["results"]] == [
        ("REJECTED", [("OTHER_ROW_REJECTED", None)]),
        ("REJECTED", [(code, f"orders.1.{field}")]),
    ]
    assert await rows(database) == before


async def test_a_bad_row_among_good_ones_is_rejected_alone_where_the_caller_wants_it_so(
    client: Client, database: Database
) -> None:
    await a_world(database)
    bad = an_input("bad", lines__0__quantity=0, recipient__locale="??")
    payload = await upsert(client, an_input("a"), bad, an_input("c"), policy="REJECT_FAILED_ROWS")
    assert payload["userErrors"] == []
    assert [result["outcome"] for result in payload["results"]] == ["CREATED", "REJECTED", "CREATED"]
    assert errors(payload["results"][1]) == [
        ("LOCALE_INVALID", "orders.1.recipient.locale"),
        ("QUANTITY_NOT_POSITIVE", "orders.1.lines.0.quantity"),
    ]
    assert payload["results"][1]["order"] is None
    assert await rows(database) == [2, 2, 2]


async def test_a_reference_twice_in_one_call_is_refused(client: Client, database: Database) -> None:
    await a_world(database)
    before = await rows(database)
    payload = await upsert(client, an_input(), an_input())
    assert errors(payload) == [("DUPLICATE_REFERENCE", "orders.1.reference")]
    assert await rows(database) == before


async def test_a_thousand_and_one_rows_are_refused(client: Client, database: Database) -> None:
    await a_world(database)
    before = await rows(database)
    payload = await upsert(client, *(an_input(str(number)) for number in range(1001)))
    assert errors(payload) == [("TOO_MANY_ROWS", "orders")]
    assert "1,001 rows" in payload["userErrors"][0]["message"]
    assert await rows(database) == before


async def test_a_thousand_rows_land_in_one_call(client: Client, database: Database) -> None:
    await a_world(database)
    payload = await upsert(client, *(an_input(f"{number:04}") for number in range(1000)))
    assert [result["order"]["reference"] for result in payload["results"]] == [f"{number:04}" for number in range(1000)]
    assert await rows(database) == [1000, 1000, 1000]


async def test_a_replayed_key_with_another_input_is_refused(client: Client, database: Database) -> None:
    await a_world(database)
    given = {"orders": [an_input()], "idempotencyKey": "basket-1"}
    first = await client.run(UPSERT, {"input": given}, as_=INTEGRATION)
    assert await client.run(UPSERT, {"input": given}, as_=INTEGRATION) == first
    before = await rows(database)
    other = {"orders": [an_input("4712")], "idempotencyKey": "basket-1"}
    payload = (await client.run(UPSERT, {"input": other}, as_=INTEGRATION))["upsertOrders"]
    assert errors(payload) == [("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]
    assert await rows(database) == before


async def test_without_a_wish_the_policy_promises_a_window_that_a_later_call_keeps(
    client: Client, database: Database
) -> None:
    await a_world(database)
    row = an_input(requestedWindow=None)
    await upsert(client, row)
    first = await stored(database)
    assert first.promised_start is not None
    assert first.promised_end == first.promised_start + timedelta(hours=24)
    await upsert(client, {**row, "priority": 3})
    second = await stored(database)
    assert (second.promised_start, second.promised_end, second.priority) == (
        first.promised_start,
        first.promised_end,
        3,
    )


async def test_a_pin_is_made_where_a_pin_shall_prove_the_delivery(client: Client, database: Database) -> None:
    await a_world(database)
    await upsert(client, an_input("with", proofRequirements=["PIN"]), an_input("without"))
    pin = (await stored(database, "with")).pin
    assert pin is not None
    assert (len(pin), pin.isdigit()) == (4, True)
    assert (await stored(database, "without")).pin is None


async def test_a_cancelled_order_stays_cancelled(client: Client, database: Database) -> None:
    await a_world(database)
    await upsert(client, an_input())
    variables = {"input": {"reference": "4711", "reason": "changed my mind"}}
    payload = (await client.run(CANCEL, variables, as_=INTEGRATION))["cancelOrder"]
    assert (payload["order"]["state"], payload["userErrors"]) == ("CANCELLED", [])
    before = await rows(database)
    again = (await client.run(CANCEL, variables, as_=INTEGRATION))["cancelOrder"]
    assert (again["order"], errors(again)) == (None, [("INVALID_STATE", None)])
    assert again["userErrors"][0]["message"] == "Order 4711 is CANCELLED and can no longer be cancelled."
    assert await rows(database) == before


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"reason": "x"}, "ORDER_NOT_NAMED", "reference"),
        ({"reference": "nope", "reason": "x"}, "NOT_FOUND", "reference"),
        ({"orderId": "T3JkZXI6eA", "reason": "x"}, "NOT_FOUND", "orderId"),
        ({"reference": "4711", "reason": " "}, "REASON_MISSING", "reason"),
    ],
)
async def test_a_cancellation_that_names_nothing_is_refused(
    given: dict[str, str], code: str, field: str, client: Client, database: Database
) -> None:
    await a_world(database)
    await upsert(client, an_input())
    payload = (await client.run(CANCEL, {"input": given}, as_=INTEGRATION))["cancelOrder"]
    assert errors(payload) == [(code, field)]
    assert (await stored(database)).state is OrderState.RECEIVED


async def test_policy_says_until_when_an_order_may_be_cancelled(client: Client, database: Database) -> None:
    await a_world(database)
    await upsert(client, an_input())
    await set_state(database, OrderState.ALLOCATED)
    update = document("console.graphql", "UpdatePolicy")
    change = {"input": {"name": "standard", "document": {"cancellableUntil": "RECEIVED"}}}
    assert (await client.run(update, change, as_=ADMINISTRATOR))["updatePolicy"]["userErrors"] == []
    given = {"input": {"reference": "4711", "reason": "late"}}
    payload = (await client.run(CANCEL, given, as_=INTEGRATION))["cancelOrder"]
    assert errors(payload) == [("INVALID_STATE", None)]


LISTED = """query Orders($first: Int!, $after: String, $where: OrderFilter) {
  orders(first: $first, after: $after, where: $where) {
    edges { node { reference } } pageInfo { hasNextPage endCursor }
  }
}"""


async def listed(client: Client, **where: Any) -> list[str]:
    page = (await client.run(LISTED, {"first": 50, "where": where}, as_=DISPATCHER))["orders"]
    return [edge["node"]["reference"] for edge in page["edges"]]


async def test_orders_are_listed_newest_first_and_narrowed_by_what_is_asked(client: Client, database: Database) -> None:
    await a_world(database)
    early = {"start": "2998-01-01T09:00:00Z", "end": "2998-01-01T10:00:00Z"}
    await upsert(client, an_input("A-1"))
    await upsert(client, an_input("A-2", requestedWindow=early))
    await upsert(client, an_input("B-1", recipient__name="Zé 100%"))
    await set_state(database, OrderState.ALLOCATED, "A-1")
    assert await listed(client) == ["B-1", "A-2", "A-1"]
    assert await listed(client, states=["ALLOCATED"]) == ["A-1"]
    assert await listed(client, referencePrefix="A-") == ["A-2", "A-1"]
    assert await listed(client, search="100%") == ["B-1"]
    assert await listed(client, windowTo="2998-06-01T00:00:00Z") == ["A-2"]
    assert await listed(client, windowFrom="2998-06-01T00:00:00Z") == ["B-1", "A-1"]
    assert await listed(client, node="LIS") == []


async def test_the_feed_answers_every_event_once_from_a_cursor(client: Client, database: Database) -> None:
    await a_world(database)
    for reference in ("A", "B", "C"):
        await upsert(client, an_input(reference))
    await settled(database)
    seen, after, pages = [], None, 0
    while True:
        page = (await client.run(CHANGES, {"first": 2, "after": after}, as_=INTEGRATION))["events"]
        seen += [(edge["node"]["type"], edge["node"]["subjectReference"]) for edge in page["edges"]]
        after, pages = page["pageInfo"]["endCursor"], pages + 1
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [("order.received", "A"), ("order.received", "B"), ("order.received", "C")]
    assert pages == 2


TIMELINE = """query T($r: String!) { orderByReference(reference: $r) {
  lines { sku quantity deliveredQuantity } timeline { type actor { kind name } summary }
} }"""


async def test_an_order_tells_what_happened_to_it_and_by_whom(client: Client, database: Database) -> None:
    await a_world(database)
    await upsert(client, an_input())
    await client.run(CANCEL, {"input": {"reference": "4711", "reason": "too late"}}, as_=DISPATCHER)
    found = (await client.run(TIMELINE, {"r": "4711"}, as_=INTEGRATION))["orderByReference"]
    assert found == {
        "lines": [{"sku": "APPLE", "quantity": 2, "deliveredQuantity": 0}],
        "timeline": [
            {
                "type": "order.received",
                "actor": {"kind": "INTEGRATION", "name": "shop"},
                "summary": "Order 4711 was received.",
            },
            {
                "type": "order.cancelled",
                "actor": {"kind": "STAFF", "name": "Dora"},
                "summary": "Order 4711 was cancelled: too late",
            },
        ],
    }
