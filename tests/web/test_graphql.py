"""The endpoint as clients of every transport see it: POST, GET, WebSocket, SSE; its limits and its refusals."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import strawberry
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app.auth.principals import PrincipalKind
from app.resolvers.mutations import subscription
from app.resolvers.schema import build_schema
from app.schema.context import Context, Info
from app.web.graphql import GraphQLEndpoint
from tests.client import ANONYMOUS, DISPATCHER, INTEGRATION, Client, served

VIEWER = "{ viewer { kind name } }"
PROTOCOL = Subprotocol("graphql-transport-ws")
DORA = {"kind": "DISPATCHER", "name": "Dora"}


@strawberry.type
class Subscription:
    @subscription(callers={PrincipalKind.DISPATCHER})
    async def count_to(self, info: Info, number: int) -> AsyncIterator[int]:
        """Counts."""
        for value in range(1, number + 1):
            yield value


@pytest.fixture
async def address(client: Client) -> AsyncIterator[str]:
    """A served application whose schema has one subscription."""
    endpoint = GraphQLEndpoint(
        build_schema(subscription=Subscription),
        new_context=lambda: Context(database=client.database, settings=client.settings),
    )
    routes = [Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint)]
    async with served(Starlette(routes=routes)) as found:
        yield found


async def test_a_get_request_answers_a_query(client: Client) -> None:
    headers = await client.credentials(DISPATCHER)
    response = await client.http.get("/graphql", params={"query": VIEWER}, headers=headers)
    assert response.json() == {"data": {"viewer": DORA}}


async def test_a_get_request_never_changes_anything(client: Client) -> None:
    document = 'mutation { signOut(input: {refreshToken: "x"}) { isSignedOut } }'
    response = await client.http.get("/graphql", params={"query": document})
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == "mutations are not allowed when using GET"


@pytest.mark.parametrize(
    ("accept", "media_type", "status"),
    [
        ("application/json", "application/json", 200),
        ("*/*", "application/json", 200),
        ("application/graphql-response+json", "application/graphql-response+json", 400),
        ("application/graphql-response+json, application/json;q=0.9", "application/graphql-response+json", 400),
    ],
)
async def test_a_document_that_is_not_valid_is_told_in_the_media_type_asked_for(
    client: Client, accept: str, media_type: str, status: int
) -> None:
    response = await client.post({"query": "{ nothing }"}, headers={"accept": accept})
    assert response.status_code == status
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert "data" not in response.json()


async def test_an_executed_document_is_200_in_both_media_types(client: Client) -> None:
    response = await client.post(
        {"query": VIEWER}, as_=DISPATCHER, headers={"accept": "application/graphql-response+json"}
    )
    assert (response.status_code, response.json()) == (200, {"data": {"viewer": DORA}})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{" + " ".join(f"a{n}: viewer {{ name }}" for n in range(60)) + "}", "aliases found. Allowed: 50"),
        ("{" + "viewer { name } " * 2000 + "}", "Document contains more than 5000 tokens"),
    ],
)
async def test_a_document_that_costs_too_much_is_refused(client: Client, document: str, message: str) -> None:
    body = await client.execute(document)
    assert message in body["errors"][0]["message"]


async def test_introspection_answers_everyone(client: Client) -> None:
    found = await client.run("{ __schema { queryType { name } } }", as_=ANONYMOUS)
    assert found == {"__schema": {"queryType": {"name": "Query"}}}


async def test_a_request_that_is_too_large_is_refused(client: Client) -> None:
    response = await client.post({"query": VIEWER, "variables": {"x": "x" * 2_000_000}})
    assert response.status_code == 413
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[]", b"3", b"null", b'{"query": 3}', b'{"query": "{a}", "variables": []}']
)
async def test_a_body_that_is_no_request_is_refused_as_such(client: Client, body: bytes) -> None:
    response = await client.http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["errors"]


async def test_another_method_is_told_which_are_served(client: Client) -> None:
    response = await client.http.request("DELETE", "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_an_answer_carries_the_callers_request_id(client: Client) -> None:
    assert (await client.post({"query": VIEWER}, headers={"x-request-id": "abc-1"})).headers["x-request-id"] == "abc-1"
    made = (await client.post({"query": VIEWER}, headers={"x-request-id": "a b\n"[:3]})).headers["x-request-id"]
    assert len(made) == 36


async def test_a_page_of_another_origin_may_ask(client: Client) -> None:
    response = await client.post({"query": VIEWER}, headers={"origin": "https://shop.example"})
    assert response.headers["access-control-allow-origin"] == "*"


async def test_health_and_readiness_are_told_apart(client: Client) -> None:
    assert (await client.http.get("/health")).json() == {"status": "ok"}
    assert (await client.http.get("/ready")).json() == {"status": "ready", "failures": {}}


async def test_a_text_that_is_no_global_id_finds_nothing(client: Client) -> None:
    body = await client.execute('{ node(id: "x") { id } }')
    assert body == {"data": {"node": None}}


async def sse(address: str, document: str, headers: dict[str, str]) -> list[tuple[str, str]]:
    """The events of a stream: (event, data)."""
    async with httpx.AsyncClient() as http:
        response = await http.post(
            f"http://{address}/graphql",
            json={"query": document},
            headers={"accept": "text/event-stream", **headers},
        )
    assert response.headers["content-type"].startswith("text/event-stream")
    events = [block.split("\r\n") for block in response.text.split("\r\n\r\n") if block]
    return [(lines[0].removeprefix("event: "), lines[1].removeprefix("data: ")) for lines in events]


async def test_server_sent_events_carry_a_subscription_to_its_end(client: Client, address: str) -> None:
    found = await sse(address, "subscription { countTo(number: 2) }", await client.credentials(DISPATCHER))
    assert found == [("next", '{"data":{"countTo":1}}'), ("next", '{"data":{"countTo":2}}'), ("complete", "")]


async def test_server_sent_events_carry_a_query(client: Client, address: str) -> None:
    found = await sse(address, VIEWER, await client.credentials(DISPATCHER))
    assert [(event, data and json.loads(data)) for event, data in found] == [
        ("next", {"data": {"viewer": DORA}}),
        ("complete", ""),
    ]


async def test_a_subscription_refuses_callers_it_does_not_serve(client: Client, address: str) -> None:
    found = await sse(address, "subscription { countTo(number: 2) }", await client.credentials(INTEGRATION))
    (error,) = json.loads(found[0][1])["errors"]
    assert error["extensions"]["code"] == "NOT_PERMITTED"
    assert "countTo does not serve INTEGRATION callers" in error["message"]


async def send(socket: ClientConnection, *messages: dict[str, Any]) -> None:
    for message in messages:
        await socket.send(json.dumps(message))


def subscribe(document: str, id: str = "1") -> dict[str, Any]:
    return {"id": id, "type": "subscribe", "payload": {"query": document}}


async def received(socket: ClientConnection, number: int) -> list[dict[str, Any]]:
    return [json.loads(await socket.recv()) for _ in range(number)]


async def test_a_websocket_carries_subscriptions_of_who_says_who_it_is_at_init(client: Client, address: str) -> None:
    token = await client.token(DISPATCHER)
    async with connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL]) as socket:
        await send(socket, {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        assert await received(socket, 1) == [{"type": "connection_ack"}]
        await send(socket, subscribe("subscription { countTo(number: 2) }"))
        assert await received(socket, 3) == [
            {"id": "1", "type": "next", "payload": {"data": {"countTo": 1}}},
            {"id": "1", "type": "next", "payload": {"data": {"countTo": 2}}},
            {"id": "1", "type": "complete"},
        ]
        await send(socket, subscribe(VIEWER, "2"))
        assert (await received(socket, 2))[0]["payload"] == {"data": {"viewer": DORA}}


async def test_a_websocket_takes_the_header_of_its_handshake(client: Client, address: str) -> None:
    headers = await client.credentials(DISPATCHER)
    uri = f"ws://{address}/graphql"
    async with connect(uri, subprotocols=[PROTOCOL], additional_headers=headers) as socket:
        await send(socket, {"type": "connection_init"}, subscribe(VIEWER))
        assert (await received(socket, 2))[1]["payload"] == {"data": {"viewer": DORA}}


async def test_a_websocket_with_a_wrong_token_is_closed_as_forbidden(address: str) -> None:
    async with connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL]) as socket:
        await send(socket, {"type": "connection_init", "payload": {"authorization": "dsk_integration_wrong"}})
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


async def test_a_websocket_without_a_caller_is_refused_by_the_field(address: str) -> None:
    async with connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL]) as socket:
        await send(socket, {"type": "connection_init"}, subscribe("subscription { countTo(number: 2) }"))
        answers = await received(socket, 2)
    assert "NOT_SIGNED_IN" in json.dumps(answers[1])
