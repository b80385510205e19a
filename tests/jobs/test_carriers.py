"""From an assigned shipment to a carrier's booking and back: real database, real HTTP, whatever goes wrong between."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlmodel import col
from starlette.responses import JSONResponse, Response

from app.auth.principals import SYSTEM
from app.carriers.documents import Vocabulary
from app.carriers.protocol import CarrierEvent
from app.core import clock
from app.core.database import Database
from app.jobs.carriers import CarrierDesk
from app.models import (
    Booking,
    BookingState,
    Carrier,
    DeliveryAttempt,
    Event,
    FailureReason,
    FulfilmentNode,
    GatewayKind,
    MilestoneKind,
    NoticeSource,
    NoticeState,
    Shipment,
    ShipmentState,
    Tender,
    TenderMode,
    metadata,
)
from app.models.bookings import CarrierNotice
from app.orchestration.bookings import notices, operations
from app.orchestration.tenders import cancellation
from app.orchestration.tenders import operations as tenders
from tests.carriers.carrier_server import LABEL, CarrierServer, running
from tests.carriers.documents import SECRETS, rest_document
from tests.client import DISPATCHER
from tests.factories.bookings import a_desk, a_gateway, a_shipment, carry, facts
from tests.factories.callers import a_carrier
from tests.factories.stock import a_world


@pytest.fixture
async def carrier_server() -> AsyncIterator[CarrierServer]:
    async with running() as found:
        yield found


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> CarrierDesk:
    return a_desk(database, tmp_path, SECRETS)


@pytest.fixture
async def world(database: Database, desk: CarrierDesk, carrier_server: CarrierServer) -> tuple[FulfilmentNode, Carrier]:
    """Node LIS, and carrier swift behind its REST interface."""
    node, carrier = await a_world(database, on_hand=100)
    await a_gateway(database, carrier, GatewayKind.REST, rest_document(carrier_server.url), desk)
    return node, carrier


async def make_due(database: Database) -> None:
    """Lets every wait be over."""
    async with database.transaction() as session:
        await session.execute(update(Booking).values(leased_until=None))


async def log_types(database: Database, prefix: str) -> list[str]:
    async with database.reading() as session:
        found = await session.scalars(
            select(col(Event.type)).where(col(Event.type).startswith(prefix)).order_by(col(Event.position))
        )
        return list(found)


async def test_an_assigned_shipment_is_booked_with_its_number_price_and_label(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    await a_shipment(database, *world)
    await carry(database)
    await desk.work()
    found = await facts(database)
    assert found.booking.state is BookingState.BOOKED
    assert (found.booking.reference, found.booking.tracking_number) == ("4711/1", "SW000001")
    assert (found.shipment.carrier_tracking_number, found.shipment.actual_minor) == ("SW000001", 610)
    assert found.booking.label_key is not None
    assert await desk.blobs.get(found.booking.label_key) == LABEL
    assert carrier_server.calls[0] == "POST /shipments"
    assert await log_types(database, "booking.") == ["booking.booked"]


async def test_reading_the_log_twice_and_working_side_by_side_books_once(
    database: Database,
    desk: CarrierDesk,
    world: tuple[FulfilmentNode, Carrier],
    carrier_server: CarrierServer,
    tmp_path: Path,
) -> None:
    for number in range(5):
        await a_shipment(database, *world, reference=f"O{number}")
    await carry(database)
    await carry(database)
    other = a_desk(database, tmp_path, SECRETS)
    carrier = world[1].id
    await asyncio.gather(*(one.book(carrier) for one in (desk, other, desk, other)))
    found = await facts(database)
    assert [booking.state for booking in found.bookings] == [BookingState.BOOKED] * 5
    assert carrier_server.calls.count("POST /shipments") == 5


async def test_a_carrier_without_a_gateway_is_not_booked(database: Database, desk: CarrierDesk) -> None:
    node, carrier = await a_world(database, on_hand=100)
    await a_shipment(database, node, carrier)
    await carry(database)
    assert (await facts(database)).bookings == []


async def test_an_answer_that_was_lost_is_found_at_the_next_try(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    await a_shipment(database, *world)
    await carry(database)
    carrier_server.lose_answer()
    await desk.book(world[1].id)
    waiting = (await facts(database)).booking
    assert (waiting.state, waiting.error_code) == (BookingState.QUEUED, "CARRIER_UNREACHABLE")
    assert waiting.leased_until is not None
    assert waiting.leased_until > clock.wall_now()
    assert await desk.book(world[1].id) == 0
    await make_due(database)
    await desk.book(world[1].id)
    found = await facts(database)
    assert (found.booking.state, found.booking.tracking_number) == (BookingState.BOOKED, "SW000001")
    assert carrier_server.calls == ["POST /shipments", "GET /shipments"]


async def test_a_worker_that_dies_between_the_call_and_the_record_makes_no_second_booking(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    await a_shipment(database, *world)
    await carry(database)
    async with database.transaction() as session:
        (errand,) = await operations.claim_due(
            session,
            carrier_id=world[1].id,
            now=clock.now(),
            wall=clock.wall_now(),
            lease=timedelta(seconds=60),
            limit=5,
        )
    gateway = await desk._gateway(errand.carrier, errand.gateway)
    await gateway.book(errand.consignment)  # and here the worker dies
    assert await desk.book(world[1].id) == 0
    await make_due(database)
    await desk.book(world[1].id)
    found = await facts(database)
    assert found.booking.state is BookingState.BOOKED
    assert carrier_server.bookings == {"4711/1": "SW000001"}
    assert carrier_server.calls == ["POST /shipments", "GET /shipments"]


async def test_a_refusal_fails_for_good_and_opens_an_exception_that_success_closes(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    await a_shipment(database, *world)
    await carry(database)
    carrier_server.troubles.append(JSONResponse({"fault": {"code": "E17", "text": "No such street"}}, status_code=422))
    await desk.work()
    found = await facts(database)
    assert (found.booking.state, found.booking.error_code) == (BookingState.FAILED, "CARRIER_422")
    (case,) = found.cases
    assert (case.kind, case.subject_reference, case.severity.value) == ("BOOKING_FAILED", "4711/1", "CRITICAL")
    assert case.suggestion is not None
    assert case.suggestion["summary"].startswith("Swift answered 422 (E17): No such street")
    assert carrier_server.calls == ["POST /shipments"]
    async with database.transaction() as session:
        await operations.retry(session, reference="4711/1", actor=DISPATCHER, now=clock.now())
    await desk.work()
    found = await facts(database)
    assert found.booking.state is BookingState.BOOKED
    assert [case.state.value for case in found.cases] == ["RESOLVED"]


async def test_an_outage_is_tried_again_with_longer_waits_and_then_given_up(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    await a_shipment(database, *world)
    await carry(database)
    for attempts, wait in ((0, 5), (5, 3600), (6, None)):
        async with database.transaction() as session:
            await session.execute(update(Booking).values(leased_until=None, attempts=attempts))
        carrier_server.troubles.extend([Response(status_code=503, headers={"retry-after": "9"})] * 2)
        started = clock.wall_now()
        await desk.book(world[1].id)
        carrier_server.troubles.clear()
        booking = (await facts(database)).booking
        if wait is None:
            assert booking.leased_until is None
        else:
            assert booking.leased_until is not None
            assert wait <= (booking.leased_until - started).total_seconds() < wait + 30
    found = await facts(database)
    assert (found.booking.state, found.booking.error_code) == (BookingState.FAILED, "CARRIER_503")
    assert [case.kind for case in found.cases] == ["BOOKING_FAILED"]


async def cancel(database: Database, shipment: Shipment) -> None:
    async with database.transaction() as session:
        await cancellation.cancel(session, shipment, actor=SYSTEM, now=clock.now(), reason="TEST")


async def test_a_cancelled_shipment_is_cancelled_with_its_carrier(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    shipment = await a_shipment(database, *world)
    await carry(database)
    await desk.book(world[1].id)
    await cancel(database, shipment)
    await carry(database)
    await desk.book(world[1].id)
    assert (await facts(database)).booking.state is BookingState.CANCELLED
    assert carrier_server.cancelled == ["SW000001"]
    assert await log_types(database, "booking.") == ["booking.booked", "booking.cancelled"]


async def test_a_booking_that_was_never_sent_is_cancelled_without_a_call(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    shipment = await a_shipment(database, *world)
    await carry(database)
    await cancel(database, shipment)
    await carry(database)
    await desk.book(world[1].id)
    assert (await facts(database)).booking.state is BookingState.CANCELLED
    assert carrier_server.calls == []


async def test_a_cancellation_that_the_carrier_refuses_needs_a_person(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    shipment = await a_shipment(database, *world)
    await carry(database)
    await desk.book(world[1].id)
    await cancel(database, shipment)
    await carry(database)
    carrier_server.troubles.append(JSONResponse({"fault": {"text": "On the van already"}}, status_code=409))
    await desk.book(world[1].id)
    found = await facts(database)
    assert found.booking.state is BookingState.FAILED
    assert [case.kind for case in found.cases] == ["BOOKING_CANCELLATION_FAILED"]


async def test_a_booking_called_off_while_it_is_made_is_cancelled_afterwards(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    shipment = await a_shipment(database, *world)
    await carry(database)
    async with database.transaction() as session:
        (errand,) = await operations.claim_due(
            session,
            carrier_id=world[1].id,
            now=clock.now(),
            wall=clock.wall_now(),
            lease=timedelta(seconds=60),
            limit=5,
        )
    await cancel(database, shipment)
    await carry(database)
    await desk._run(errand)
    waiting = (await facts(database)).booking
    assert (waiting.state, waiting.tracking_number) == (BookingState.CANCELLING, "SW000001")
    await desk.book(world[1].id)
    assert (await facts(database)).booking.state is BookingState.CANCELLED
    assert carrier_server.cancelled == ["SW000001"]


async def test_milestones_are_asked_for_until_the_shipment_has_ended(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    await a_shipment(database, *world, now=clock.now())
    await carry(database)
    await desk.book(world[1].id)
    carrier_server.tracking = {
        "number": "SW000001",
        "events": [
            {"id": "2", "code": "DLV", "when": clock.now().isoformat(), "signed_by": "Rosa"},
            {"id": "1", "code": "PU", "when": (clock.now() - timedelta(hours=1)).isoformat()},
        ],
    }
    assert await desk.track() == 0  # not due yet
    for expected in (1, 0):
        async with database.transaction() as session:
            await session.execute(update(Booking).values(track_due_at=clock.now()))
        assert await desk.track() == expected
    found = await facts(database)
    assert found.shipment.state is ShipmentState.DELIVERED
    async with database.reading() as session:
        attempts = list(await session.scalars(select(DeliveryAttempt)))
        notices = list(await session.scalars(select(CarrierNotice).order_by(col(CarrierNotice.at))))
    assert len(attempts) == 1
    assert [(one.event_id, one.state) for one in notices] == [("1", NoticeState.TAKEN), ("2", NoticeState.TAKEN)]
    assert carrier_server.calls.count("GET /tracking/SW000001") == 1


async def test_a_carrier_that_answers_slowly_holds_up_no_other(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    node, swift = world
    async with database.transaction() as session:
        session.add(a_carrier("rival"))
    async with database.reading() as session:
        rival = (await session.scalars(select(Carrier).where(col(Carrier.reference) == "rival"))).one()
    async with running() as rivals_server:
        await a_gateway(database, rival, GatewayKind.REST, rest_document(rivals_server.url), desk)
        await a_shipment(database, node, swift, reference="SLOW")
        carrier_server.lose_answer()
        await carry(database)
        await desk.start()
        await a_shipment(database, node, rival, reference="FAST")
        await carry(database)
        while "POST /shipments" not in rivals_server.calls:
            await desk.start()
            await asyncio.sleep(0.02)
        await desk.work()
    states = {one.reference: one.state for one in (await facts(database)).bookings}
    assert states == {"SLOW/1": BookingState.QUEUED, "FAST/1": BookingState.BOOKED}


async def test_an_accepted_tender_is_booked_and_a_withdrawn_one_cancelled(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    shipment = await a_shipment(database, *world, mode=TenderMode.ASK, now=clock.now())
    await carry(database)
    await desk.work()
    assert carrier_server.calls == []
    async with database.transaction() as session:
        tender = (await session.scalars(select(Tender))).one()
        await tenders.accept(session, tender_id=tender.id, actor=SYSTEM, now=clock.now())
    await carry(database)
    await desk.work()
    booking = (await facts(database)).booking
    assert (booking.state, booking.tender_id) == (BookingState.BOOKED, tender.id)
    await cancel(database, shipment)
    await carry(database)
    await desk.work()
    assert (await facts(database)).booking.state is BookingState.CANCELLED
    assert carrier_server.cancelled == ["SW000001"]


async def test_a_number_that_another_shipment_has_is_not_taken_over(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    for reference in ("A1", "A2"):
        await a_shipment(database, *world, reference=reference)
    await carry(database)
    answer = {"shipment": {"id": "x", "tracking": "SAME"}}
    carrier_server.troubles.extend([JSONResponse(answer), JSONResponse(answer)])
    await desk.work()
    found = await facts(database)
    assert sorted((one.state.value, one.error_code or "") for one in found.bookings) == [
        ("BOOKED", ""),
        ("FAILED", "TRACKING_NUMBER_TAKEN"),
    ]
    assert [case.kind for case in found.cases] == ["BOOKING_FAILED"]


async def test_a_label_that_will_never_come_leaves_the_booking_standing(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    document = rest_document(carrier_server.url, label={"method": "GET", "path": "/labels/${booking_id}"})
    del document["book"]["answer"]["label"]
    await a_gateway(database, world[1], GatewayKind.REST, document, desk)
    await a_shipment(database, *world)
    await carry(database)
    await desk.work()
    found = await facts(database)
    assert (found.booking.state, found.booking.label_key) == (BookingState.BOOKED, None)
    assert [case.kind for case in found.cases] == ["BOOKING_LABEL_MISSING"]
    assert carrier_server.calls == ["POST /shipments", "GET /labels/id-SW000001"]


async def test_words_that_no_database_holds_are_taken_without_them(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], carrier_server: CarrierServer
) -> None:
    await a_shipment(database, *world)
    await carry(database)
    carrier_server.troubles.append(
        Response('{"shipment": {"id": "a\\u0000b", "tracking": "N\\u00001"}}', media_type="application/json")
    )
    await desk.work()
    found = await facts(database)
    assert (found.booking.state, found.booking.tracking_number, found.booking.carrier_booking_id) == (
        BookingState.BOOKED,
        "N1",
        "ab",
    )


async def test_milestones_in_any_order_end_alike(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier]
) -> None:
    """Every order of three milestones, each told twice and alone, as two channels might."""
    told = [("PU", 4), ("FAIL", 2), ("DLV", 1)]
    orders = list(itertools.permutations(told))
    for number in range(len(orders)):
        await a_shipment(database, *world, reference=f"P{number:02}")
    await carry(database)
    await desk.work()
    vocabulary = Vocabulary.model_validate(rest_document("x")["vocabulary"])
    async with database.transaction() as session:
        for number, order in enumerate(orders):
            for code, hours_ago in order:
                event = CarrierEvent(
                    event_id=f"{number}-{code}",
                    kind=vocabulary.milestones[code] or MilestoneKind.LOST,
                    at=clock.now() - timedelta(hours=hours_ago),
                    reference=f"P{number:02}/1",
                    reason=FailureReason.NOT_HOME if code == "FAIL" else None,
                )
                await notices.take(session, world[1], [event, event], source=NoticeSource.POLL, now=clock.now())
    found = await facts(database)
    assert {one.state for one in found.shipments} == {ShipmentState.DELIVERED}
    assert found.cases == []


async def test_the_own_fleet_is_booked_by_its_own_reference_with_a_label(database: Database, desk: CarrierDesk) -> None:
    node, carrier = await a_world(database)
    await a_gateway(database, carrier, GatewayKind.OWN_FLEET, {}, desk)
    await a_shipment(database, node, carrier)
    await carry(database)
    await desk.work()
    found = await facts(database)
    assert (found.booking.state, found.shipment.carrier_tracking_number) == (BookingState.BOOKED, "4711/1")
    assert found.booking.label_key is not None
    assert (await desk.blobs.get(found.booking.label_key)).startswith(b"^XA")


async def test_no_secret_reaches_the_database_or_the_log(
    database: Database,
    desk: CarrierDesk,
    world: tuple[FulfilmentNode, Carrier],
    carrier_server: CarrierServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    held = [secret.get_secret_value() for secret in SECRETS.values()]
    await a_shipment(database, *world)
    await carry(database)
    echo = {"fault": {"code": held[0], "text": f"You sent {held[0]} and {held[1]}"}}
    carrier_server.troubles.append(JSONResponse(echo, status_code=422))
    await desk.work()
    assert carrier_server.seen[0].headers["x-api-key"] == held[0]
    kept = ""
    async with database.reading() as session:
        for table in metadata.sorted_tables:
            rows = await session.scalars(text(f'select row_to_json(found)::text from "{table.name}" found'))
            kept += "".join(rows)
    assert "You sent … and …" in kept
    told = capsys.readouterr()
    assert not [secret for secret in held if secret in kept + told.out + told.err]
