"""Every mutation and subscription declares whom it serves, and serves exactly those: tried with every caller."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from app.auth.principals import Principal, PrincipalKind
from app.models import Event
from app.resolvers.mutations import CALLERS
from app.resolvers.schema import schema
from app.schema.context import Context
from app.web.graphql import GraphQLEndpoint
from tests.client import Client
from tests.factories.callers import one_of_each

REFUSED = {"NOT_PERMITTED", "NOT_SIGNED_IN"}
OVER_HTTP = frozenset(PrincipalKind) - {PrincipalKind.SYSTEM}
SCALARS = {
    "Boolean": False,
    "Date": "2030-01-01",
    "DateTime": "2030-01-01T09:00:00Z",
    "Decimal": "1",
    "Float": 1.0,
    "ID": "x",
    "Int": 1,
    "JSON": {},
    "String": "x",
    "Time": "09:00:00",
    "UUID": "01890a5d-ac96-774b-bcce-b302099a8057",
}


class NothingHappens:
    """Live events that end at once: a subscription that is served answers nothing, and is over."""

    @asynccontextmanager
    async def listening(self, predicate: Callable[[Event], bool]) -> AsyncIterator[AsyncIterator[Event]]:
        yield nothing()


async def nothing() -> AsyncIterator[Event]:
    events: list[Event] = []
    for event in events:
        yield event


def fields_of(root: Any) -> dict[str, GraphQLField]:
    return root.fields if root else {}


FIELDS = {
    **{("mutation", name): field for name, field in fields_of(schema._schema.mutation_type).items()},
    **{("subscription", name): field for name, field in fields_of(schema._schema.subscription_type).items()},
}


def callers_of(field: GraphQLField) -> frozenset[PrincipalKind] | None:
    definition = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    found: frozenset[PrincipalKind] | None = definition.metadata.get(CALLERS)
    return found


def smallest(kind: GraphQLInputType) -> Any:
    """The smallest value that the type accepts."""
    match kind:
        case GraphQLNonNull():
            return smallest(kind.of_type)
        case GraphQLList():
            return [smallest(kind.of_type)]
        case GraphQLEnumType():
            return next(iter(kind.values))
        case GraphQLInputObjectType() if kind.is_one_of:
            name, field = next(iter(kind.fields.items()))
            return {name: smallest(field.type)}
        case GraphQLInputObjectType():
            return {name: smallest(field.type) for name, field in kind.fields.items() if is_required_input_field(field)}
        case GraphQLScalarType():
            return SCALARS[kind.name]
    raise AssertionError(f"no value for {kind}")


def operation(kind: str, name: str, field: GraphQLField) -> dict[str, Any]:
    """The smallest request that calls the field."""
    required = {key: argument for key, argument in field.args.items() if is_required_argument(argument)}
    declared = ", ".join(f"${key}: {argument.type}" for key, argument in required.items())
    given = ", ".join(f"{key}: ${key}" for key in required)
    selection = "{ userErrors { code message } }" if kind == "mutation" else _selection(field)
    variables, arguments = (f"({text})" if text else "" for text in (declared, given))
    document = f"{kind} {variables} {{ {name}{arguments} {selection} }}"
    return {"query": document, "variables": {key: smallest(argument.type) for key, argument in required.items()}}


def _selection(field: GraphQLField) -> str:
    kind = field.type
    while isinstance(kind, GraphQLNonNull | GraphQLList):
        kind = kind.of_type
    return "{ __typename }" if hasattr(kind, "fields") else ""


async def codes(client: Client, request: dict[str, Any], caller: Principal) -> set[str]:
    """The codes of every error, in the payload or above it."""
    is_subscription = request["query"].startswith("subscription")
    headers = {"accept": "text/event-stream"} if is_subscription else {}
    async with asyncio.timeout(10):
        response = await client.post(request, as_=caller, headers=headers)
    answers = (
        [json.loads(line.removeprefix("data: ")) for line in response.text.split("\r\n") if line.startswith("data: {")]
        if is_subscription
        else [response.json()]
    )
    found = set()
    for answer in answers:
        found |= {error.get("extensions", {}).get("code", error["message"]) for error in answer.get("errors", ())}
        for payload in (answer.get("data") or {}).values():
            found |= {error["code"] for error in (payload or {}).get("userErrors", ())}
    return found


@pytest.fixture
async def every_caller(client: Client) -> dict[PrincipalKind, Principal]:
    return await one_of_each(client.database)


@pytest.fixture
async def quiet(client: Client, every_caller: dict[PrincipalKind, Principal]) -> AsyncIterator[Client]:
    """The whole schema, where nothing happens by itself."""
    context = client.application.state.context
    blobs = context().blobs
    endpoint = GraphQLEndpoint(
        schema,
        new_context=lambda: Context(
            database=client.database, settings=client.settings, blobs=blobs, live=NothingHappens()
        ),
    )
    transport = httpx.ASGITransport(app=endpoint)
    async with httpx.AsyncClient(transport=transport, base_url="http://doorstep.test") as http:
        yield Client(database=client.database, settings=client.settings, http=http, application=client.application)


@pytest.mark.parametrize("key", sorted(FIELDS), ids=lambda key: key[1])
def test_the_field_declares_whom_it_serves(key: tuple[str, str]) -> None:
    callers = callers_of(FIELDS[key])
    assert callers, (
        f"{key[1]} has no callers: declare them with @mutation or @subscription of app/resolvers/mutations.py"
    )
    assert "Serves: " in (FIELDS[key].description or "")


@pytest.mark.parametrize("key", sorted(FIELDS), ids=lambda key: key[1])
async def test_the_field_serves_whom_it_declares_and_nobody_else(
    key: tuple[str, str], quiet: Client, every_caller: dict[PrincipalKind, Principal]
) -> None:
    request = operation(*key, FIELDS[key])
    served = {}
    for kind in sorted(OVER_HTTP):
        found = await codes(quiet, request, every_caller[kind])
        assert "INTERNAL_ERROR" not in found, f"{key[1]} fails for {kind}"
        served[kind] = not found & REFUSED
        expected = "NOT_SIGNED_IN" if kind is PrincipalKind.ANONYMOUS else "NOT_PERMITTED"
        assert served[kind] or found == {expected}
    assert {kind for kind, is_served in served.items() if is_served} == (callers_of(FIELDS[key]) or set()) & OVER_HTTP


@pytest.mark.parametrize("key", sorted(key for key in FIELDS if key[0] == "mutation"), ids=lambda key: key[1])
def test_the_mutation_takes_an_idempotency_key_and_answers_user_errors(key: tuple[str, str]) -> None:
    field = FIELDS[key]
    given, payload = get_named_type(field.args["input"].type), get_named_type(field.type)
    assert isinstance(given, GraphQLInputObjectType)
    assert isinstance(payload, GraphQLObjectType)
    assert "idempotencyKey" in given.fields
    assert str(payload.fields["userErrors"].type) == "[UserError!]!"
