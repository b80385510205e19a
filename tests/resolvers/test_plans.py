"""Asking for plans through the console: the list of them, and which days can be planned."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.core import clock
from app.core.database import Database
from app.models import Job, Plan
from app.models.base import Json
from app.orchestration.plans import queries
from tests.client import ADMINISTRATOR, DISPATCHER, INTEGRATION, Client
from tests.factories.stock import a_node

PLANS = """query Plans($date: Date, $node: String, $first: Int!, $after: String) {
  plans(date: $date, node: $node, first: $first, after: $after) {
    edges { node { date state version node { reference } } } pageInfo { hasNextPage endCursor }
  }
}"""
PLAN_ROUTES = """mutation M($input: PlanRoutesInput!) {
  planRoutes(input: $input) { userErrors { code field message } job { state } }
}"""
TODAY = date(2026, 5, 4)
NOT_STAFF = set(PrincipalKind) - STAFF - {PrincipalKind.SYSTEM}


async def plans_of_two_days(database: Database) -> None:
    """Two drafts of today at LIS, then one of tomorrow there, and one of today at OPO."""
    async with database.transaction() as session:
        nodes = {reference: a_node(reference) for reference in ("LIS", "OPO")}
        session.add_all(nodes.values())
        await session.flush()
        for version, (reference, days) in enumerate([("LIS", 0), ("LIS", 0), ("LIS", 1), ("OPO", 0)], start=1):
            session.add(
                Plan(
                    node_id=nodes[reference].id,
                    date=TODAY + timedelta(days=days),
                    version=version,
                    currency="EUR",
                    solver="doorstep",
                    created_at=clock.now(),
                )
            )
            await session.flush()


async def listed(client: Client, as_: Principal, **given: Any) -> list[int]:
    answer = await client.run(PLANS, {"first": 10, **given}, as_=as_)
    return [edge["node"]["version"] for edge in answer["plans"]["edges"]]


async def test_plans_are_listed_by_day_and_node_newest_first(client: Client, database: Database) -> None:
    await plans_of_two_days(database)
    assert await listed(client, DISPATCHER) == [4, 3, 2, 1]
    assert await listed(client, ADMINISTRATOR, date=TODAY.isoformat(), node="LIS") == [2, 1]
    page = (await client.run(PLANS, {"first": 3}, as_=DISPATCHER))["plans"]["pageInfo"]
    assert page["hasNextPage"] is True
    assert await listed(client, DISPATCHER, after=page["endCursor"]) == [1]
    assert await listed(client, DISPATCHER, node="NOWHERE") == []


async def test_nobody_but_staff_sees_plans(client: Client, database: Database) -> None:
    await plans_of_two_days(database)
    assert await listed(client, INTEGRATION) == []
    async with database.reading() as session:
        for kind in NOT_STAFF:
            viewer = Principal(kind=kind, name="X", key="x")
            assert (await queries.listed(session, viewer, day=None, node=None, first=10)).rows == []


@pytest.fixture
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half past midnight in Lisbon, while it is still yesterday in UTC."""
    monkeypatch.setattr(clock, "_clock", clock.starting_at(datetime(2026, 5, 3, 23, 30, tzinfo=UTC), speed=1.0))


async def asked(client: Client, **given: Any) -> Json:
    answer: Json = (await client.run(PLAN_ROUTES, {"input": {"node": "LIS", **given}}, as_=DISPATCHER))["planRoutes"]
    return answer


@pytest.mark.usefixtures("_today")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"date": "2026-05-03"}, "The day 2026-05-03 is over. Send 2026-05-04 or a later date."),
        ({"date": "2026-04-01", "days": 3}, "The day 2026-04-03 is over. Send 2026-05-04 or a later date."),
        (
            {"date": "9999-12-31"},
            "The day 9999-12-31 is more than 366 days ahead. Send 2027-05-05 or an earlier date.",
        ),
    ],
)
async def test_days_that_are_over_or_absurdly_far_are_refused(
    client: Client, database: Database, given: Json, message: str
) -> None:
    await plans_of_two_days(database)
    answer = await asked(client, **given)
    assert answer == {"job": None, "userErrors": [{"code": "DATE_INVALID", "field": "date", "message": message}]}


@pytest.mark.usefixtures("_today")
async def test_of_several_days_those_from_today_on_are_planned(client: Client, database: Database) -> None:
    await plans_of_two_days(database)
    answer = await asked(client, date="2026-05-02", days=4)
    assert answer["userErrors"] == []
    async with database.reading() as session:
        job = (await session.scalars(select(Job))).one()
    assert (job.arguments["date"], job.arguments["days"]) == ("2026-05-04", 2)
