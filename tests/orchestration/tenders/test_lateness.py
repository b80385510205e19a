"""Goods that nobody fetches: carriers that are told instead of asked, and our own vans."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.models import (
    Booking,
    BookingState,
    Carrier,
    ExceptionCase,
    ExceptionState,
    JobKind,
    Order,
    OrderState,
    Shipment,
    ShipmentState,
    Tender,
    TenderMode,
    TenderState,
)
from app.orchestration.corrections import operations as corrections
from app.orchestration.tenders import lateness
from tests.client import DISPATCHER
from tests.factories.planning import NOON, run
from tests.factories.routes import PLAIN, a_published_route
from tests.factories.tendering import accept, booked, offered_to, reject, rules, story, tender_of, the_shipment, three

LATE = NOON + timedelta(hours=4) - timedelta(minutes=89)


def told_first() -> list[Carrier]:
    """Alfa takes what it is given; beta and gama want to be asked."""
    carriers = three()
    carriers[0].tender_mode = TenderMode.AUTOMATIC
    return carriers


async def watch(database: Database, now: datetime = LATE) -> int:
    return await database.run(lambda session: lateness.watch(session, now=now))


async def the_case(database: Database) -> ExceptionCase:
    async with database.reading() as session:
        return (await session.scalars(select(ExceptionCase))).one()


async def test_what_a_carrier_that_is_never_asked_does_not_fetch_goes_to_the_next(database: Database) -> None:
    alfa, beta, _ = carriers = told_first()
    await offered_to(database, carriers)
    shipment = await the_shipment(database)
    assert (await story(database), shipment.state) == ([], ShipmentState.ASSIGNED)
    async with database.transaction() as session:
        session.add(Booking(shipment_id=shipment.id, carrier_id=alfa.id, reference="B1", state=BookingState.BOOKED))
    assert await watch(database, LATE - timedelta(minutes=2)) == 0
    assert await watch(database) == 1
    assert await story(database) == [("alfa", "WITHDRAWN"), ("beta", "OFFERED"), ("gama", "QUEUED")]
    shipment = await the_shipment(database)
    assert (shipment.carrier_id, shipment.state) == (beta.id, ShipmentState.TENDERED)
    assert await booked(database) == {"beta": 1}
    theirs = await tender_of(database, alfa)
    assert (theirs.reason, theirs.price_minor) == ("NOT_PICKED_UP", 500)
    async with database.reading() as session:
        assert (await session.scalars(select(col(Booking.tender_id)))).one() == theirs.id
    assert await watch(database) == 0


async def test_after_the_others_declined_it_is_not_allocated_to_the_late_carrier_again(database: Database) -> None:
    _, beta, gama = carriers = told_first()
    await offered_to(database, carriers)
    await watch(database)
    await reject(database, beta, now=LATE)
    await reject(database, gama, now=LATE)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    async with database.reading() as session:
        order = (await session.scalars(select(Order))).one()
        assert order.state is OrderState.RECEIVED
        assert (order.unassigned or {})["code"] == "CARRIER_DECLINED"


async def test_the_own_fleet_is_told_in_place_of_a_late_carrier(database: Database) -> None:
    alfa, beta, gama, own = carriers = three(own=True)
    await offered_to(database, carriers)
    await reject(database, alfa)
    await reject(database, beta)
    await accept(database, gama)
    assert await watch(database) == 1
    shipment = await the_shipment(database)
    assert (shipment.carrier_id, shipment.state) == (own.id, ShipmentState.ASSIGNED)
    assert (await tender_of(database, own)).state is TenderState.ACCEPTED
    assert (await tender_of(database, gama)).state is TenderState.WITHDRAWN


async def test_where_the_policy_says_so_a_person_sends_it_another_way(database: Database) -> None:
    carriers = told_first()
    await offered_to(database, carriers, tendering={"retenderWhenLate": False})
    assert await watch(database) == 1
    case = await the_case(database)
    assert (case.kind, case.suggestion) == (
        "PICK_UP_LATE",
        {
            "action": "RETENDER",
            "summary": "A000/1 is Alfa's, but nobody has fetched it. Take it away and ask the next carrier in order of"
            " value.",
        },
    )
    assert await story(database) == []
    async with database.transaction() as session:
        await corrections.resolve(session, case_id=case.id, accept=True, note=None, actor=DISPATCHER, now=LATE)
    assert (await story(database))[:2] == [("alfa", "WITHDRAWN"), ("beta", "OFFERED")]


async def test_a_told_carrier_keeps_what_nobody_else_can_take(database: Database) -> None:
    alfa, *_ = told_first()
    await offered_to(database, [alfa])
    assert await watch(database) == 1
    assert ((await the_case(database)).suggestion or {})["action"] == "CALL_CARRIER"
    shipment = await the_shipment(database)
    assert (shipment.carrier_id, shipment.state) == (alfa.id, ShipmentState.ASSIGNED)
    async with database.reading() as session:
        assert list(await session.scalars(select(Tender))) == []


async def test_a_route_that_does_not_leave_is_told_once_and_settled_when_its_goods_are_loaded(
    database: Database,
) -> None:
    start = clock.now() + timedelta(hours=1)
    found = await a_published_route(database, PLAIN, starts_at=start)
    (shipment,) = found.shipments
    assert await watch(database, start + timedelta(minutes=29)) == 0
    assert await watch(database, start + timedelta(minutes=31)) == 1
    assert await watch(database, start + timedelta(minutes=32)) == 0
    case = await the_case(database)
    assert (case.subject_id, (case.suggestion or {})["action"]) == (shipment.id, "CALL_DRIVER")
    assert "R1, which should have left at" in (case.suggestion or {})["summary"]
    async with database.transaction() as session:
        stored = await session.get_one(Shipment, shipment.id)
        stored.state = ShipmentState.PICKED_UP
    await watch(database, start + timedelta(minutes=33))
    assert (await the_case(database)).state is ExceptionState.RESOLVED


async def test_the_policy_says_how_late_a_route_may_leave(database: Database) -> None:
    start = clock.now() + timedelta(hours=1)
    await rules(database, tendering={"startGraceMinutes": 60})
    await a_published_route(database, PLAIN, starts_at=start)
    assert await watch(database, start + timedelta(minutes=59)) == 0
    assert await watch(database, start + timedelta(minutes=61)) == 1
