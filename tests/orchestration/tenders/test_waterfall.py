"""Carriers are asked in order of value, or several at once, until one takes the shipment."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.core.errors import Conflict
from app.models import (
    Allocation,
    Carrier,
    Decision,
    DecisionKind,
    Event,
    ExceptionCase,
    JobKind,
    Order,
    OrderState,
    ShipmentState,
    TenderState,
)
from app.orchestration.tenders import lateness, operations
from tests.factories.planning import NOON, run, third_party
from tests.factories.tendering import accept, booked, caller, offered_to, reject, story, tender_of, the_shipment, three


async def test_what_one_declines_and_one_overlooks_the_third_takes_with_its_place_on_the_day(
    database: Database,
) -> None:
    alfa, _beta, gama = carriers = three()
    await offered_to(database, carriers)
    assert await story(database) == [("alfa", "OFFERED")]
    await reject(database, alfa)
    assert await story(database) == [("alfa", "REJECTED"), ("beta", "OFFERED"), ("gama", "QUEUED")]
    assert await booked(database) == {"beta": 1}
    later = clock.now() + timedelta(minutes=16)
    assert await database.run(lambda session: operations.expire_due(session, now=later)) == 1
    assert await story(database) == [("alfa", "REJECTED"), ("beta", "EXPIRED"), ("gama", "OFFERED")]
    await accept(database, gama, later)
    shipment = await the_shipment(database)
    assert (shipment.carrier_id, shipment.state) == (gama.id, ShipmentState.ASSIGNED)
    assert shipment.actual_minor == (await tender_of(database, gama)).price_minor
    assert await booked(database) == {"gama": 1}
    async with database.reading() as session:
        allocation = (await session.scalars(select(Allocation))).one()
        assert allocation.carrier_id == gama.id
        decisions = list(await session.scalars(select(Decision).where(col(Decision.kind) == DecisionKind.TENDER)))
        (why,) = decisions
        assert why.chosen is not None
        assert why.chosen["carrier"] == "beta"
        assert [way["rejectedBecause"]["code"] for way in why.alternatives] == ["COSTS_MORE", "REJECTED"]


async def test_after_the_last_carrier_the_order_is_allocated_again_and_says_who_declined(database: Database) -> None:
    carriers = three()
    await offered_to(database, carriers)
    for carrier in carriers:
        await reject(database, carrier)
    async with database.reading() as session:
        assert (await session.scalars(select(Order))).one().state is OrderState.RECEIVED
    assert await booked(database) == {}
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    async with database.reading() as session:
        order = (await session.scalars(select(Order))).one()
        assert order.unassigned is not None
        assert order.unassigned["code"] == "CARRIER_DECLINED"
        assert [case.kind for case in await session.scalars(select(ExceptionCase))] == ["ORDER_UNALLOCATED"]


async def test_a_carrier_whose_day_is_full_is_passed_over(database: Database) -> None:
    alfa, beta, _gama = carriers = three()
    await offered_to(database, carriers)
    async with database.transaction() as session:
        found = await session.get(Carrier, beta.id)
        assert found is not None
        found.daily_limit = 0
    await reject(database, alfa)
    assert await story(database) == [("alfa", "REJECTED"), ("beta", "ERRORED"), ("gama", "OFFERED")]


async def test_the_own_fleet_is_told_when_its_turn_comes(database: Database) -> None:
    alfa, beta, gama, own = carriers = three(own=True)
    await offered_to(database, carriers)
    for carrier in (alfa, beta, gama):
        await reject(database, carrier)
    shipment = await the_shipment(database)
    assert (shipment.carrier_id, shipment.state) == (own.id, ShipmentState.ASSIGNED)
    assert (await story(database))[-1] == ("own", "ACCEPTED")


async def test_of_several_asked_at_once_exactly_one_gets_it(database: Database) -> None:
    _alfa, _beta, _gama = carriers = three()
    await offered_to(database, carriers, tendering={"atOnce": 3})
    assert await story(database) == [("alfa", "OFFERED"), ("beta", "OFFERED"), ("gama", "OFFERED")]
    ends = await asyncio.gather(*(accept(database, carrier) for carrier in carriers), return_exceptions=True)
    refused = [end for end in ends if isinstance(end, Conflict)]
    assert [error.code for error in refused] == ["TENDER_TAKEN", "TENDER_TAKEN"]
    winner = carriers[ends.index(None)]
    shipment = await the_shipment(database)
    assert (shipment.carrier_id, shipment.state) == (winner.id, ShipmentState.ASSIGNED)
    assert await booked(database) == {winner.reference: 1}
    assert sorted(state for _, state in await story(database)) == ["ACCEPTED", "WITHDRAWN", "WITHDRAWN"]


async def test_while_one_of_several_may_still_answer_nobody_else_is_asked(database: Database) -> None:
    alfa, beta, _ = carriers = three()
    await offered_to(database, carriers, tendering={"atOnce": 2})
    await reject(database, alfa)
    assert await story(database) == [("alfa", "REJECTED"), ("beta", "OFFERED"), ("gama", "QUEUED")]
    await reject(database, beta)
    assert (await story(database))[-1] == ("gama", "OFFERED")


async def test_a_small_counter_price_is_agreed_to_once(database: Database) -> None:
    alfa, *_ = carriers = three()
    await offered_to(database, carriers, tendering={"counterAbovePercent": 10})
    price = (await tender_of(database, alfa)).price_minor
    await reject(database, alfa, counter=price + 20)
    again = await tender_of(database, alfa)
    assert (again.state, again.price_minor) == (TenderState.OFFERED, price + 20)
    await reject(database, alfa, counter=price + 30)
    assert [state for _, state in await story(database)] == ["REJECTED", "REJECTED", "OFFERED", "QUEUED"]


async def test_goods_that_nobody_fetched_in_time_go_to_the_next_carrier(database: Database) -> None:
    alfa, beta, _ = carriers = three()
    await offered_to(database, carriers)
    await accept(database, alfa)
    end = NOON + timedelta(hours=4)
    early, late = end - timedelta(minutes=91), end - timedelta(minutes=89)
    assert await database.run(lambda session: lateness.watch(session, now=early)) == 0
    assert await database.run(lambda session: lateness.watch(session, now=late)) == 1
    assert await story(database) == [("alfa", "WITHDRAWN"), ("beta", "OFFERED"), ("gama", "QUEUED")]
    assert (await tender_of(database, beta)).respond_by == late + timedelta(minutes=15)
    shipment = await the_shipment(database)
    assert (shipment.carrier_id, shipment.state) == (beta.id, ShipmentState.TENDERED)
    assert await booked(database) == {"beta": 1}
    assert await database.run(lambda session: lateness.watch(session, now=late)) == 0


async def test_a_late_carrier_keeps_what_nobody_else_can_take_and_a_person_is_told(database: Database) -> None:
    alfa = third_party("alfa")
    await offered_to(database, [alfa])
    await accept(database, alfa)
    late = NOON + timedelta(hours=3)
    assert await database.run(lambda session: lateness.watch(session, now=late)) == 1
    assert await database.run(lambda session: lateness.watch(session, now=late)) == 0
    assert await story(database) == [("alfa", "ACCEPTED")]
    assert (await the_shipment(database)).state is ShipmentState.ASSIGNED
    async with database.reading() as session:
        case = (await session.scalars(select(ExceptionCase))).one()
        assert (case.kind, (case.suggestion or {})["action"]) == ("PICK_UP_LATE", "CALL_CARRIER")
        withdrawn = await session.scalars(select(Event).where(col(Event.type) == "tender.withdrawn"))
        assert list(withdrawn) == []


async def test_an_offer_to_another_is_not_there_to_be_answered_or_seen(database: Database) -> None:
    alfa, beta, _ = carriers = three()
    await offered_to(database, carriers)
    await reject(database, alfa)
    theirs = await tender_of(database, beta)
    with pytest.raises(Exception, match="There is no tender"):
        async with database.transaction() as session:
            await operations.accept(session, tender_id=theirs.id, actor=caller(alfa), now=clock.now())
    assert (await story(database))[1] == ("beta", "OFFERED")
