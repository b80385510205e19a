"""What a policy would have changed on days that are past, and that a trial changes nothing."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from app.core import clock
from app.core.database import Database
from app.models import Decision, DecisionKind, Event, FailureReason, MilestoneKind, Policy
from app.orchestration.policies.documents import PolicyDocument, parse
from app.orchestration.shipments import milestones
from app.orchestration.shipments.milestones import Milestone
from app.orchestration.trials import comparisons
from app.orchestration.trials.comparisons import Pair
from app.orchestration.trials.findings import Finding
from app.orchestration.trials.history import Span
from app.orchestration.trials.queries import trial
from app.orchestration.trials.telling import lines
from tests.factories.planning import NOON
from tests.factories.tendering import accept, caller, offered_to, reject, tender_of, the_shipment, three

EVERYTHING = Span(since=NOON - timedelta(days=3), until=NOON + timedelta(days=3))


async def a_past(database: Database) -> None:
    """One order: alfa declined with a counter price, beta took it, and nobody was at home at noon."""
    alfa, beta, _ = carriers = three()
    await offered_to(database, carriers)
    await reject(database, alfa, counter=(await tender_of(database, alfa)).price_minor + 5)
    await accept(database, beta, clock.now() + timedelta(minutes=8))
    failed = Milestone(
        event_id=str(uuid.uuid4()),
        kind=MilestoneKind.ATTEMPT_FAILED,
        at=NOON,
        shipment_id=(await the_shipment(database)).id,
        reason=FailureReason.NOT_HOME,
    )
    async with database.transaction() as session:
        await milestones.report(session, milestones=[failed], actor=caller(beta), now=NOON)


async def tried(database: Database, **document: Any) -> dict[str, Finding]:
    async with database.reading() as session:
        found = await trial(session, document=parse(document), span=EVERYTHING)
    return {finding.rule: finding for finding in found.findings}


async def test_the_rules_in_force_would_have_changed_nothing(database: Database) -> None:
    await a_past(database)
    found = await tried(database)
    assert {finding.changed for finding in found.values()} == {0}
    assert found["Failed attempts"].looked_at == 1
    assert found["Tenders"].looked_at == 2


async def test_each_rule_says_what_it_would_have_changed_and_nothing_is_changed(database: Database) -> None:
    await a_past(database)
    async with database.reading() as session:
        events = await session.scalar(select(func.count()).select_from(Event))
    found = await tried(
        database,
        maxAttempts=1,
        tenderRespondMinutes=5,
        tendering={"counterAbovePercent": 10},
        orders={"requiredSkills": ["COLD"]},
        autonomy={"ALLOCATION": {"mode": "PROPOSE"}},
        exceptions={},
    )
    again = f"{NOON + timedelta(hours=1):%Y-%m-%d %H:%M}"
    assert found["Failed attempts"].examples == [
        f"A000/1, NOT_HOME on attempt 1: again from {again} -> back to the node."
    ]
    assert found["Skills and proofs"].examples == ["A000 would have needed COLD."]
    assert found["Tenders"].examples == [
        "A000/1, Alfa: its counter price would have been agreed to.",
        "A000/1, Beta: answered after 8 minutes, 3 too late.",
    ]
    assert found["Autonomy"].examples == ["A000: the ALLOCATION would have been proposed to a person."]
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Event)) == events
        assert await session.scalar(select(func.count()).select_from(Policy)) == 1


async def test_a_day_on_which_nothing_happened_has_nothing_to_change(database: Database) -> None:
    await a_past(database)
    long_ago = Span(since=NOON - timedelta(days=30), until=NOON - timedelta(days=29))
    async with database.reading() as session:
        found = await trial(session, document=PolicyDocument(max_attempts=1), span=long_ago)
    assert {(finding.looked_at, finding.changed) for finding in found.findings} == {(0, 0)}
    assert list(lines(found))[-1] == "0 changes in all. Nothing was changed."


def decision(*ways: tuple[str, dict[str, int], float]) -> tuple[Decision, str]:
    """The first way was chosen."""
    told = [
        {
            "node": "LIS",
            "carrier": carrier,
            "costMinor": sum(parts.values()),
            "probabilityOnTime": on_time,
            "breakdown": [{"component": name, "amountMinor": amount} for name, amount in parts.items()],
        }
        for carrier, parts, on_time in ways
    ]
    return Decision(kind=DecisionKind.ALLOCATION, chosen=told[0], alternatives=told[1:]), "4711"


def weighed(new: dict[str, Any], *ways: tuple[str, dict[str, int], float]) -> tuple[list[str | None], int]:
    pair = Pair(old=PolicyDocument(), new=parse({"allocation": new}))
    return comparisons.chosen(pair, [decision(*ways)])


CHEAP_AND_LATE = ("swift", {"carriage": 500, "lateness": 100}, 0.7)
DEAR_AND_PUNCTUAL = ("verde", {"carriage": 700, "lateness": 0}, 1.0)


def test_a_weight_that_makes_another_way_cheapest_names_both_ways() -> None:
    assert weighed({"latenessMinorPerHour": 1_800}, CHEAP_AND_LATE, DEAR_AND_PUNCTUAL) == (
        ["4711: LIS by swift -> LIS by verde."],
        0,
    )
    assert weighed({"latenessMinorPerHour": 700}, CHEAP_AND_LATE, DEAR_AND_PUNCTUAL) == ([None], 0)


def test_a_price_on_missed_windows_counts_by_how_probable_they_were() -> None:
    assert weighed({"missedWindowMinor": 300}, CHEAP_AND_LATE, DEAR_AND_PUNCTUAL) == ([None], 0)
    assert weighed({"missedWindowMinor": 400}, CHEAP_AND_LATE, DEAR_AND_PUNCTUAL)[0] == [
        "4711: LIS by swift -> LIS by verde."
    ]


def test_a_part_that_weighed_nothing_before_leaves_the_choice_unknown() -> None:
    with_emissions = ("swift", {"carriage": 500, "emissions": 0}, 1.0)
    assert weighed({"emissionsMinorPerKg": 5}, with_emissions) == ([], 1)


def test_a_cheaper_way_that_lost_for_the_sake_of_others_stays_lost() -> None:
    cheaper = ("own", {"carriage": 400, "lateness": 0}, 1.0)
    assert weighed({"latenessMinorPerHour": 601}, CHEAP_AND_LATE, cheaper) == ([None], 0)
