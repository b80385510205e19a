"""The REST gateway against a real server: what it asks, what it reads, what it tries again and what it never does."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from app.carriers.protocol import (
    Booked,
    Capability,
    CarrierEvent,
    NotOffered,
    PermanentFailure,
    Quote,
    TemporaryFailure,
)
from app.carriers.rest import checks
from app.carriers.rest.gateway import RestGateway
from app.core.money import Money
from app.models import FailureReason, MilestoneKind
from tests.carriers.carrier_server import LABEL, CarrierServer, running
from tests.carriers.documents import AT, SECRETS, consignment, rest_document, secrets

LOCAL = frozenset({"127.0.0.1"})


@pytest.fixture
async def carrier() -> AsyncIterator[CarrierServer]:
    async with running() as found:
        yield found


def gateway_of(carrier: CarrierServer, **changes: Any) -> RestGateway:
    document = checks.parse(rest_document(carrier.url, **changes), allowed_hosts=LOCAL)
    return RestGateway(document, carrier="Swift", secrets=secrets(), allowed_hosts=LOCAL)


def booked(number: str = "SW000001") -> Booked:
    return Booked(consignment=consignment(), tracking_number=number, booking_id=f"id-{number}")


async def test_a_booking_is_built_from_the_template_and_read_by_the_expressions(carrier: CarrierServer) -> None:
    receipt = await gateway_of(carrier).book(consignment())
    assert (receipt.tracking_number, receipt.booking_id, receipt.price) == (
        "SW000001",
        "id-SW000001",
        Money(minor=610, currency="EUR"),
    )
    assert receipt.label is not None
    assert (receipt.label.contents, receipt.label.content_type) == (LABEL, "application/pdf")
    (request,) = carrier.seen
    assert (request.method, request.path) == ("POST", "/shipments")
    assert request.headers["x-api-key"] == "key-of-swift-7f3a"
    assert request.headers["host"] == f"127.0.0.1:{carrier.port}"
    assert request.json == {
        "account": "ACC-1",
        "reference": "4711/1",
        "service": "EC",
        "grams": 1500,
        "note": "Order 4711",
        "to": {"name": "Rosa Conceição", "street": "Rua Augusta 1", "zip": "1100-048"},
        "items": [{"sku": "APPLE", "count": 2}, {"sku": "PEAR", "count": 1}],
    }


async def test_quotes_come_cheapest_first(carrier: CarrierServer) -> None:
    assert await gateway_of(carrier).quote(consignment()) == [
        Quote(service="EC", price=Money(minor=420, currency="EUR")),
        Quote(service="ND", price=Money(minor=750, currency="EUR")),
    ]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
async def test_a_4xx_is_told_in_the_carriers_words_and_never_tried_again(carrier: CarrierServer, status: int) -> None:
    carrier.troubles.append(
        JSONResponse({"fault": {"code": "E17", "text": "Unknown street, key-of-swift-7f3a"}}, status_code=status)
    )
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier).book(consignment())
    assert failure.value.code == ("CREDENTIALS_REFUSED" if status == 401 else f"CARRIER_{status}")
    assert failure.value.message == f"Swift answered {status} (E17): Unknown street, …"
    assert carrier.calls == ["POST /shipments"]


@pytest.mark.parametrize("status", [429, 503])
async def test_what_the_carrier_did_not_take_is_tried_again_at_once(carrier: CarrierServer, status: int) -> None:
    carrier.troubles.append(Response(status_code=status, headers={"retry-after": "0"}))
    receipt = await gateway_of(carrier).book(consignment())
    assert receipt.tracking_number == "SW000001"
    assert carrier.calls == ["POST /shipments", "POST /shipments"]


async def test_a_long_wait_that_the_carrier_asks_for_is_left_to_the_caller(carrier: CarrierServer) -> None:
    carrier.troubles.append(Response(status_code=429, headers={"retry-after": "600"}))
    with pytest.raises(TemporaryFailure) as failure:
        await gateway_of(carrier).book(consignment())
    assert failure.value.retry_after_seconds == 600
    assert carrier.calls == ["POST /shipments"]


async def test_a_booking_whose_answer_was_lost_is_found_and_not_made_twice(carrier: CarrierServer) -> None:
    gateway = gateway_of(carrier)
    carrier.lose_answer()
    with pytest.raises(TemporaryFailure) as failure:
        await gateway.book(consignment())
    assert (failure.value.code, failure.value.message) == ("CARRIER_UNREACHABLE", "Swift did not answer in time.")
    assert carrier.calls == ["POST /shipments"]
    receipt = await gateway.book(consignment(attempt=2))
    assert receipt.tracking_number == "SW000001"
    assert carrier.calls == ["POST /shipments", "GET /shipments"]
    assert carrier.seen[1].query == {"reference": "4711/1"}
    assert carrier.bookings == {"4711/1": "SW000001"}


async def test_a_second_attempt_books_where_the_first_never_arrived(carrier: CarrierServer) -> None:
    receipt = await gateway_of(carrier).book(consignment(attempt=2))
    assert receipt.tracking_number == "SW000001"
    assert carrier.calls == ["GET /shipments", "POST /shipments"]


async def test_a_500_to_a_booking_is_not_repeated_within_the_call(carrier: CarrierServer) -> None:
    carrier.troubles.append(Response("oops", status_code=500))
    with pytest.raises(TemporaryFailure) as failure:
        await gateway_of(carrier).book(consignment())
    assert failure.value.code == "CARRIER_500"
    assert carrier.calls == ["POST /shipments"]


async def test_a_carrier_that_makes_one_of_two_is_asked_again_within_the_call(carrier: CarrierServer) -> None:
    document = rest_document(carrier.url)
    book = {**document["book"], "is_idempotent": True, "headers": {"Idempotency-Key": "${key}"}}
    carrier.troubles.append(Response(status_code=502))
    await gateway_of(carrier, book=book, find=None).book(consignment())
    assert carrier.calls == ["POST /shipments", "POST /shipments"]
    assert {one.headers["idempotency-key"] for one in carrier.seen} == {"0199-key"}


async def test_a_carrier_that_cannot_be_reached_is_a_temporary_failure() -> None:
    async with running() as gone:
        pass
    with pytest.raises(TemporaryFailure) as failure:
        await gateway_of(gone).book(consignment())
    assert failure.value.code == "CARRIER_UNREACHABLE"


@pytest.mark.parametrize("body", ["<html>", '{"shipment": {}}', "[]", "", '{"shipment": {"tracking": {"a": 1}}}'])
async def test_an_answer_that_names_no_number_is_no_booking(carrier: CarrierServer, body: str) -> None:
    carrier.troubles.append(Response(body, media_type="application/json"))
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier).book(consignment())
    assert failure.value.code == "ANSWER_UNREADABLE"


async def test_a_redirect_is_not_followed(carrier: CarrierServer) -> None:
    carrier.troubles.append(Response(status_code=302, headers={"location": f"{carrier.url}/shipments"}))
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier).book(consignment())
    assert failure.value.code == "CARRIER_302"
    assert carrier.calls == ["POST /shipments"]


async def test_tracking_is_read_in_our_words(carrier: CarrierServer) -> None:
    carrier.tracking = {
        "number": "SW000001",
        "events": [
            {"id": "e1", "code": "PU", "when": "2030-05-17T09:30:00Z"},
            {"id": "e2", "code": "INFO", "when": "2030-05-17T09:40:00Z"},
            {"id": "e3", "code": "FAIL", "when": "2030-05-17T12:00:00", "why": "NH"},
            {"id": "e4", "code": "FAIL", "when": 1905249600, "why": "XX"},
        ],
    }
    found = await gateway_of(carrier).track(booked())
    number: dict[str, Any] = {"tracking_number": "SW000001"}
    assert found == [
        CarrierEvent(event_id="e1", kind=MilestoneKind.PICKED_UP, at=AT, **number),
        CarrierEvent(
            event_id="e3",
            kind=MilestoneKind.ATTEMPT_FAILED,
            at=AT.replace(hour=11, minute=0),  # noon in Lisbon's summer
            reason=FailureReason.NOT_HOME,
            **number,
        ),
        CarrierEvent(
            event_id="e4",
            kind=MilestoneKind.ATTEMPT_FAILED,
            at=AT.replace(hour=12, minute=0),
            reason=FailureReason.OTHER,
            note="The carrier's reason: XX",
            **number,
        ),
    ]


async def test_tracking_about_another_number_is_refused(carrier: CarrierServer) -> None:
    carrier.tracking = {"number": "SW000002", "events": [{"id": "e1", "code": "DLV", "when": "2030-05-17T09:30:00Z"}]}
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier).track(booked())
    assert failure.value.code == "TRACKING_MISMATCH"
    assert failure.value.message == "The carrier was asked about SW000001 and answered about SW000002."


async def test_a_milestone_that_nobody_described_is_refused_and_not_lost(carrier: CarrierServer) -> None:
    carrier.tracking = {"number": "SW000001", "events": [{"id": "e1", "code": "NEW", "when": "2030-05-17T09:30:00Z"}]}
    with pytest.raises(PermanentFailure, match=r"'NEW' is not in vocabulary\.milestones"):
        await gateway_of(carrier).track(booked())


async def test_what_is_gone_already_is_cancelled(carrier: CarrierServer) -> None:
    gateway = gateway_of(carrier)
    await gateway.cancel(booked())
    carrier.troubles.append(Response(status_code=404))
    await gateway.cancel(booked())
    assert carrier.calls == ["DELETE /shipments/SW000001"] * 2
    assert carrier.cancelled == ["SW000001"]


async def test_a_label_is_fetched_where_the_document_says_so(carrier: CarrierServer) -> None:
    document = rest_document(carrier.url)
    answer = {name: value for name, value in document["book"]["answer"].items() if name != "label"}
    gateway = gateway_of(
        carrier,
        book={**document["book"], "answer": answer},
        label={"method": "GET", "path": "/shipments/${booking_id}/label"},
    )
    assert Capability.LABEL in gateway.capabilities
    assert (await gateway.book(consignment())).label is None
    found = await gateway.label(booked())
    assert (found.contents, carrier.calls[-1]) == (LABEL, "GET /shipments/id-SW000001/label")


async def test_a_call_that_the_document_does_not_describe_is_not_offered(carrier: CarrierServer) -> None:
    gateway = gateway_of(carrier, cancel=None, track=None, quote=None)
    for call in (
        gateway.cancel(booked()),
        gateway.track(booked()),
        gateway.quote(consignment()),
        gateway.label(booked()),
    ):
        with pytest.raises(NotOffered):
            await call
    assert carrier.seen == []


async def test_an_oauth_token_is_fetched_once_and_anew_when_it_is_refused(carrier: CarrierServer) -> None:
    proof = {"kind": "oauth2", "token_url": f"{carrier.url}/token", "client_id": "doorstep", "secret": "SWIFT_KEY"}
    gateway = gateway_of(carrier, authentication=proof)
    await gateway.cancel(booked())
    await gateway.cancel(booked())
    assert carrier.calls == ["POST /token", "DELETE /shipments/SW000001", "DELETE /shipments/SW000001"]
    assert carrier.seen[1].headers["authorization"] == "Bearer T1"
    carrier.troubles.append(Response(status_code=401))
    await gateway.cancel(booked())
    assert carrier.calls[3:] == ["DELETE /shipments/SW000001", "POST /token", "DELETE /shipments/SW000001"]
    assert carrier.seen[-1].headers["authorization"] == "Bearer T5"


async def test_a_secret_that_the_deployment_lacks_stops_the_call(carrier: CarrierServer) -> None:
    proof = {"kind": "header", "secret": "NOT_THERE"}
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier, authentication=proof).book(consignment())
    assert failure.value.code == "SECRET_MISSING"
    assert carrier.seen == []


async def test_a_value_that_the_address_needs_and_the_shipment_lacks_stops_the_call(carrier: CarrierServer) -> None:
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier).cancel(Booked(consignment=consignment(), tracking_number=None))
    assert failure.value.code == "VALUE_MISSING"
    assert carrier.seen == []


async def test_values_in_an_address_are_escaped(carrier: CarrierServer) -> None:
    await gateway_of(carrier).cancel(booked("../admin?x=1"))
    assert carrier.seen[0].raw_path == b"/shipments/..%2Fadmin%3Fx%3D1"


async def test_no_secret_is_ever_printed(carrier: CarrierServer) -> None:
    gateway = gateway_of(carrier)
    printed = repr(gateway._secrets) + repr(await gateway._outgoing(gateway._document.book, {}))
    assert "SWIFT_KEY" in printed
    assert not any(secret.get_secret_value() in printed for secret in SECRETS.values())
