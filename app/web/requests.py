"""What holds for every HTTP request: an id in the log and in the answer, and one line when it ends."""

import re

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import clock, logging
from app.core.ids import new_id

HEADER = "x-request-id"
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A tracking link's token opens an order: it must not lie in a log.
SECRET_PATHS = re.compile(r"^(/track/).+")

log = structlog.get_logger("doorstep.request")


class RequestLog:
    """Middleware. Takes the caller's request id where it is a plain one, and makes one otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request or connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(HEADER.encode(), b"").decode("latin-1")
        request_id = given if ACCEPTED.fullmatch(given) else str(new_id())
        logging.clear()
        logging.bind(request_id=request_id)
        started, status = clock.stopwatch(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            log.info(
                "request",
                kind=scope["type"],
                method=scope.get("method"),
                path=SECRET_PATHS.sub(r"\1…", scope["path"]),
                status=status,
                milliseconds=round((clock.stopwatch() - started) * 1000, 1),
            )
