"""`node(id:)`: any object that the viewer may see, by its global id."""

import strawberry

from app.core.errors import NotFound
from app.core.ids import from_global, kind_of
from app.schema.context import Info
from app.schema.relay import NODE_SOURCES, Node


@strawberry.type
class RelayQueries:
    """What Relay asks of every schema."""

    @strawberry.field
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        """The object with this global id; null where there is none, or none that the viewer may see."""
        kind = kind_of(id)
        source = NODE_SOURCES.get(kind)
        if source is None:
            return None
        try:
            key = from_global(kind, id)
        except NotFound:
            return None
        row = await info.context.load(source.batch, key)
        return None if row is None else source.of(row)
