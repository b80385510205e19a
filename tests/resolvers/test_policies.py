"""Reading and changing the rules."""

from typing import Any

import pytest

from app.core import clock
from app.core.database import Database
from app.models import DecisionKind
from app.orchestration.policies import operations, queries
from app.orchestration.policies.documents import PolicyDocument
from tests.client import ADMINISTRATOR, DISPATCHER, INTEGRATION, Client
from tests.documents import document

UPDATE, POLICIES = document("console.graphql", "UpdatePolicy"), document("console.graphql", "Policies")


async def update(client: Client, as_: Any = ADMINISTRATOR, **given: Any) -> dict[str, Any]:
    payload: dict[str, Any] = (await client.run(UPDATE, {"input": {"name": "standard", **given}}, as_=as_))[
        "updatePolicy"
    ]
    return payload


def errors(payload: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


async def in_force(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.run(POLICIES, as_=DISPATCHER))["policies"]
    return found


async def test_defaults_are_written_once_at_every_start(client: Client, database: Database) -> None:
    for _ in range(2):
        async with database.transaction() as session:
            await operations.ensure_defaults(session, clock.now())
    [policy] = await in_force(client)
    assert (policy["name"], policy["version"], policy["updatedBy"]) == ("standard", 1, {"name": "Doorstep"})
    assert policy["document"] == PolicyDocument().to_json()


async def test_a_change_makes_the_next_version_and_keeps_the_rest(client: Client, database: Database) -> None:
    payload = await update(client, document={"maxAttempts": 2, "allocation": {"splitMinor": 900}}, expectedVersion=1)
    assert errors(payload) == []
    assert payload["policy"]["version"] == 2
    assert payload["policy"]["document"]["allocation"] == {
        **PolicyDocument().to_json()["allocation"],
        "splitMinor": 900,
    }
    [policy] = await in_force(client)
    assert (policy["version"], policy["updatedBy"]) == (2, {"name": "Ada"})
    async with database.reading() as session:
        assert (await queries.current(session)).max_attempts == 2


async def test_null_gives_a_key_its_default_back(client: Client, database: Database) -> None:
    await update(client, document={"maxAttempts": 2})
    payload = await update(client, document={"maxAttempts": None})
    assert (payload["policy"]["version"], payload["policy"]["document"]["maxAttempts"]) == (3, 3)


async def test_refused_changes_change_nothing(client: Client, database: Database) -> None:
    await update(client, document={"maxAttempts": 2})
    before = await in_force(client)
    stale = await update(client, document={"maxAttempts": 5}, expectedVersion=1)
    assert errors(stale) == [("STALE_VERSION", "expectedVersion")]
    assert stale["userErrors"][0]["message"] == ("Policy standard is at version 2, not 1. Read it and change it again.")
    assert errors(await update(client, document={"maxAttempts": 0})) == [("POLICY_INVALID", "document.maxAttempts")]
    assert errors(await update(client, document={"maxTries": 1})) == [("POLICY_INVALID", "document.maxTries")]
    assert errors(await update(client, document=[1])) == [("POLICY_INVALID", "document")]
    assert errors(await update(client, name="secret", document={})) == [("NOT_FOUND", "name")]
    assert errors(await update(client, DISPATCHER, document={"maxAttempts": 5})) == [("NOT_PERMITTED", None)]
    assert await in_force(client) == before


async def test_only_staff_read_policies(client: Client, database: Database) -> None:
    await update(client, document={"maxAttempts": 2})
    assert (await client.run(POLICIES, as_=INTEGRATION))["policies"] == []


def test_autonomy_acts_alone_unless_the_document_says_otherwise() -> None:
    rules = PolicyDocument.model_validate({"autonomy": {"TENDER": {"mode": "ACT_ABOVE_CONFIDENCE", "confidence": 0.9}}})
    assert rules.autonomy_of(DecisionKind.ROUTE).may_act(confidence=None)
    tender = rules.autonomy_of(DecisionKind.TENDER)
    assert [tender.may_act(confidence=value) for value in (None, 0.89, 0.9)] == [False, False, True]


@pytest.mark.parametrize(
    ("planning", "field", "words"),
    [
        (
            {"lunch": {"fromMinute": 900, "toMinute": 800}},
            "document.planning.lunch",
            "planning.lunch: it begins between fromMinute 900 and toMinute 800, which is earlier;"
            " write a toMinute after the fromMinute.",
        ),
        (
            {"traffic": [{"fromMinute": 60, "speedFactor": 0.8}]},
            "document.planning",
            "planning: the traffic bands begin at minutes 60; write the first at 0, each later than the last.",
        ),
    ],
)
async def test_rules_of_planning_that_cannot_be_kept_are_refused_in_words(
    client: Client, planning: dict[str, Any], field: str, words: str
) -> None:
    await in_force(client)
    payload = await update(client, document={"planning": planning})
    assert payload["policy"] is None
    (error,) = payload["userErrors"]
    assert (error["code"], error["message"]) == ("POLICY_INVALID", f"The policy cannot be read. {words}")
    assert error["field"].endswith(field)


async def test_a_territory_of_a_driver_whom_nobody_knows_is_refused(client: Client) -> None:
    area = {"name": "North", "postalCodePrefixes": ["1"], "drivers": ["D-GHOST"]}
    payload = await update(client, document={"planning": {"driverTerritories": [area]}})
    (error,) = payload["userErrors"]
    assert (payload["policy"], error["code"]) == (None, "POLICY_INVALID")
    assert error["message"].startswith("The territory North names the driver 'D-GHOST', whom nobody knows.")
