"""The event feed: the pull side of what changed."""

import strawberry

from app.orchestration.events import queries
from app.schema.connections import Connection, PageArguments, connection
from app.schema.context import Info
from app.schema.events import EventType
from app.schema.relay import NODE_SOURCES, NodeSource

NODE_SOURCES["Event"] = NodeSource(batch=queries.by_ids, of=EventType.of)


@strawberry.type
class EventQueries:
    """What happened."""

    @strawberry.field
    async def events(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        types: list[str] | None = None,
    ) -> Connection[EventType]:
        """The log in reading order: keep endCursor and ask again. Never skips an event. For staff and integrations."""
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        context = info.context
        async with context.database.reading() as session:
            page = await queries.settled(session, context.principal, types=types or (), **arguments.as_keywords())
        return connection(page, EventType.of)
