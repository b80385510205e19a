"""Policies: the rules of one vertical, as versioned data."""

from datetime import datetime

import strawberry

from app.core.ids import to_global
from app.models import Policy
from app.schema.errors import UserErrorType
from app.schema.relay import Node
from app.schema.scalars import JSON


@strawberry.type(name="Editor", description="Who changed it last.")
class EditorType:
    """A name."""

    name: str


@strawberry.type(name="Policy", description="One version of the rules of one vertical. Keys are camelCase.")
class PolicyType(Node):
    """A policy."""

    row: strawberry.Private[Policy]
    name: str
    version: int
    vertical: str
    document: JSON
    updated_at: datetime
    updated_by: EditorType

    @staticmethod
    def of(row: Policy) -> "PolicyType":
        """The GraphQL form of a policy."""
        return PolicyType(
            id=strawberry.ID(to_global("Policy", row.id)),
            row=row,
            name=row.name,
            version=row.version,
            vertical=row.vertical,
            document=JSON(row.document),
            updated_at=row.updated_at,
            updated_by=EditorType(name=row.updated_by),
        )


@strawberry.input
class UpdatePolicyInput:
    """`document` is laid over the newest version (JSON Merge Patch, RFC 7396): null gives a key its default back."""

    name: str
    document: JSON
    expected_version: int | None = None
    idempotency_key: str | None = None


@strawberry.type
class UpdatePolicyPayload:
    """The version in force now."""

    policy: PolicyType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
