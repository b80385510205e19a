"""Milestones told by carriers' own systems: proved, once each, safe in any order, and only of their own shipments."""

import asyncio
import base64
import hmac
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.carriers.protocol import Receipt
from app.core import clock
from app.core.database import Database
from app.core.ids import new_id
from app.models import (
    Carrier,
    DeliveryAttempt,
    ExceptionCase,
    FulfilmentNode,
    GatewayKind,
    NoticeState,
    Shipment,
    ShipmentState,
)
from app.models.bookings import Booking, CarrierNotice
from app.orchestration.bookings import gateways, notices, operations
from app.orchestration.bookings.policies import NOTICE_WAITS
from tests.carriers.documents import SECRETS, rest_document
from tests.client import Client
from tests.factories.bookings import a_desk, a_gateway, a_shipment, carry, facts
from tests.factories.callers import a_carrier
from tests.factories.stock import a_world

KEY = SECRETS["SWIFT_SIGNING"].get_secret_value()


@pytest.fixture(autouse=True)
def secrets_of_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {name: secret.get_secret_value() for name, secret in SECRETS.items()}
    monkeypatch.setenv("DOORSTEP_CARRIER_SECRETS", json.dumps(held))


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> tuple[FulfilmentNode, Carrier]:
    """Node LIS, and carrier swift, which calls us."""
    node, carrier = await a_world(database)
    desk = a_desk(database, tmp_path, SECRETS)
    await a_gateway(database, carrier, GatewayKind.REST, rest_document("https://api.swift.example"), desk)
    return node, carrier


def call(*events: dict[str, Any], key: str = KEY, age_seconds: int = 0) -> dict[str, Any]:
    """A signed call: content and headers."""
    body = json.dumps({"events": events}).encode()
    message, at = f"msg_{new_id()}", str(int(clock.wall_now().timestamp()) - age_seconds)
    digest = hmac.digest(key.encode(), b".".join((message.encode(), at.encode(), body)), "sha256")
    signature = f"v1,{base64.b64encode(digest).decode()}"
    headers = {"webhook-id": message, "webhook-timestamp": at, "webhook-signature": signature}
    return {"content": body, "headers": headers}


def event(id: str, code: str, minutes_ago: int = 0, **more: Any) -> dict[str, Any]:
    at = clock.now().timestamp() - 60 * minutes_ago
    return {"id": id, "code": code, "when": int(at), "number": "SW1", **more}


async def booked(database: Database, world: tuple[FulfilmentNode, Carrier], number: str = "SW1") -> Shipment:
    """Shipment 4711/1, booked as `number`."""
    shipment = await a_shipment(database, *world)
    await carry(database)
    await answer_booking(database, number)
    return shipment


async def answer_booking(database: Database, number: str) -> None:
    async with database.transaction() as session:
        booking = (await session.scalars(select(Booking))).one()
        await operations.record_booked(
            session, booking, Receipt(tracking_number=number), label_key=None, track_after=None, now=clock.now()
        )


async def post(client: Client, what: dict[str, Any], reference: str = "swift") -> httpx.Response:
    return await client.http.post(f"/carriers/{reference}/events", **what)


async def the_notices(database: Database) -> list[tuple[str, NoticeState]]:
    async with database.reading() as session:
        found = await session.scalars(select(CarrierNotice).order_by(col(CarrierNotice.at)))
        return [(one.event_id, one.state) for one in found]


async def test_a_signed_call_moves_the_shipment(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    await booked(database, world)
    answer = await post(client, call(event("1", "PU", 90), event("2", "DLV", 5, signed_by="Rosa")))
    assert (answer.status_code, answer.json()) == (200, {"new": 2, "duplicate": 0, "waiting": 0})
    assert (await facts(database)).shipment.state is ShipmentState.DELIVERED


async def test_the_same_milestone_again_changes_nothing_and_is_answered_alike(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    await booked(database, world)
    failure = event("1", "FAIL", 5, why="NH")
    for expected in ({"new": 1, "duplicate": 0}, {"new": 0, "duplicate": 1}):
        answer = await post(client, call(failure))
        assert answer.status_code == 200
        assert {name: answer.json()[name] for name in expected} == expected
    found = await facts(database)
    assert (found.shipment.state, found.shipment.attempt_count) == (ShipmentState.ATTEMPT_FAILED, 1)


async def test_the_same_call_many_times_at_once_counts_once(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    await booked(database, world)
    what = call(event("1", "FAIL", 5, why="NH"), event("0", "PU", 60))
    answers = await asyncio.gather(*(post(client, what) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert sum(answer.json()["new"] for answer in answers) == 2
    assert (await facts(database)).shipment.attempt_count == 1


async def test_news_that_come_late_move_nothing_back(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    await booked(database, world)
    await post(client, call(event("3", "DLV", 1)))
    await post(client, call(event("2", "OFD", 30)))
    await post(client, call(event("1", "PU", 60)))
    found = await facts(database)
    assert (found.shipment.state, found.cases) == (ShipmentState.DELIVERED, [])
    async with database.reading() as session:
        assert len(list(await session.scalars(select(DeliveryAttempt)))) == 1


async def test_a_milestone_that_overtakes_the_bookings_answer_waits_for_it(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    await a_shipment(database, *world)
    await carry(database)
    answer = await post(client, call(event("1", "PU")))
    assert (answer.status_code, answer.json()["waiting"]) == (200, 1)
    assert await the_notices(database) == [("1", NoticeState.WAITING)]
    await answer_booking(database, "SW1")
    assert await the_notices(database) == [("1", NoticeState.TAKEN)]
    assert (await facts(database)).shipment.state is ShipmentState.PICKED_UP


async def test_our_own_reference_names_the_shipment_too(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    await a_shipment(database, *world)
    await carry(database)
    await post(client, call(event("1", "PU", number=None, ref="4711/1")))
    assert (await facts(database)).shipment.state is ShipmentState.PICKED_UP


async def test_a_milestone_of_nobodys_shipment_is_given_up_with_an_exception(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    await post(client, call(event("1", "PU", number="XX9")))
    async with database.transaction() as session:
        await session.execute(update(CarrierNotice).values(created_at=clock.now() - 2 * NOTICE_WAITS))
        assert await notices.give_up_overdue(session, now=clock.now()) == 1
        assert await notices.give_up_overdue(session, now=clock.now()) == 0
    assert await the_notices(database) == [("1", NoticeState.REFUSED)]
    assert [(one.kind, one.subject_reference) for one in (await facts(database)).cases] == [
        ("CARRIER_MILESTONE_REFUSED", "swift")
    ]


async def test_a_milestone_that_cannot_be_is_refused_with_an_exception(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    await booked(database, world)
    await post(client, call(event("1", "DLV", 5)))
    await post(client, call(event("2", "FAIL", -3 * 24 * 60, why="NH")))
    assert await the_notices(database) == [("1", NoticeState.TAKEN), ("2", NoticeState.REFUSED)]
    found = await facts(database)
    assert found.shipment.state is ShipmentState.DELIVERED
    assert [one.kind for one in found.cases] == ["CARRIER_MILESTONE_REFUSED"]


async def test_a_carrier_moves_no_other_carriers_shipment(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier], tmp_path: Path
) -> None:
    await booked(database, world)
    async with database.transaction() as session:
        session.add(a_carrier("rival"))
    async with database.reading() as session:
        rival = (await session.scalars(select(Carrier).where(col(Carrier.reference) == "rival"))).one()
    desk = a_desk(database, tmp_path, SECRETS)
    await a_gateway(database, rival, GatewayKind.REST, rest_document("https://api.rival.example"), desk)
    answer = await post(client, call(event("1", "DLV", ref="4711/1")), reference="rival")
    assert (answer.status_code, answer.json()["waiting"]) == (200, 1)
    assert (await facts(database)).shipment.state is ShipmentState.ASSIGNED


async def test_a_call_that_is_not_proved_changes_nothing(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    await booked(database, world)
    sound = call(event("1", "DLV"))
    for what in (
        call(event("1", "DLV"), key="another key"),
        call(event("1", "DLV"), age_seconds=400),
        {**sound, "headers": {}},
        {**sound, "content": b"{}"},
    ):
        answer = await post(client, what)
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["code"] == "SIGNATURE_INVALID"
    assert (await facts(database)).shipment.state is ShipmentState.ASSIGNED
    assert await the_notices(database) == []


async def test_an_unknown_carrier_reads_like_a_wrong_signature(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    for reference in ("nobody", "swift/x", "%2e%2e"):
        answer = await post(client, call(event("1", "DLV"), key="wrong"), reference=reference)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "SIGNATURE_INVALID")


async def test_a_call_that_cannot_be_read_is_refused_whole_and_says_why(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    await booked(database, world)
    for bad in (
        {"id": "1", "code": "WHAT", "when": 1905249600, "number": "SW1"},
        {"id": "1", "code": "DLV", "when": "yesterday", "number": "SW1"},
        {"id": "1", "when": 1905249600, "number": "SW1"},
        {"id": "1", "code": "DLV", "when": 1905249600},
    ):
        answer = await post(client, call(event("0", "PU"), bad))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "BODY_UNREADABLE"
    assert await the_notices(database) == []


async def test_a_call_that_is_too_large_is_refused(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    answer = await post(client, call(event("1", "PU", text="x" * 1_100_000)))
    assert answer.status_code == 413


async def test_a_secret_that_the_deployment_lacks_is_our_fault_and_not_told(
    client: Client, database: Database, world: tuple[FulfilmentNode, Carrier]
) -> None:
    document = rest_document("https://api.swift.example")
    document["webhook"]["signature"]["secret"] = "NOT_THERE"
    async with database.transaction() as session:
        await gateways.put(
            session,
            carrier_reference="swift",
            kind=GatewayKind.REST,
            document=document,
            settings=a_desk(database, Path("/tmp"), {"X": SecretStr("y")}).settings,
            actor=SYSTEM,
            now=clock.now(),
        )
    answer = await post(client, call(event("1", "PU")))
    assert answer.status_code == 500
    assert "NOT_THERE" not in answer.text
    async with database.reading() as session:
        assert list(await session.scalars(select(ExceptionCase))) == []
