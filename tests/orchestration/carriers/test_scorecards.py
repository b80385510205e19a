"""Carriers are compared at like work, and ranked only where there is enough of it."""

from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.database import Database
from app.models import Carrier, FulfilmentNode, Tender, TenderState
from tests.client import DISPATCHER, INTEGRATION, Client
from tests.documents import document
from tests.factories.callers import a_carrier
from tests.factories.deliveries import delivered
from tests.factories.stock import a_node
from tests.factories.tendering import caller

EASY, HARD = "1000-001", "2600-001"


async def two_carriers(database: Database) -> tuple[FulfilmentNode, Carrier, Carrier]:
    node, town, hills = a_node(), a_carrier("town"), a_carrier("hills")
    async with database.transaction() as session:
        session.add_all([node, town, hills])
    return node, town, hills


async def cards(client: Client, as_: Any = DISPATCHER, days: int = 30) -> dict[str, Any]:
    found = await client.run(document("console.graphql", "Scorecards"), {"days": days}, as_=as_)
    return {edge["node"]["reference"]: edge["node"]["scorecard"] for edge in found["carriers"]["edges"]}


async def test_who_is_ahead_of_its_work_ranks_before_who_has_the_better_rate(
    client: Client, database: Database
) -> None:
    node, town, hills = await two_carriers(database)
    at = clock.now() - timedelta(days=1)
    # Everybody is late on the hard lane; there `hills` is better than `town`, and mostly there it drives.
    await delivered(database, town, node, on_time=190, late=10, postal_code=EASY, at=at)
    await delivered(database, town, node, on_time=20, late=30, postal_code=HARD, at=at)
    await delivered(database, hills, node, on_time=20, late=0, postal_code=EASY, at=at)
    await delivered(database, hills, node, on_time=140, late=60, postal_code=HARD, at=at)
    found = await cards(client)
    assert (found["town"]["shipments"], found["hills"]["shipments"]) == (250, 220)
    assert found["town"]["onTimeRate"]["value"] == 0.84
    assert found["hills"]["onTimeRate"]["value"] == pytest.approx(160 / 220)
    assert found["town"]["expectedOnTimeRate"] > 0.86
    assert found["hills"]["expectedOnTimeRate"] < 0.69
    assert (found["hills"]["rank"], found["town"]["rank"]) == (1, 2)


async def test_below_two_hundred_shipments_nobody_is_ranked(client: Client, database: Database) -> None:
    node, town, hills = await two_carriers(database)
    at = clock.now() - timedelta(days=1)
    await delivered(database, town, node, on_time=199, at=at)
    await delivered(database, hills, node, on_time=200, failed_first=20, price_minor=700, at=at)
    found = await cards(client)
    assert (found["town"]["rank"], found["hills"]["rank"]) == (None, 1)
    assert found["hills"]["firstAttemptRate"]["value"] == 0.9
    assert found["hills"]["costPerShipment"] == {"amount": "7.00", "currency": "EUR"}
    assert found["town"]["onTimeRate"]["low"] == pytest.approx(0.981, abs=0.001)


async def test_only_the_days_asked_for_count(client: Client, database: Database) -> None:
    node, town, _ = await two_carriers(database)
    await delivered(database, town, node, on_time=3, at=clock.now() - timedelta(days=8))
    assert (await cards(client, days=9))["town"]["shipments"] == 3
    week = (await cards(client, days=7))["town"]
    assert (week["shipments"], week["onTimeRate"], week["costPerShipment"]) == (0, None, None)


async def test_a_carrier_sees_its_own_scorecard_with_its_acceptance_and_nobody_elses(
    client: Client, database: Database
) -> None:
    node, town, hills = await two_carriers(database)
    made = await delivered(database, town, node, on_time=3, at=clock.now())
    async with database.transaction() as session:
        for shipment, state in zip(
            made, (TenderState.ACCEPTED, TenderState.REJECTED, TenderState.EXPIRED), strict=True
        ):
            session.add(
                Tender(
                    shipment_id=shipment.id,
                    carrier_id=town.id,
                    state=state,
                    offered_at=clock.now(),
                    price_minor=500,
                    currency="EUR",
                )
            )
    desk = await client.run(document("carrier.graphql", "CarrierDesk"), {"first": 10}, as_=caller(town))
    mine = desk["viewer"]["carrier"]["scorecard"]
    assert mine["tenderAcceptanceRate"] == pytest.approx(1 / 3)
    assert len(desk["viewer"]["carrier"]["tenders"]["edges"]) == 3
    theirs = await client.run(document("carrier.graphql", "CarrierDesk"), {"first": 10}, as_=caller(hills))
    assert theirs["viewer"]["carrier"]["scorecard"]["shipments"] == 0
    assert set(await cards(client, as_=caller(town))) == {"town"}
    assert set((await cards(client, as_=INTEGRATION)).values()) == {None}
