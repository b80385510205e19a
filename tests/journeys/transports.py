"""Callers of a started platform: documents of the contract over POST, GET, WebSocket and server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.documents import document

PROTOCOL = Subprotocol("graphql-transport-ws")
ANSWER_MAY_TAKE_SECONDS = 30

Data = dict[str, Any]


@dataclass
class Feed:
    """What a subscription has told; `until` waits for what it has not told yet."""

    _messages: asyncio.Queue[Data] = field(default_factory=asyncio.Queue)

    def hear(self, answer: Data) -> None:
        """Takes an answer in; one with errors ends the test."""
        assert "errors" not in answer, answer["errors"]
        (found,) = answer["data"].values()
        self._messages.put_nowait(found)

    async def until(self, is_meant: Callable[[Data], bool]) -> Data:
        """The first message that is meant, of those not heard yet."""
        async with asyncio.timeout(ANSWER_MAY_TAKE_SECONDS):
            while not is_meant(found := await self._messages.get()):
                pass
        return found


@dataclass
class Caller:
    """One client of the platform with its credential. `sent` gathers every document that any of them sends."""

    http: httpx.AsyncClient
    file: str
    token: str
    sent: set[tuple[str, str]]

    def document(self, name: str) -> str:
        """The document, which counts as sent."""
        self.sent.add((self.file, name))
        return document(self.file, name)

    def headers(self) -> dict[str, str]:
        """Who calls."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    async def ask(self, name: str, **variables: Any) -> Any:
        """The only field of a query."""
        body = {"query": self.document(name), "variables": variables}
        return _only(await self.http.post("/graphql", json=body, headers=self.headers()))

    async def ask_by_get(self, name: str, **variables: Any) -> Any:
        """The same over GET."""
        parameters = {"query": self.document(name), "variables": json.dumps(variables)}
        return _only(await self.http.get("/graphql", params=parameters, headers=self.headers()))

    async def do(self, name: str, given: Data, **variables: Any) -> Data:
        """The payload of a mutation that nothing stands against: no user error, in no row."""
        payload: Data = await self.ask(name, input=given, **variables)
        assert payload["userErrors"] == [], (name, payload["userErrors"])
        assert [row["errors"] for row in payload.get("results", []) if row["errors"]] == [], name
        return payload

    @asynccontextmanager
    async def subscribed(self, name: str, **variables: Any) -> AsyncIterator[Feed]:
        """A subscription over a WebSocket."""
        feed = Feed()
        address = str(self.http.base_url.join("/graphql")).replace("http", "ws", 1)
        payload = {"query": self.document(name), "variables": variables}
        async with connect(address, subprotocols=[PROTOCOL]) as socket:
            await socket.send(
                json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {self.token}"}})
            )
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))

            async def listen() -> None:
                async for text in socket:
                    message = json.loads(text)
                    assert message["type"] in ("next", "complete"), message
                    if message["type"] == "next":
                        feed.hear(message["payload"])

            async with _beside(listen()):
                yield feed

    @asynccontextmanager
    async def streamed(self, name: str, **variables: Any) -> AsyncIterator[Feed]:
        """A subscription over server-sent events."""
        feed = Feed()
        body = {"query": self.document(name), "variables": variables}
        headers = self.headers() | {"accept": "text/event-stream"}
        async with self.http.stream("POST", "/graphql", json=body, headers=headers, timeout=None) as response:
            assert response.headers["content-type"].startswith("text/event-stream")

            async def listen() -> None:
                async for line in response.aiter_lines():
                    if line.startswith("data: {"):
                        feed.hear(json.loads(line.removeprefix("data: ")))

            async with _beside(listen()):
                yield feed


@asynccontextmanager
async def _beside(listening: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Listens while the block runs; fails where listening failed."""
    task = asyncio.create_task(listening)
    # A live feed starts when it is asked for; the server needs a moment from there to its first look.
    await asyncio.sleep(0.5)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _only(response: httpx.Response) -> Any:
    answer = response.json()
    assert "errors" not in answer, answer["errors"]
    (found,) = answer["data"].values()
    return found
