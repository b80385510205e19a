"""The one schema, composed of each noun's fields."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from app.resolvers.relay import RelayQueries
from app.schema.scalars import SCALARS


@strawberry.type
class Query(RelayQueries):
    """What can be read."""


def build_schema() -> strawberry.Schema:
    """The schema with its limits and error handling."""
    return strawberry.Schema(query=Query, config=StrawberryConfig(scalar_map=SCALARS))


schema = build_schema()
