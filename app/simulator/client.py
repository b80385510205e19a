"""A GraphQL client over HTTP, as any outside system has one: documents of the contract, a token, retries.

A connection that breaks, or a server that is being restarted, is tried again with the same idempotency key, so that
nothing is done twice.
"""

import asyncio
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
from graphql import OperationDefinitionNode, parse, print_ast

CONTRACT = Path(__file__).parents[2] / "clients" / "contract"
TIMEOUT_SECONDS = 60
ATTEMPTS = 60
PAUSE_SECONDS = 0.5

# What a simulated administrator sends beside the contract: a city has to be there before its day.
SET_UP = """
mutation UpsertNodes($input: UpsertNodesInput!) {
  upsertNodes(input: $input) { results { index errors { code field message } } userErrors { code field message } }
}
mutation UpsertCarriers($input: UpsertCarriersInput!) {
  upsertCarriers(input: $input) { results { index errors { code field message } } userErrors { code field message } }
}
mutation UpsertVehicles($input: UpsertVehiclesInput!) {
  upsertVehicles(input: $input) { results { index errors { code field message } } userErrors { code field message } }
}
mutation UpsertDrivers($input: UpsertDriversInput!) {
  upsertDrivers(input: $input) { results { index errors { code field message } } userErrors { code field message } }
}
mutation UpsertProducts($input: UpsertProductsInput!) {
  upsertProducts(input: $input) { results { index errors { code field message } } userErrors { code field message } }
}
query DayReport($date: Date!) {
  dayReport(date: $date) {
    orders { name count } shipments { name count } routes { name count } proofs { name count }
    messages { channel state count } onTimeRate utilisation cost { amount currency } costPerStop { amount currency }
    feedbackCount feedbackScore events openStops deliveredWithoutProof
  }
}
"""


class Refused(Exception):
    """The platform answered errors to something that should have worked."""


@lru_cache
def documents() -> dict[str, str]:
    """Every operation of the contract, and the set-up's, by name."""
    texts = [path.read_text() for path in sorted(CONTRACT.glob("*.graphql"))] + [SET_UP]
    found: dict[str, str] = {}
    for text in texts:
        for definition in parse(text).definitions:
            if isinstance(definition, OperationDefinitionNode) and definition.name is not None:
                found[definition.name.value] = print_ast(definition)
    return found


class Client:
    """One caller of the endpoint. `token` may be empty: then it signs in first."""

    def __init__(self, http: httpx.AsyncClient, *, token: str = "") -> None:
        self._http = http
        self.token = token

    async def run(self, operation: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The data of one operation. Mutations get an idempotency key, so that trying again is safe."""
        variables = dict(variables or {})
        if "input" in variables and operation != "SignIn":
            variables["input"] = {"idempotencyKey": str(uuid.uuid4()), **variables["input"]}
        answer = await self._post({"query": documents()[operation], "operationName": operation, "variables": variables})
        if answer.get("errors"):
            raise Refused(f"{operation}: {answer['errors'][0]['message']}")
        return dict(answer["data"])

    async def do(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Runs a mutation and answers its payload; raises where it answered user errors."""
        (payload,) = (await self.run(operation, variables)).values()
        if payload["userErrors"]:
            error = payload["userErrors"][0]
            raise Refused(f"{operation}: {error['code']} {error['field'] or ''}: {error['message']}")
        return dict(payload)

    async def put(self, url: str, content: bytes, headers: dict[str, str]) -> None:
        """Sends a file to a signed address."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = await self._http.put(url, content=content, headers=headers)
                if response.status_code < 500:
                    response.raise_for_status()
                    return
            except httpx.TransportError:
                if attempt == ATTEMPTS:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = await self._http.post("/graphql", json=body, headers=headers)
                if response.status_code < 500:
                    return dict(response.json())
            except httpx.TransportError:
                if attempt == ATTEMPTS:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
        raise Refused(f"The platform did not answer {ATTEMPTS} times.")
