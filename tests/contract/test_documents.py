"""The schema accepts what each client sends. What is still pending is listed here, and the list only shrinks."""

import pytest
from graphql import parse, validate

from app.resolvers.schema import schema
from tests.documents import documents

PENDING = {
    ("integration.graphql", "RegisterWebhook"),
    ("integration.graphql", "ReplayWebhookDelivery"),
    ("integration.graphql", "Webhooks"),
    ("tracking.graphql", "RescheduleDelivery"),
}


def problems(key: tuple[str, str]) -> list[str]:
    """Why the schema does not accept a document."""
    return [error.message for error in validate(schema._schema, parse(documents()[key]))]


@pytest.mark.parametrize("key", sorted(documents().keys() - PENDING), ids=lambda key: key[1])
def test_the_schema_accepts_the_document(key: tuple[str, str]) -> None:
    assert problems(key) == []


@pytest.mark.parametrize("key", sorted(PENDING), ids=lambda key: key[1])
def test_a_pending_document_is_known_and_not_accepted_yet(key: tuple[str, str]) -> None:
    assert problems(key), f"{key[1]} is delivered: take it off the pending list"
