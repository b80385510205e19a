"""The GraphQL endpoint: POST, GET for queries, WebSocket (graphql-transport-ws), SSE (distinct connections).

Speaks GraphQL over HTTP with both media types, says who calls, bounds a request's size. Knows no noun of the schema.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import orjson
from cross_web import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse
from strawberry.schema import BaseSchema
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.unset import UnsetType

from app.auth.principals import ANONYMOUS, Principal
from app.core import clock
from app.core.errors import NotSignedIn
from app.orchestration.accounts import queries as accounts
from app.schema.context import Context

JSON_TYPE = "application/json"
RESPONSE_TYPE = "application/graphql-response+json"
MOST_BYTES = 2_000_000
ContextFactory = Callable[[], Context]


class GraphQLEndpoint(GraphQL[Context, None]):
    """Strawberry's view with our credentials, media types and limits. `new_context` makes an anonymous context."""

    def __init__(self, schema: BaseSchema, *, new_context: ContextFactory) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=timedelta(seconds=10),
            # No cookie is ever read, so a page of another origin can do nothing that its own token does not allow.
            allowed_origins=("*",),
        )
        self._new_context = new_context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; what is wrong with the request itself is answered as GraphQL errors, too."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive=_bounded(receive))
        try:
            response = await self.run(request)
        except HTTPException as error:
            response = _refused(request, error)
        await response(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """A context for the caller. A WebSocket's caller may still say who it is in `connection_init`."""
        context = self._new_context()
        try:
            context.principal = await self._principal(context, _bearer(request.headers.get("authorization")))
        except NotSignedIn as refusal:
            if isinstance(request, WebSocket):
                return context
            raise HTTPException(401, refusal.message) from refusal
        return context

    async def on_ws_connect(self, context: Context) -> UnsetType:
        """Reads the credential in `connection_init`; a wrong one closes the connection with 4403."""
        given = next(
            (
                value
                for name, value in (context.connection_params or {}).items()
                if name.lower() == "authorization" and isinstance(value, str)
            ),
            None,
        )
        if given is not None:
            try:
                context.principal = await self._principal(context, _bearer(given))
            except NotSignedIn as refusal:
                raise ConnectionRejectionError({"message": refusal.message}) from refusal
        return UnsetType()

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Where the negotiated media type waits for the answer."""
        response = await super().get_sub_response(request)
        response.media_type = _media_type(request)
        return response

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The answer as a map; one that never came to execution has no `data` (GraphQL over HTTP, 6.4)."""
        response = await super().process_result(request, result)
        if isinstance(result, PreExecutionError):
            response.pop("data", None)
        return response

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """The answer in the negotiated media type, whose status says whether the document was executed."""
        media_type = sub_response.media_type or JSON_TYPE
        is_executed = isinstance(response_data, list) or "data" in response_data
        return Response(
            self.encode_json(response_data),
            status_code=400 if media_type == RESPONSE_TYPE and not is_executed else 200,
            media_type=f"{media_type}; charset=utf-8",
        )

    def parse_json(self, data: str | bytes) -> Any:
        """A request, or a part of its address, which must be an object where it is not absent."""
        found = super().parse_json(data)
        if not isinstance(found, dict | list | None):
            raise HTTPException(400, f"A request is a JSON object with a query, not {str(found)[:80]!r}.")
        return {} if found is None else found

    def encode_json(self, data: object) -> str:
        """JSON as text: bytes would become binary WebSocket frames."""
        return orjson.dumps(data).decode()

    def decode_json(self, data: str | bytes) -> Any:
        """JSON read. orjson's error is a JSONDecodeError."""
        return orjson.loads(data)

    async def _principal(self, context: Context, bearer: str | None) -> Principal:
        if bearer is None:
            return ANONYMOUS
        async with context.database.reading() as session:
            return await accounts.principal_from_bearer(
                session,
                bearer=bearer,
                secret=context.settings.secret_key.get_secret_value(),
                wall_now=clock.wall_now(),
            )


def _bearer(value: str | None) -> str | None:
    """The credential of an Authorization value; other schemes than Bearer are refused, not passed over."""
    if not value:
        return None
    scheme, _, credential = value.strip().partition(" ")
    if not credential:
        scheme, credential = "bearer", scheme
    if scheme.lower() != "bearer" or not credential.strip():
        raise NotSignedIn(
            f"The authorization scheme {scheme[:20]!r} is not served. Send Authorization: Bearer <token>."
        )
    return credential.strip()


def _media_type(request: HTTPConnection) -> str:
    """The first of our two media types that the caller accepts, in the caller's order; JSON where it names neither."""
    for part in request.headers.get("accept", "").split(","):
        name = part.partition(";")[0].strip().lower()
        if name in (JSON_TYPE, RESPONSE_TYPE):
            return name
    return JSON_TYPE


def _refused(request: Request, error: HTTPException) -> Response:
    extensions: Mapping[str, str] = {"code": "NOT_SIGNED_IN"} if error.status_code == 401 else {"code": "BAD_REQUEST"}
    headers = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "GET, POST"}}.get(error.status_code, {})
    return Response(
        orjson.dumps({"errors": [{"message": error.reason, "extensions": extensions}]}),
        status_code=error.status_code,
        headers=headers,
        media_type=f"{_media_type(request)}; charset=utf-8",
    )


def _bounded(receive: Receive) -> Receive:
    """Stops reading a body that grows too large, whatever its headers announced."""
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MOST_BYTES:
            raise HTTPException(413, f"A request has at most {MOST_BYTES} bytes. Send fewer rows at a time.")
        return message

    return bounded
