"""A server in Twilio's place, on a port of its own: it records each request and gives the answers it was told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class Provider:
    """What arrived, and what to answer next. `body` None is Twilio's own answer to a new message."""

    url: str = ""
    status: int = 201
    body: Any = None
    raw: str | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    authorisations: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        form = await request.form()
        self.requests.append({name: str(value) for name, value in form.items()})
        self.paths.append(request.url.path)
        self.authorisations.append(request.headers["authorization"])
        if self.raw is not None:
            return Response(self.raw, status_code=self.status, media_type="text/html")
        created = {"sid": f"SM{len(self.requests):032d}", "status": "queued", "error_code": None}
        return JSONResponse(created if self.body is None else self.body, status_code=self.status)


@asynccontextmanager
async def running() -> AsyncIterator[Provider]:
    """The server, until the block ends."""
    provider = Provider()
    app = Starlette(routes=[Route("/{path:path}", provider.answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers nothing to wait on
        await asyncio.sleep(0.01)
    provider.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.should_exit = True
        await serving
