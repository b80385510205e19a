"""A 3PL carrier at its portal: accepts most offers, declines some, overlooks a few, and reports milestones."""

import asyncio
import random
import uuid
from datetime import datetime, timedelta
from typing import Any

from app.core import clock
from app.simulator import waiting
from app.simulator.client import Client
from app.simulator.customer import Customers

LOOK_SECONDS = 1.0
DECLINES, OVERLOOKS = 0.06, 0.04
PAGE = 100


class Carrier:
    """One carrier's desk and vans."""

    def __init__(self, client: Client, *, customers: Customers, until: datetime, seed: int) -> None:
        self._client = client
        self._customers = customers
        self._until = until
        self._draw = random.Random(seed)
        self._overlooked: set[str] = set()
        self._carrying: list[asyncio.Task[None]] = []
        self.delivered = 0

    async def work(self, *, username: str, password: str) -> None:
        """Signs in and watches the desk until the end of the day, and then until every parcel is at its door."""
        payload = await self._client.do("SignIn", {"input": {"username": username, "password": password}})
        self._client.token = payload["accessToken"]
        while clock.now() < self._until:
            await self._look()
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.gather(*self._carrying)

    async def _look(self) -> None:
        desk = (await self._client.run("CarrierDesk", {"first": PAGE, "tenderState": "OFFERED"}))["viewer"]["carrier"]
        for edge in desk["tenders"]["edges"]:
            tender = edge["node"]
            if tender["id"] not in self._overlooked:
                await self._answer(tender)

    async def _answer(self, tender: dict[str, Any]) -> None:
        chance = self._draw.random()
        if chance < OVERLOOKS:
            self._overlooked.add(tender["id"])
        elif chance < OVERLOOKS + DECLINES:
            await self._client.run("RejectTender", {"input": {"tenderId": tender["id"], "reason": "no van free"}})
        else:
            payload = (await self._client.run("AcceptTender", {"input": {"tenderId": tender["id"]}}))["acceptTender"]
            if not payload["userErrors"]:
                self._carrying.append(asyncio.create_task(self._carry(tender["shipment"])))

    async def _carry(self, shipment: dict[str, Any]) -> None:
        start = datetime.fromisoformat(shipment["window"]["start"])
        end = datetime.fromisoformat(shipment["window"]["end"])
        await self._report(
            shipment, "OUT_FOR_DELIVERY", max(clock.now(), start - timedelta(minutes=30)), first="PICKED_UP"
        )
        door = start + (end - start) * self._draw.uniform(0.1, 1.04)
        reference = shipment["reference"].split("/")[0]
        person = self._customers.person(reference)
        if person.absent_visits:
            await self._report(shipment, "ATTEMPT_FAILED", door, reason="NOT_HOME")
            return
        await self._report(shipment, "DELIVERED", door, receivedBy=person.name)
        self.delivered += 1

    async def _report(
        self, shipment: dict[str, Any], kind: str, at: datetime, *, first: str | None = None, **details: str
    ) -> None:
        await waiting.until(at)
        moment = clock.now().isoformat()
        events = [
            {
                "eventId": str(uuid.UUID(int=self._draw.getrandbits(128), version=4)),
                "shipmentId": shipment["id"],
                "kind": name,
                "at": moment,
            }
            for name in (first, kind)
            if name is not None
        ]
        events[-1] |= details
        await self._client.do("ReportShipmentEvents", {"input": {"events": events}})
