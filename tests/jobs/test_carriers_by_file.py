"""EDI carriers end to end: load tenders written, answers and milestones read, each file once, all in real folders."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.carriers.edi import x12
from app.carriers.edi.x12 import Party, Segment
from app.core import clock
from app.core.database import Database
from app.jobs.carriers import CarrierDesk
from app.models import (
    Booking,
    BookingState,
    Carrier,
    ExceptionCase,
    ExceptionState,
    FulfilmentNode,
    GatewayKind,
    Interchange,
    InterchangeDirection,
    InterchangeState,
    ShipmentState,
    Tender,
    TenderMode,
    TenderState,
)
from app.orchestration.tenders import cancellation
from app.orchestration.tenders import operations as tenders
from tests.carriers.documents import SECRETS, edi_document
from tests.factories.bookings import a_desk, a_gateway, a_shipment, carry, facts
from tests.factories.stock import a_world

HAULER = Party(qualifier="ZZ", id="HAULER", group_id="HAULER")
US = Party(qualifier="ZZ", id="DOORSTEP", group_id="DOORSTEP")


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> CarrierDesk:
    return a_desk(database, tmp_path, SECRETS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "edi" / "hauler"


@pytest.fixture
async def world(database: Database, desk: CarrierDesk) -> tuple[FulfilmentNode, Carrier]:
    """Node LIS, and carrier swift behind its folder."""
    node, carrier = await a_world(database)
    await a_gateway(database, carrier, GatewayKind.EDI, edi_document(), desk)
    return node, carrier


def drop(folder: Path, number: int, code: str, *sets: Sequence[Segment], name: str | None = None) -> Path:
    """Puts a file of the carrier's into our `in`."""
    text = x12.written(
        sender=HAULER, receiver=US, control_number=number, code=code, sets=sets, made_at=clock.now(), usage="T"
    )
    path = folder / "in" / (name or f"{code}_{number}.x12")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def written(folder: Path, code: str) -> list[x12.Interchange]:
    """Our files of one kind, in order."""
    return [x12.read(path.read_text()) for path in sorted((folder / "out").glob(f"{code}_*.edi"))]


def names(folder: Path, where: str) -> list[str]:
    return sorted(path.name.partition("_")[2] for path in (folder / where).glob("*"))


def response(reference: str, action: str, *more: Segment) -> list[Segment]:
    return [("B1", "HAUL", reference, "20300517", action), *more]


def status(reference: str, code: str, at: datetime, why: str = "NS") -> list[Segment]:
    at7 = ("AT7", code, why, "", "", f"{at:%Y%m%d}", f"{at:%H%M}", "UT")
    return [("B10", "PRO-1", reference, "HAUL"), ("LX", "1"), at7]


async def tendered(database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier]) -> None:
    """Shipment 4711/1 is offered, and its 204 lies in the folder."""
    await a_shipment(database, *world, mode=TenderMode.ASK, now=clock.now())
    await carry(database)
    await desk.work()


def put_in_the_way(folder: Path) -> None:
    """A file where the folder `out` should be."""
    folder.mkdir(parents=True)
    (folder / "out").write_text("in the way")


async def the_tender(database: Database) -> Tender:
    async with database.reading() as session:
        return (await session.scalars(select(Tender))).one()


async def interchanges(database: Database) -> list[tuple[str, str, str]]:
    async with database.reading() as session:
        found = await session.scalars(select(Interchange).order_by(col(Interchange.id)))
        return [(one.direction.value, one.purpose, one.state.value) for one in found]


async def test_an_offer_goes_out_as_a_sound_204_and_a_990_accepts_it(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    await tendered(database, desk, world)
    (sent,) = written(folder, "204")
    assert (sent.sender_id, sent.receiver_id, sent.control_number, sent.faults) == ("DOORSTEP", "HAULER", 1, ())
    (group,) = sent.groups
    (load,) = group.sets
    assert (group.functional_id, load.code) == ("SM", "204")
    assert load.first("B2") == ("B2", "", "HAUL", "", "4711/1", "", "PP")
    assert load.first("B2A") == ("B2A", "00")
    assert [one[1:3] for one in load.all("N1")] == [("SF", "Node LIS"), ("ST", "CONSIGNEE")]
    assert [one[1] for one in load.all("N3")] == ["Rua do Armazem 1"]  # the street follows when it has accepted
    assert load.first("L3") == ("L3", "4.5", "G", "", "", "500")
    assert (await facts(database)).booking.state is BookingState.SENT
    drop(folder, 901, "990", response("4711/1", "A", ("N9", "CN", "PRO-1")))
    await desk.work()
    found = await facts(database)
    assert (await the_tender(database)).state is TenderState.ACCEPTED
    assert (found.shipment.state, found.shipment.carrier_tracking_number) == (ShipmentState.ASSIGNED, "PRO-1")
    assert (found.booking.state, found.booking.tracking_number) == (BookingState.BOOKED, "PRO-1")
    assert names(folder, "in") == []
    assert names(folder, "archive") == ["990_901.x12"]
    for _ in range(2):
        await carry(database)
        await desk.work()
        _, change = written(folder, "204")
    (load,) = change.groups[0].sets
    assert (change.faults, load.first("B2")[4], load.first("B2A")[1]) == ((), "4711/1", "04")
    assert [one[2] for one in load.all("N1")] == ["Node LIS", "Rosa"]
    assert [one[1] for one in load.all("N3")] == ["Rua do Armazem 1", "Rua Augusta 1"]


async def test_what_came_in_is_acknowledged_by_our_997(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    await tendered(database, desk, world)
    drop(folder, 901, "990", response("4711/1", "A"), response("nothing of ours", "A"))
    await desk.work()
    (sent,) = written(folder, "997")
    assert sent.faults == ()
    (answer,) = sent.groups[0].sets
    assert answer.segments == (
        ("AK1", "GF", "901"),
        ("AK2", "990", "0001"),
        ("AK5", "A"),
        ("AK2", "990", "0002"),
        ("AK5", "R", "5"),
        ("AK9", "P", "2", "2", "1"),
    )
    found = await facts(database)
    assert found.booking.state is BookingState.BOOKED
    assert [case.kind for case in found.cases] == ["EDI_FILE_REFUSED"]


async def test_a_990_that_declines_rejects_the_tender_and_sends_no_cancellation(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    await tendered(database, desk, world)
    drop(folder, 901, "990", response("4711/1", "D", ("K1", "No driver")))
    await desk.work()
    tender = await the_tender(database)
    assert (tender.state, tender.reason) == (TenderState.REJECTED, "No driver")
    assert (await facts(database)).bookings[0].state is BookingState.DECLINED
    await carry(database)
    await desk.work()
    assert len(written(folder, "204")) == 1


async def test_an_offer_that_ran_out_is_called_off_and_a_late_yes_changes_nothing(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    await tendered(database, desk, world)
    async with database.transaction() as session:
        await tenders.expire_due(session, now=clock.now() + timedelta(days=1))
    drop(folder, 901, "990", response("4711/1", "A"))
    await desk.work()
    await carry(database)
    await desk.work()
    assert (await the_tender(database)).state is TenderState.EXPIRED
    assert (await facts(database)).bookings[0].state is BookingState.CANCELLED
    original, cancellation_ = written(folder, "204")
    assert [one.groups[0].sets[0].first("B2A")[1] for one in (original, cancellation_)] == ["00", "01"]
    assert "Augusta" not in "".join(path.read_text() for path in (folder / "out").iterdir())


async def test_milestones_by_214_come_once_and_in_any_order(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    await a_shipment(database, *world, now=clock.now())
    await carry(database)
    await desk.work()
    drop(folder, 900, "990", response("4711/1", "A", ("N9", "CN", "PRO-1")))
    at = clock.now().replace(second=0, microsecond=0)
    drop(folder, 905, "214", status("4711/1", "AH", at - timedelta(minutes=5), "B1"))
    drop(folder, 904, "214", status("4711/1", "AF", at - timedelta(hours=2)), status("4711/1", "X1", at))
    drop(folder, 906, "214", status("4711/1", "AF", at - timedelta(hours=2)))
    await desk.work()
    found = await facts(database)
    assert found.booking.state is BookingState.BOOKED
    assert found.shipment.state is ShipmentState.ATTEMPT_FAILED
    assert found.shipment.attempt_count == 1
    assert found.cases == []


@pytest.mark.parametrize("same_name", [True, False])
async def test_a_file_that_comes_twice_is_read_once(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path, same_name: bool
) -> None:
    await tendered(database, desk, world)
    path = drop(folder, 901, "990", response("4711/1", "A"))
    again = path.read_text()
    await desk.work()
    (folder / "in" / (path.name if same_name else "resent.x12")).write_text(again)
    await desk.work()
    assert len(written(folder, "997")) == 1
    assert len(names(folder, "archive")) == 2
    assert (await facts(database)).cases == []


async def test_another_file_under_a_used_control_number_is_refused(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    await tendered(database, desk, world)
    drop(folder, 901, "214", status("4711/1", "X1", clock.now()))
    await desk.work()
    drop(folder, 901, "990", response("4711/1", "A"))
    await desk.work()
    found = await facts(database)
    assert found.booking.state is BookingState.SENT
    assert [case.kind for case in found.cases] == ["EDI_FILE_REFUSED"]
    assert names(folder, "failed") == ["990_901.x12"]


DAMAGES: dict[str, Callable[[str], str]] = {
    "a wrong count of segments": lambda text: text.replace("SE*3*", "SE*9*"),
    "a group that ends as another": lambda text: text.replace("GE*1*", "GE*1*9"),
    "an interchange that ends as another": lambda text: text.replace("IEA*1*0", "IEA*1*9"),
    "another sender": lambda text: text.replace("HAULER         ", "SOMEBODY       "),
    "another receiver": lambda text: text.replace("DOORSTEP       ", "NEIGHBOUR      "),
    "no ISA": lambda text: text.replace("ISA", "XSA"),
    "cut off": lambda text: text[:60],
    "empty": lambda text: "",
    "two in one": lambda text: text + text,
}


async def test_a_damaged_or_foreign_file_changes_nothing_and_is_told(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    await tendered(database, desk, world)
    long_ago = (clock.wall_now() - timedelta(hours=1)).timestamp()
    for number, (name, damage) in enumerate(DAMAGES.items(), start=901):
        path = drop(folder, number, "990", response("4711/1", "A"))
        path.write_text(damage(path.read_text()))
        os.utime(path, (long_ago, long_ago))
        await desk.work()
        found = await facts(database)
        assert found.booking.state is BookingState.SENT, name
        assert [case.kind for case in found.cases] == ["EDI_FILE_REFUSED"], name
        assert names(folder, "in") == [], name
    assert (await the_tender(database)).state is TenderState.OFFERED


async def test_a_file_that_is_still_arriving_is_left_alone(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    await tendered(database, desk, world)
    path = drop(folder, 901, "990", response("4711/1", "A"))
    whole = path.read_text()
    path.write_text(whole[:-30])
    drop(folder, 902, "990", response("4711/1", "D"), name=".990_902.tmp")
    await desk.work()
    assert (await facts(database)).booking.state is BookingState.SENT
    path.write_text(whole)
    await desk.work()
    assert (await facts(database)).booking.state is BookingState.BOOKED


async def test_a_997_is_matched_with_our_file_and_a_rejection_fails_the_booking(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    for reference in ("A1", "A2"):
        await a_shipment(database, *world, reference=reference, now=clock.now())
    await carry(database)
    await desk.work()
    drop(folder, 950, "997", [("AK1", "SM", "1"), ("AK2", "204", "0001"), ("AK5", "A"), ("AK9", "A", "1", "1", "1")])
    bad = [
        ("AK1", "SM", "2"),
        ("AK2", "204", "0001"),
        ("AK3", "N4", "9"),
        ("AK5", "R", "5"),
        ("AK9", "R", "1", "1", "0"),
    ]
    drop(folder, 951, "997", bad)
    await desk.work()
    found = await facts(database)
    assert [(one.state, one.error_code) for one in found.bookings] == [
        (BookingState.SENT, None),
        (BookingState.FAILED, "EDI_REJECTED"),
    ]
    assert [case.kind for case in found.cases] == ["BOOKING_FAILED"]
    assert written(folder, "997") == []  # an acknowledgement is never acknowledged
    async with database.reading() as session:
        ours = await session.scalars(
            select(Interchange)
            .where(col(Interchange.direction) == InterchangeDirection.OUT)
            .order_by(col(Interchange.control_number))
        )
        assert [one.state for one in ours] == [InterchangeState.ACCEPTED, InterchangeState.REJECTED]


async def test_a_cancelled_shipment_is_called_off_by_a_204_of_its_own_number(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    shipment = await a_shipment(database, *world, now=clock.now())
    await carry(database)
    await desk.work()
    async with database.transaction() as session:
        await cancellation.cancel(session, shipment, actor=SYSTEM, now=clock.now())
    await carry(database)
    await desk.work()
    assert (await facts(database)).booking.state is BookingState.CANCELLED
    assert [(one.control_number, one.groups[0].sets[0].first("B2A")[1]) for one in written(folder, "204")] == [
        (1, "00"),
        (2, "01"),
    ]
    assert await interchanges(database) == [("OUT", "204-00", "WRITTEN"), ("OUT", "204-01", "WRITTEN")]


async def test_a_worker_that_dies_after_writing_writes_the_same_file_again(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    await tendered(database, desk, world)
    (path,) = (folder / "out").glob("204_*.edi")
    before = path.read_text()
    async with database.transaction() as session:  # as if its record had never been made
        await session.execute(update(Booking).values(state=BookingState.QUEUED, leased_until=None))
        await session.execute(update(Interchange).values(state=InterchangeState.QUEUED))
    await desk.work()
    (path,) = (folder / "out").glob("204_*.edi")
    assert path.read_text() == before
    assert (await facts(database)).booking.state is BookingState.SENT


async def test_a_folder_that_cannot_be_written_is_tried_again(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    put_in_the_way(folder)
    await tendered(database, desk, world)
    waiting = (await facts(database)).booking
    assert (waiting.state, waiting.error_code) == (BookingState.QUEUED, "FOLDER_UNWRITABLE")
    (folder / "out").unlink()
    async with database.transaction() as session:
        await session.execute(update(Booking).values(leased_until=None))
    await desk.work()
    assert (await facts(database)).booking.state is BookingState.SENT
    assert len(written(folder, "204")) == 1


async def test_silence_of_a_day_is_told_once(
    database: Database, desk: CarrierDesk, world: tuple[FulfilmentNode, Carrier], folder: Path
) -> None:
    await a_shipment(database, *world, now=clock.now())
    await carry(database)
    await desk.work()
    assert (await facts(database)).cases == []
    async with database.transaction() as session:
        long_ago = clock.now() - timedelta(hours=25)
        await session.execute(update(Booking).values(created_at=long_ago))
        await session.execute(update(Interchange).values(created_at=long_ago))
    for _ in range(2):
        await desk.work()
        cases = (await facts(database)).cases
        assert sorted(case.kind for case in cases) == ["BOOKING_UNANSWERED", "EDI_FILE_UNACKNOWLEDGED"]
        async with database.transaction() as session:
            await session.execute(update(ExceptionCase).values(state=ExceptionState.DISMISSED))
    drop(folder, 901, "990", response("4711/1", "A"))
    await desk.work()
    assert (await facts(database)).booking.state is BookingState.BOOKED
