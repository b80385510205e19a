"""A driver with the companion app: often offline, so that events go out late, in batches, and now and then twice."""

import asyncio
import hashlib
import random
import struct
import uuid
import zlib
from datetime import datetime, timedelta
from typing import Any

from app.core import clock
from app.simulator import waiting
from app.simulator.client import Client
from app.simulator.customer import Customers

LOOK_SECONDS = 1.5
# Drives take their planned time times a factor of this spread (standard deviation of its logarithm).
DRIVE_SPREAD = 0.25
OFFLINE_SHARE = 0.15
SENT_TWICE_SHARE = 0.05
LARGEST_BATCH = 100


class Driver:
    """One driver's day, route after route."""

    def __init__(self, client: Client, *, customers: Customers, until: datetime, seed: int) -> None:
        self._client = client
        self._customers = customers
        self._until = until
        self._draw = random.Random(seed)
        self._visits: dict[str, int] = {}
        self._network = random.Random(seed + 1)
        self._unsent: list[dict[str, Any]] = []
        self._outbox: list[dict[str, Any]] = []
        self._positions: list[dict[str, Any]] = []
        self._sending: asyncio.Task[None] | None = None
        self.delivered = 0

    async def work(self, *, username: str, password: str) -> None:
        """Signs in, then drives whatever route is published, until the end of the day."""
        while clock.now() < self._until:
            await self._sign_in(username, password)
            route = await self._current_route()
            if route is None:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            await self._drive(route)

    async def _current_route(self) -> dict[str, Any] | None:
        route: dict[str, Any] | None = (await self._client.run("DriverDay"))["viewer"]["driver"]["currentRoute"]
        return route

    async def _sign_in(self, username: str, password: str) -> None:
        if not self._client.token:
            payload = await self._client.do("SignIn", {"input": {"username": username, "password": password}})
            self._client.token = payload["accessToken"]

    async def _drive(self, route: dict[str, Any]) -> None:
        if route["state"] == "PUBLISHED":
            await self._client.do("AcceptRoute", {"input": {"routeId": route["id"]}})
        await waiting.until(datetime.fromisoformat(route["plannedStart"]))
        route = await self._current_route() or route  # late orders may have joined it
        moment = clock.now()
        if route["state"] != "IN_PROGRESS":
            loaded = [stop for stop in route["stops"] if stop["kind"] == "DELIVERY"]
            barcodes = [shipment["reference"] for stop in loaded for shipment in stop["shipments"]]
            self._record(moment, loadScanned={"routeId": route["id"], "barcodes": barcodes})
            self._record(moment, routeStarted={"routeId": route["id"]})
            self._post()
        previous = datetime.fromisoformat(route["plannedStart"])
        for stop in route["stops"]:
            planned = datetime.fromisoformat(stop["plannedArrival"])
            if stop["state"] not in ("DEPARTED", "SKIPPED", "CANCELLED"):
                drive = max(planned - previous, timedelta(seconds=20)) * self._draw.lognormvariate(0.0, DRIVE_SPREAD)
                moment = await self._visit(stop, arrival=moment + drive)
            previous = planned + timedelta(seconds=stop["serviceSeconds"])
        self._record(moment + timedelta(minutes=5), routeCompleted={"routeId": route["id"]})
        await waiting.until(moment + timedelta(minutes=5))
        self._post()
        await self._sent()

    async def _visit(self, stop: dict[str, Any], *, arrival: datetime) -> datetime:
        if stop["window"] is not None:
            arrival = max(arrival, datetime.fromisoformat(stop["window"]["start"]))
        await waiting.until(arrival)
        self._record(arrival, arrived={"stopId": stop["id"]})
        place = stop["address"]["location"]
        self._positions.append({"at": clock.now().isoformat(), **place, "accuracyMetres": 8.0})
        self._send_meanwhile()
        service = timedelta(seconds=stop["serviceSeconds"] * self._draw.lognormvariate(0.0, 0.3))
        done = arrival + service
        reference = stop["shipments"][0]["reference"].split("/")[0]
        person = self._customers.person(reference)
        visit = self._visits[reference] = self._visits.get(reference, 0) + 1
        await waiting.until(done)
        if visit <= person.absent_visits:
            self._record(done, failed={"stopId": stop["id"], "reason": "NOT_HOME"})
        else:
            self._record(done, delivered=await self._handover(stop, reference, person.name, done))
            self.delivered += 1
        left = done + timedelta(seconds=10)
        self._record(left, departed={"stopId": stop["id"]})
        if self._draw.random() >= OFFLINE_SHARE:
            self._post()
        return left

    async def _handover(self, stop: dict[str, Any], reference: str, name: str, at: datetime) -> dict[str, Any]:
        kinds = [kind for kind in stop["proofRequirements"] if kind != "CASH"] or ["PHOTO"]
        proofs = [await self._proof(kind, stop, reference, at) for kind in kinds]
        given: dict[str, Any] = {"stopId": stop["id"], "handover": "RECIPIENT", "receivedBy": name, "proofs": proofs}
        due = [shipment["cashToCollect"] for shipment in stop["shipments"] if shipment["cashToCollect"]]
        if due:
            given["cash"] = due[0]
        return given

    async def _proof(self, kind: str, stop: dict[str, Any], reference: str, at: datetime) -> dict[str, Any]:
        proof: dict[str, Any] = {"kind": kind, "capturedAt": at.isoformat()}
        if kind == "PIN":
            return proof | {"value": await self._customers.pin(reference)}
        if kind == "BARCODE":
            return proof | {"value": stop["shipments"][0]["reference"]}
        if kind == "AGE_CHECK":
            return proof | {"value": "18+"}
        picture = _picture(self._draw)
        digest = hashlib.sha256(picture).hexdigest()
        payload = await self._client.do(
            "CreateUpload",
            {"input": {"kind": kind, "contentType": "image/png", "bytes": len(picture), "sha256": digest}},
        )
        upload = payload["upload"]
        headers = {header["name"]: header["value"] for header in upload["headers"]}
        await self._client.put(upload["url"], picture, headers)
        return proof | {"uploadId": upload["id"], "sha256": digest}

    def _record(self, at: datetime, **event: dict[str, Any]) -> None:
        self._unsent.append(
            {"eventId": str(uuid.UUID(int=self._draw.getrandbits(128), version=4)), "at": at.isoformat()} | event
        )

    def _post(self) -> None:
        self._outbox += self._unsent
        self._unsent = []
        self._send_meanwhile()

    def _send_meanwhile(self) -> None:
        """A driver does not wait for the platform: what happens while a batch is under way goes with the next one."""
        if self._sending is not None and not self._sending.done():
            return
        if self._sending is not None:
            self._sending.result()
        self._sending = asyncio.create_task(self._send())

    async def _sent(self) -> None:
        while self._sending is not None and self._outbox:
            await self._sending
            self._send_meanwhile()

    async def _send(self) -> None:
        while self._positions or self._outbox:
            if positions := self._positions[:LARGEST_BATCH]:
                await self._client.do("ReportPositions", {"input": {"positions": positions}})
                del self._positions[: len(positions)]
            if events := self._outbox[:LARGEST_BATCH]:
                await self._send_batch(events)
                del self._outbox[: len(events)]

    async def _send_batch(self, events: list[dict[str, Any]]) -> None:
        times = 2 if self._network.random() < SENT_TWICE_SHARE else 1
        for _ in range(times):
            payload = await self._client.do("RecordDriverEvents", {"input": {"events": events}})
            for result in payload["results"]:
                if result["outcome"] == "REFUSED":
                    event = next(event for event in events if event["eventId"] == result["eventId"])
                    raise RuntimeError(f"a driver's event was refused: {event} {result['errors']}")


def _picture(draw: random.Random, *, side: int = 24) -> bytes:
    """A small grey PNG that no other visit has."""
    rows = b"".join(b"\x00" + draw.randbytes(side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
