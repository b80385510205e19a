"""A carrier's HTTP interface on a port of its own: it keeps bookings by reference, and misbehaves as it is told."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

LABEL = b"%PDF-1.4 a label"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    raw_path: bytes
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class CarrierServer:
    """What arrived, what is booked, and what to do instead of answering well: each entry serves one request."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    bookings: dict[str, str] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    troubles: deque[Response | Callable[[Request], Any]] = field(default_factory=deque)
    tracking: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.seen]

    def lose_answer(self) -> None:
        """Books, and then never answers: the caller runs into its time-out."""

        async def trouble(request: Request) -> Response:
            await self._serve(request)
            await asyncio.sleep(1)
            return Response(status_code=500)

        self.troubles.append(trouble)

    async def answer(self, request: Request) -> Response:
        self.seen.append(
            Seen(
                method=request.method,
                path=request.url.path,
                raw_path=request.scope["raw_path"],
                query=dict(request.query_params),
                headers=dict(request.headers),
                body=await request.body(),
            )
        )
        if self.troubles:
            trouble = self.troubles.popleft()
            return trouble if isinstance(trouble, Response) else await trouble(request)
        return await self._serve(request)

    async def _serve(self, request: Request) -> Response:
        path, method = request.url.path, request.method
        if path == "/token":
            return JSONResponse({"access_token": f"T{len(self.seen)}", "expires_in": 3600})
        if path == "/quotes":
            return JSONResponse({"offers": [{"svc": "ND", "eur": "7.50"}, {"svc": "EC", "eur": "4.20"}]})
        if (method, path) == ("POST", "/shipments"):
            return self._book(json.loads(await request.body())["reference"])
        if (method, path) == ("GET", "/shipments"):
            number = self.bookings.get(request.query_params["reference"])
            return JSONResponse(self._booked(number)) if number else JSONResponse({}, status_code=404)
        if path.endswith("/label"):
            return Response(LABEL, media_type="application/pdf")
        if path.startswith("/tracking/"):
            return JSONResponse(self.tracking)
        if method == "DELETE":
            self.cancelled.append(path.rpartition("/")[2])
            return Response(status_code=204)
        return JSONResponse({}, status_code=404)

    def _book(self, reference: str) -> Response:
        number = f"SW{len(self.bookings) + 1:06}"
        self.bookings[reference] = number  # a carrier that books whatever comes, as often as it comes
        return JSONResponse(self._booked(number), status_code=201)

    def _booked(self, number: str) -> dict[str, Any]:
        label = base64.b64encode(LABEL).decode()
        return {"shipment": {"id": f"id-{number}", "tracking": number}, "price": {"eur": "6.10"}, "pdf": label}


@asynccontextmanager
async def running() -> AsyncIterator[CarrierServer]:
    """The server, until the block ends."""
    carrier = CarrierServer()
    methods = ["GET", "POST", "PUT", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", carrier.answer, methods=methods)])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers nothing to wait on
        await asyncio.sleep(0.01)
    carrier.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield carrier
    finally:
        server.should_exit = True
        await serving
