"""Relay's Node interface, and the table from which `node(id:)` finds any object by its global id."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import strawberry

from app.schema.context import BatchFunction


@strawberry.interface(name="Node", description="An object with an id that is unique over all types.")
class Node:
    """Anything that has a global id. Build the id with `app.core.ids.to_global(<GraphQL type name>, row.id)`."""

    id: strawberry.ID


@dataclass(frozen=True, kw_only=True)
class NodeSource:
    """How objects of one type are read: rows by key, narrowed to the viewer, and the type of a row."""

    batch: "BatchFunction[uuid.UUID, Any]"
    of: Callable[[Any], Node]


# GraphQL type name -> source. Each resolvers/<noun>.py enters its own types.
NODE_SOURCES: dict[str, NodeSource] = {}
