"""Accepting what an exception suggests carries it out; dismissing it does the other thing."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.core.errors import Conflict
from app.core.ids import to_global
from app.models import (
    Decision,
    DecisionKind,
    ExceptionCase,
    ExceptionState,
    FailureReason,
    JobKind,
    MilestoneKind,
    Shipment,
    ShipmentState,
)
from app.orchestration.corrections import operations as corrections
from app.orchestration.shipments import milestones, returns
from app.orchestration.shipments.milestones import Milestone
from app.orchestration.tenders import lateness
from tests.client import DISPATCHER, Client
from tests.documents import document
from tests.factories.planning import NOON, run, third_party
from tests.factories.tendering import (
    accept,
    caller,
    offered_to,
    reject,
    rules,
    story,
    tender_of,
    the_shipment,
    three,
)

PROPOSE = {"mode": "PROPOSE"}


async def the_case(database: Database) -> ExceptionCase:
    """The only open case."""
    async with database.reading() as session:
        found = await session.scalars(select(ExceptionCase).where(col(ExceptionCase.state) == ExceptionState.OPEN))
        return found.one()


async def resolve(database: Database, case: ExceptionCase, *, accept: bool, at: Any = None) -> None:
    async with database.transaction() as session:
        await corrections.resolve(
            session, case_id=case.id, accept=accept, note=None, actor=DISPATCHER, now=at or clock.now()
        )


async def test_a_proposed_tender_waits_for_a_person_who_may_want_another_carrier(
    client: Client, database: Database
) -> None:
    alfa, beta, _ = carriers = three()
    await offered_to(database, carriers, autonomy={"TENDER": PROPOSE})
    assert await story(database) == [("alfa", "QUEUED")]
    assert (await the_shipment(database)).state is ShipmentState.PENDING
    desk = await client.run(document("carrier.graphql", "CarrierDesk"), {"first": 10}, as_=caller(alfa))
    assert desk["viewer"]["carrier"]["tenders"]["edges"] == []
    case = await the_case(database)
    assert (case.kind, (case.suggestion or {})["action"]) == ("TENDER_PROPOSED", "OFFER_TENDER")
    await resolve(database, case, accept=False)
    assert await story(database) == [("alfa", "WITHDRAWN"), ("beta", "QUEUED"), ("gama", "QUEUED")]
    async with database.reading() as session:
        overridden = await session.scalars(select(Decision).where(col(Decision.overridden_by) == "Dora"))
        (decision,) = overridden
        assert (decision.kind, decision.automatic) == (DecisionKind.TENDER, False)
    second = await the_case(database)
    variables = {"input": {"exceptionId": to_global("Exception", second.id), "accept": True}}
    answer = await client.run(document("console.graphql", "ResolveException"), variables, as_=DISPATCHER)
    assert answer["resolveException"]["exception"]["state"] == "RESOLVED"
    assert await story(database) == [("alfa", "WITHDRAWN"), ("beta", "OFFERED"), ("gama", "QUEUED")]
    shipment = await the_shipment(database)
    assert (shipment.carrier_id, shipment.state) == (beta.id, ShipmentState.TENDERED)


async def test_a_tender_is_offered_alone_where_the_decision_is_sure_enough(database: Database) -> None:
    carriers = three()
    await offered_to(database, carriers, autonomy={"TENDER": {"mode": "ACT_ABOVE_CONFIDENCE", "confidence": 1.0}})
    async with database.reading() as session:
        decision = (await session.scalars(select(Decision).where(col(Decision.kind) == DecisionKind.ALLOCATION))).one()
    sure = (decision.chosen or {}).get("probabilityOnTime") == 1.0
    assert (await story(database))[0] == ("alfa", "OFFERED" if sure else "QUEUED")


async def test_a_counter_price_that_a_person_agrees_to_is_what_the_carrier_is_offered_next(database: Database) -> None:
    alfa = third_party("alfa")
    await offered_to(database, [alfa])
    price = (await tender_of(database, alfa)).price_minor
    await reject(database, alfa, counter=price + 400)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    case = await the_case(database)
    assert (case.kind, (case.suggestion or {})["action"]) == ("ORDER_UNALLOCATED", "AGREE_TO_COUNTER_PRICE")
    await resolve(database, case, accept=True)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    again = await tender_of(database, alfa)
    assert (again.state.value, again.price_minor) == ("OFFERED", price + 400)


async def test_a_late_pick_up_is_tendered_again_when_a_person_says_so(database: Database) -> None:
    alfa, _, _ = carriers = three()
    await offered_to(database, carriers, tendering={"retenderWhenLate": False})
    await accept(database, alfa)
    late = NOON + timedelta(hours=3)
    assert await database.run(lambda session: lateness.watch(session, now=late)) == 1
    assert await story(database) == [("alfa", "ACCEPTED")]
    await resolve(database, await the_case(database), accept=True, at=late)
    assert await story(database) == [("alfa", "WITHDRAWN"), ("beta", "OFFERED"), ("gama", "QUEUED")]


async def test_what_can_no_longer_be_done_is_refused_and_the_case_stays_open(database: Database) -> None:
    alfa = third_party("alfa")
    await offered_to(database, [alfa], tendering={"retenderWhenLate": False})
    await accept(database, alfa)
    late = NOON + timedelta(hours=3)
    await database.run(lambda session: lateness.watch(session, now=late))
    case = await the_case(database)
    with pytest.raises(Conflict, match="no other carrier could take it"):
        await resolve(database, case, accept=True, at=late)
    assert (await the_case(database)).id == case.id
    assert await story(database) == [("alfa", "ACCEPTED")]


async def a_failed_attempt(database: Database, **changes: Any) -> Shipment:
    """A shipment of a 3PL at whose door nobody was at noon."""
    alfa = third_party("alfa")
    await offered_to(database, [alfa])
    await accept(database, alfa)
    await rules(database, **changes)
    shipment = await the_shipment(database)
    failed = Milestone(
        event_id=str(uuid.uuid4()),
        kind=MilestoneKind.ATTEMPT_FAILED,
        at=NOON,
        shipment_id=shipment.id,
        reason=FailureReason.NOT_HOME,
    )
    async with database.transaction() as session:
        await milestones.report(session, milestones=[failed], actor=caller(alfa), now=NOON)
    return await the_shipment(database)


async def test_a_proposed_attempt_waits_for_a_person(database: Database) -> None:
    shipment = await a_failed_attempt(database, autonomy={"REATTEMPT": PROPOSE}, reattemptDelayMinutes=30)
    assert (shipment.state, shipment.not_before) == (ShipmentState.ATTEMPT_FAILED, NOON + timedelta(hours=72))
    case = await the_case(database)
    assert (case.kind, (case.suggestion or {})["action"]) == ("REATTEMPT_PROPOSED", "REATTEMPT")
    await resolve(database, case, accept=True, at=NOON)
    assert (await the_shipment(database)).not_before == NOON + timedelta(minutes=30)


async def test_a_person_may_send_back_what_would_be_tried_again(database: Database) -> None:
    await a_failed_attempt(database, autonomy={"REATTEMPT": PROPOSE})
    await resolve(database, await the_case(database), accept=False, at=NOON)
    assert (await the_shipment(database)).state is ShipmentState.RETURNING


async def test_a_person_may_have_tried_again_what_would_go_back(database: Database) -> None:
    await a_failed_attempt(database, autonomy={"REATTEMPT": PROPOSE}, maxAttempts=1)
    case = await the_case(database)
    assert (case.suggestion or {})["action"] == "SEND_BACK"
    await resolve(database, case, accept=False, at=NOON)
    shipment = await the_shipment(database)
    assert (shipment.state, shipment.not_before) == (ShipmentState.ATTEMPT_FAILED, NOON)


async def test_goods_that_a_carrier_does_not_try_to_deliver_again_go_back_after_the_policys_hours(
    database: Database,
) -> None:
    await a_failed_attempt(database, returnAfterHours=24)
    on_time, too_long = NOON + timedelta(hours=24), NOON + timedelta(hours=24, seconds=1)
    assert await database.run(lambda session: returns.send_back_due(session, now=on_time)) == 0
    assert await database.run(lambda session: returns.send_back_due(session, now=too_long)) == 1
    assert (await the_shipment(database)).state is ShipmentState.RETURNING
    assert await database.run(lambda session: returns.send_back_due(session, now=too_long)) == 0


async def test_a_kind_of_exception_that_the_policy_switches_off_is_not_opened(database: Database) -> None:
    alfa = third_party("alfa")
    await offered_to(database, [alfa], exceptions={"ORDER_UNALLOCATED": {"isOpened": False}})
    await reject(database, alfa)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    async with database.reading() as session:
        assert list(await session.scalars(select(ExceptionCase))) == []
