"""The network as one document: services, zones, rate cards, contracts, calendars and kinds of goods."""

import strawberry

from app.schema.errors import UserErrorType
from app.schema.scalars import JSON


@strawberry.input
class ImportNetworkInput:
    """`document`: {nodes, goods, carriers}, keys in camelCase. What it leaves out stays as it is."""

    document: JSON
    idempotency_key: str | None = None


@strawberry.type
class ImportNetworkPayload:
    """How many rows of each kind are other than before."""

    changed: JSON | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
