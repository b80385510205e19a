"""Carriers asked for their price before a batch is decided, over HTTP, and what happens when they do not answer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.jobs.handlers.allocate_orders import handle
from app.jobs.tools import Tools
from app.models import Decision, GatewayKind, Job, JobKind, Shipment
from app.orchestration.jobs import operations as jobs
from tests.carriers.carrier_server import CarrierServer, running
from tests.carriers.documents import SECRETS, rest_document
from tests.client import settings_for
from tests.factories.bookings import a_desk, a_gateway
from tests.factories.planning import a_network, orders, third_party
from tests.factories.tendering import rules


@dataclass
class World:
    """Swift asks 5.00 by its rate card and 4.20 when it is asked; bee asks 4.50, and has no gateway."""

    database: Database
    folder: Path
    carrier: CarrierServer

    async def allocate(self) -> dict[str, Any]:
        """The decision of the one order that waits."""
        settings = settings_for(self.database, self.folder, "redis://127.0.0.1:1/0")
        settings = settings.model_copy(update={"private_hosts": "127.0.0.1", "carrier_secrets": SECRETS})

        async def report(fraction: float, message: str) -> None:
            return None

        async with self.database.transaction() as session:
            job: Job = await jobs.create(
                session, kind=JobKind.ALLOCATE_ORDERS, arguments={}, actor=SYSTEM, now=clock.now()
            )
        await handle(job, Tools(database=self.database, settings=settings, report=report))
        async with self.database.reading() as session:
            decision = (await session.scalars(select(Decision))).one()
            (other,) = decision.alternatives
            return {"chosen": decision.chosen, "other": other, "quotes": decision.detail.get("quotes")}


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    swift, bee = third_party("swift"), third_party("bee")
    bee.base_minor = 450
    await a_network(database, carriers=[swift, bee])
    await orders(database, 1)
    async with running() as carrier:
        desk = a_desk(database, tmp_path, SECRETS)
        await a_gateway(database, swift, GatewayKind.REST, rest_document(carrier.url), desk)
        yield World(database=database, folder=tmp_path, carrier=carrier)


def told(way: Any) -> tuple[str, int, str]:
    return way["carrier"], way["priceMinor"], way["priceSource"]


async def test_a_quote_takes_the_place_of_the_rate_card_and_the_decision_says_so(world: World) -> None:
    await rules(world.database, allocation={"quoteSeconds": 5})
    found = await world.allocate()
    assert told(found["chosen"]) == ("swift", 420, "QUOTE")
    assert found["chosen"]["carriage"] == [{"component": "quote", "amountMinor": 420}]
    assert {"component": "carriage", "amountMinor": 420} in found["chosen"]["breakdown"]
    assert told(found["other"]) == ("bee", 450, "RATE_CARD")
    assert found["quotes"] == {"asked": 1, "answered": 1, "failed": {}}
    assert world.carrier.calls == ["POST /quotes"]
    async with world.database.reading() as session:
        assert (await session.scalars(select(col(Shipment.estimated_minor)))).one() == 420


async def test_nobody_is_asked_where_the_policy_does_not_say_so(world: World) -> None:
    found = await world.allocate()
    assert (told(found["chosen"]), found["quotes"]) == (("bee", 450, "RATE_CARD"), None)
    assert world.carrier.calls == []


async def slow(request: Request) -> Response:
    await asyncio.sleep(3)
    return Response(status_code=500)


FAULTS: dict[str, tuple[Any, str]] = {
    "refuses": (Response(status_code=422), "CARRIER_422"),
    "babbles": (Response("<html>"), "ANSWER_UNREADABLE"),
    "quotes another service": (JSONResponse({"offers": [{"svc": "ND", "eur": "1.00"}]}), "NO_QUOTE"),
    "pays us": (JSONResponse({"offers": [{"svc": "EC", "eur": "-1.00"}]}), "QUOTE_INVALID"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_carrier_that_answers_badly_counts_by_its_rate_card(fault: str, world: World) -> None:
    await rules(world.database, allocation={"quoteSeconds": 5})
    answer, code = FAULTS[fault]
    world.carrier.troubles.append(answer)
    found = await world.allocate()
    assert told(found["chosen"]) == ("bee", 450, "RATE_CARD")
    assert told(found["other"]) == ("swift", 500, "RATE_CARD")
    assert found["quotes"] == {"asked": 1, "answered": 0, "failed": {"swift": {code: 1}}}


async def test_a_carrier_that_thinks_too_long_counts_by_its_rate_card(world: World) -> None:
    await rules(world.database, allocation={"quoteSeconds": 1})
    desk = a_desk(world.database, world.folder, SECRETS)
    document = rest_document(world.carrier.url, timeout_seconds=10)
    await a_gateway(world.database, third_party("swift"), GatewayKind.REST, document, desk)
    world.carrier.troubles.append(slow)
    found = await world.allocate()
    assert told(found["chosen"]) == ("bee", 450, "RATE_CARD")
    assert found["quotes"] == {"asked": 1, "answered": 0, "failed": {"swift": {"TIMED_OUT": 1}}}
