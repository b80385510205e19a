"""The web process: `uvicorn app.asgi:application --factory`. Wires every part together, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from app.core import clock, logging
from app.core.blobs import BlobStore
from app.core.collecting import collect_rarely
from app.core.database import Database, Session
from app.core.settings import Settings, settings
from app.jobs.queue import Doorbell, QueueName
from app.orchestration.allocations.queries import Memory
from app.orchestration.feedback import operations as feedback
from app.orchestration.policies import operations as policies
from app.resolvers.live import LiveEvents
from app.resolvers.schema import schema
from app.schema.context import Context
from app.web.carriers import carrier_routes
from app.web.graphiql import graphiql_routes
from app.web.graphql import GraphQLEndpoint
from app.web.health import health_routes
from app.web.message_status import message_status_routes
from app.web.pages import page_routes
from app.web.requests import RequestLog
from app.web.uploads import upload_routes

# Which workers a wake-up of the context is for: the readers of the event log run on the default queue.
QUEUES = {"events": QueueName.DEFAULT, **{name.value: name for name in QueueName}}


class Wakes:
    """Rings the workers after a commit without making the caller wait for Redis."""

    def __init__(self, doorbell: Doorbell) -> None:
        self._doorbell = doorbell
        self._ringing: dict[QueueName, asyncio.Task[None]] = {}

    async def __call__(self, queue: str) -> None:
        """Starts a ring; one that has not reached Redis yet serves this caller, too."""
        name = QUEUES[queue]
        if name not in self._ringing:
            task = self._ringing[name] = asyncio.create_task(self._doorbell.ring(name))
            task.add_done_callback(lambda _: self._ringing.pop(name, None))

    async def close(self) -> None:
        """Drops the rings that do not end at once: the workers look for themselves every second."""
        ringing = list(self._ringing.values())
        if ringing:
            await asyncio.wait(ringing, timeout=1)
        for task in ringing:
            task.cancel()
        await asyncio.gather(*ringing, return_exceptions=True)
        await self._doorbell.close()


def create_application(current: Settings) -> Starlette:
    """The whole application of one deployment. Connections open with its lifespan and close with it."""
    database = Database(current.database_url, pool_size=current.database_pool_size)
    wakes, live, blobs = Wakes(Doorbell(current.redis_url)), LiveEvents(database), BlobStore.from_settings(current)

    memory = Memory()

    def new_context() -> Context:
        return Context(database=database, settings=current, blobs=blobs, wake=wakes, live=live, memory=memory)

    async def database_answers() -> None:
        async with database.reading() as session:
            await session.execute(text("select 1"))

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        await database.run(ensure_defaults)
        await live.start()
        try:
            yield
        finally:
            await live.stop()
            await wakes.close()
            await database.close()

    endpoint = GraphQLEndpoint(schema, new_context=new_context)
    application = Starlette(
        lifespan=lifespan,
        routes=[
            *_graphql_routes(endpoint),
            *health_routes({"database": database_answers}),
            *graphiql_routes,
            *page_routes,
            *upload_routes(database=database, blobs=blobs),
            *carrier_routes(database=database, settings=current),
            *message_status_routes(database=database, settings=current),
            Route("/", _to_graphiql),
        ],
        middleware=[
            Middleware(RequestLog),
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "POST", "PUT"],
                allow_headers=["authorization", "content-type", "x-request-id"],
                max_age=600,
            ),
        ],
    )
    application.state.context = new_context
    return application


async def ensure_defaults(session: Session) -> None:
    """What every deployment has from its first start: the standard policy and the standard questionnaire."""
    now = clock.now()
    await policies.ensure_defaults(session, now)
    await feedback.ensure_defaults(session, now=now)


def application() -> Starlette:
    """What a server process runs."""
    logging.configure()
    collect_rarely()
    return create_application(settings())


def _graphql_routes(endpoint: GraphQLEndpoint) -> list[BaseRoute]:
    return [Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint)]


async def _to_graphiql(request: Request) -> Response:
    return RedirectResponse("/graphiql")
