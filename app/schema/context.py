"""What every resolver is given: who calls, where to read, and one data loader per relation. Holds no session."""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast

import strawberry
from strawberry.dataloader import DataLoader

from app.auth.principals import ANONYMOUS, Principal
from app.core import clock
from app.core.blobs import BlobStore
from app.core.database import Database, Session
from app.core.settings import Settings
from app.models import Event
from app.orchestration.allocations.queries import Memory

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

# A function of an orchestration queries.py: the rows for these keys that the viewer may see.
BatchFunction = Callable[[Session, Principal, Sequence[Key]], Awaitable[Mapping[Key, Value]]]


class LiveEvents(Protocol):
    """Where subscriptions hear of events, from now on."""

    def listening(self, predicate: Callable[[Event], bool]) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """The committed events from now on for which `predicate` holds, in the log's order."""
        ...


async def no_wake(queue: str) -> None:
    """Wakes nobody: the workers' sweep finds the work by itself."""


@dataclass(kw_only=True)
class Context:
    """One request, or one WebSocket connection."""

    database: Database
    settings: Settings
    principal: Principal = ANONYMOUS
    blobs: BlobStore | None = None
    wake: Callable[[str], Awaitable[None]] = no_wake
    live: LiveEvents | None = None
    memory: Memory = field(default_factory=Memory)
    connection_params: dict[str, Any] | None = None
    _loaders: dict[Any, DataLoader[Any, Any]] = field(default_factory=dict)

    def now(self) -> datetime:
        """Business time."""
        return clock.now()

    async def load(self, batch: "BatchFunction[Key, Value]", key: Key) -> Value | None:
        """The value of one key, read in one batch with the keys that sibling resolvers ask of the same function."""
        loader = self._loaders.get(batch)
        if loader is None:
            loader = self._loaders[batch] = DataLoader(load_fn=self._reader(batch))
        return cast("Value | None", await loader.load(key))

    def forget(self) -> None:
        """Drops what was loaded, so that what follows reads the present."""
        self._loaders = {}

    def _reader(self, batch: "BatchFunction[Any, Any]") -> Callable[[list[Any]], Awaitable[list[Any]]]:
        async def read(keys: list[Any]) -> list[Any]:
            async with self.database.reading() as session:
                found = await batch(session, self.principal, keys)
            return [found.get(key) for key in keys]

        return read


Info = strawberry.Info[Context, None]
