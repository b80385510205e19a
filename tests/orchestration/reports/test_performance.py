"""The performance of some days, by the console's own document."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.core import clock
from app.core.database import Database
from app.models import (
    ActorKind,
    Event,
    ExceptionCase,
    Feedback,
    Plan,
    Questionnaire,
    Severity,
    Shipment,
)
from app.orchestration.feedback.policies import STANDARD
from tests.client import DISPATCHER, INTEGRATION, Client
from tests.documents import document
from tests.factories.callers import a_carrier
from tests.factories.deliveries import delivered
from tests.factories.stock import a_node

PERFORMANCE = document("console.graphql", "Performance")
TODAY = clock.now().astimezone(ZoneInfo("Europe/Lisbon")).date()
NOON = datetime.combine(TODAY, time(12), ZoneInfo("Europe/Lisbon"))


async def ask(client: Client, as_: Any = DISPATCHER) -> dict[str, Any]:
    days = {"from": TODAY.isoformat(), "to": TODAY.isoformat()}
    found: dict[str, Any] = (await client.run(PERFORMANCE, days, as_=as_))["performance"]
    return found


async def a_day(database: Database) -> list[Shipment]:
    """Eight in time and two late, one of the late ones foreseen, of a 3PL."""
    node, carrier = a_node(), a_carrier()
    async with database.transaction() as session:
        session.add_all([node, carrier])
    made = await delivered(database, carrier, node, on_time=8, late=2, failed_first=1, at=NOON)
    async with database.transaction() as session:
        session.add(
            Plan(
                node_id=node.id, date=TODAY, version=1, currency="EUR", solver="test", solve_seconds=4, created_at=NOON
            )
        )
        for shipment, minutes in ((made[-1], 90), (made[0], 30)):
            session.add(
                ExceptionCase(
                    kind="PREDICTED_LATE",
                    severity=Severity.WARNING,
                    subject_kind="shipment",
                    subject_id=shipment.id,
                    subject_reference=shipment.reference,
                    opened_at=shipment.window_end - timedelta(minutes=minutes),
                )
            )
    return made


async def test_money_punctuality_warnings_and_plans_of_a_day(client: Client, database: Database) -> None:
    await a_day(database)
    found = await ask(client)
    assert found["costPerStop"] == found["costPerShipment"] == {"amount": "5.00", "currency": "EUR"}
    assert found["onTimeRate"]["value"] == 0.8
    assert found["firstAttemptRate"]["value"] == 0.9
    assert found["alerts"] == {"raised": 2, "correct": 1, "missed": 1, "medianLeadSeconds": 5_400.0}
    assert found["planning"] == {"runs": 1, "medianSeconds": 4.0, "ordersPlanned": 0}
    (carrier,) = found["byCarrier"]
    assert (carrier["carrier"]["reference"], carrier["shipments"]) == ("swift", 10)
    assert found["byNode"] == [{"node": {"reference": "LIS"}, "orders": 10, "fillRate": 1.0}]


async def test_an_estimate_is_judged_by_the_last_one_told_a_quarter_of_an_hour_ahead(
    client: Client, database: Database
) -> None:
    first, second, *_ = await a_day(database)
    told = (
        (first, 60, 600, 900),  # superseded
        (first, 30, 300, 400),
        (first, 5, 0, 10),  # at the gate
        (second, 20, -120, 60),
    )
    async with database.transaction() as session:
        for shipment, minutes_before, off, spread in told:
            eta = NOON + timedelta(seconds=off)
            data = {
                "eta": eta.isoformat(),
                "earliest": (eta - timedelta(seconds=spread)).isoformat(),
                "latest": (eta + timedelta(seconds=spread)).isoformat(),
            }
            session.add(an_estimate(shipment, data, at=NOON - timedelta(minutes=minutes_before)))
            await session.flush()
    accuracy = (await ask(client))["etaAccuracy"]
    assert accuracy == {"meanAbsoluteErrorSeconds": 210.0, "coverage": 0.5, "nominalCoverage": 0.8}


def an_estimate(shipment: Shipment, data: dict[str, Any], *, at: datetime) -> Event:
    return Event(
        type="shipment.eta_changed",
        at=at,
        subject_kind="shipment",
        subject_id=shipment.id,
        subject_reference=shipment.reference,
        actor_kind=ActorKind.SYSTEM,
        actor_name="Doorstep",
        summary="It is expected.",
        data=data,
    )


async def test_the_net_promoter_score_is_promoters_less_detractors(client: Client, database: Database) -> None:
    made = await a_day(database)
    async with database.transaction() as session:
        questionnaire = Questionnaire(name="after", version=1, questions=STANDARD, is_current=False)
        session.add(questionnaire)
        await session.flush()
        for shipment, score in zip(made, (10, 9, 8, 6, None), strict=False):
            session.add(
                Feedback(
                    order_id=shipment.order_id,
                    questionnaire_id=questionnaire.id,
                    carrier_id=shipment.carrier_id,
                    answers=[
                        {"question_id": "recommend", "score": score, "choice": None, "text": None},
                        {"question_id": "delivery", "score": 1, "choice": None, "text": None},
                    ],
                    score=0.5,
                    created_at=NOON,
                )
            )
    feedback = (await ask(client))["feedback"]
    assert feedback == {"responses": 5, "averageScore": 0.5, "netPromoterScore": 25.0}


async def test_a_day_without_work_divides_nothing_by_nothing(client: Client, database: Database) -> None:
    found = await ask(client)
    assert [found[name] for name in ("costPerStop", "costPerShipment", "onTimeRate", "utilisation")] == [None] * 4
    assert found["etaAccuracy"] == {"meanAbsoluteErrorSeconds": None, "coverage": None, "nominalCoverage": 0.8}
    assert (found["byCarrier"], found["byNode"]) == ([], [])


async def test_only_staff_read_it_and_the_days_must_be_in_order(client: Client, database: Database) -> None:
    assert await ask(client, as_=INTEGRATION) is None
    days = {"from": TODAY.isoformat(), "to": (TODAY - timedelta(days=1)).isoformat()}
    refused = await client.execute(PERFORMANCE, days, as_=DISPATCHER)
    assert refused["errors"][0]["message"].endswith("Send a first day and a last day in this order.")
