"""A driver's device: it makes events, sends them in batches, and sends files."""

import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Any

from app.core import clock
from app.core.ids import to_global
from tests.client import Client
from tests.documents import document
from tests.factories.routes import PublishedRoute

PICTURE = b"\x89PNG\r\n\x1a\n" + b"a picture of a parcel at a door"


def event(at: datetime | None = None, **happening: dict[str, Any]) -> dict[str, Any]:
    """An event with an id of its own; exactly one happening."""
    return {"eventId": str(uuid.uuid4()), "at": (at or clock.now()).isoformat(), **happening}


class Device:
    """The device of a route's driver. `minute(n)` is a time `n` minutes after the batch began, an hour ago."""

    def __init__(self, client: Client, published: PublishedRoute) -> None:
        self.client = client
        self.published = published
        self.began = clock.now() - timedelta(hours=1)

    def minute(self, number: float) -> datetime:
        return self.began + timedelta(minutes=number)

    @property
    def route_id(self) -> str:
        return to_global("Route", self.published.route.id)

    def stop_id(self, number: int) -> str:
        return to_global("Stop", self.published.stops[number].id)

    def start(self, minute: float = 0) -> dict[str, Any]:
        return event(self.minute(minute), routeStarted={"routeId": self.route_id})

    def complete(self, minute: float) -> dict[str, Any]:
        return event(self.minute(minute), routeCompleted={"routeId": self.route_id})

    def arrive(self, number: int, minute: float) -> dict[str, Any]:
        return event(self.minute(minute), arrived={"stopId": self.stop_id(number)})

    def depart(self, number: int, minute: float) -> dict[str, Any]:
        return event(self.minute(minute), departed={"stopId": self.stop_id(number)})

    def fail(self, number: int, minute: float, reason: str = "NOT_HOME", **more: Any) -> dict[str, Any]:
        return event(self.minute(minute), failed={"stopId": self.stop_id(number), "reason": reason, **more})

    def deliver(self, number: int, minute: float, **more: Any) -> dict[str, Any]:
        given = {"stopId": self.stop_id(number), "handover": "RECIPIENT", "receivedBy": "Rosa", "proofs": [], **more}
        return event(self.minute(minute), delivered=given)

    def visit(self, number: int, minute: float, **more: Any) -> list[dict[str, Any]]:
        """Arrived, delivered, departed."""
        return [
            self.arrive(number, minute),
            self.deliver(number, minute + 1, **more),
            self.depart(number, minute + 2),
        ]

    async def send(self, *events: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The payload of a batch."""
        data = await self.client.run(
            document("driver.graphql", "RecordDriverEvents"),
            {"input": {"events": list(events), **more}},
            as_=self.published.principal,
        )
        payload: dict[str, Any] = data["recordDriverEvents"]
        return payload

    async def outcomes(self, *events: dict[str, Any], **more: Any) -> list[str]:
        """What became of each event: its outcome, or the codes with which it was refused."""
        payload = await self.send(*events, **more)
        assert payload["userErrors"] == []
        return [
            result["outcome"] if not result["errors"] else "+".join(error["code"] for error in result["errors"])
            for result in payload["results"]
        ]

    async def announce(self, contents: bytes = PICTURE, **more: Any) -> dict[str, Any]:
        """The payload of an announced upload."""
        announced = {
            "kind": "PHOTO",
            "contentType": "image/png",
            "bytes": len(contents),
            "sha256": hashlib.sha256(contents).hexdigest(),
            **more,
        }
        data = await self.client.run(
            document("driver.graphql", "CreateUpload"), {"input": announced}, as_=self.published.principal
        )
        payload: dict[str, Any] = data["createUpload"]
        return payload

    async def put(self, upload: dict[str, Any], contents: bytes = PICTURE, **headers: str) -> Any:
        """The answer to sending a file."""
        given = {header["name"]: header["value"] for header in upload["headers"]} | headers
        return await self.client.http.put(upload["url"], content=contents, headers=given)

    async def photo(self, contents: bytes = PICTURE, **more: Any) -> dict[str, Any]:
        """A proof whose file has been sent."""
        upload = (await self.announce(contents, **more))["upload"]
        assert (await self.put(upload, contents)).status_code == 201
        return {"kind": more.get("kind", "PHOTO"), "uploadId": upload["id"], "capturedAt": clock.now().isoformat()}
