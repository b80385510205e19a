"""A client of the whole application, in process for requests and over a socket for subscriptions.

`client` needs the `database` fixture; `await client.run(document, variables, as_=principal)` answers the data.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from app.asgi import create_application
from app.auth import keys, tokens
from app.auth.principals import ANONYMOUS, Principal, PrincipalKind
from app.core import clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.settings import Settings
from app.models import KeyScope, User, UserKind
from app.models.accounts import ApiKey
from app.orchestration.accounts import operations

ADMINISTRATOR = Principal(kind=PrincipalKind.ADMINISTRATOR, name="Ada", key="ada")
DISPATCHER = Principal(kind=PrincipalKind.DISPATCHER, name="Dora", key="dora")
INTEGRATION = Principal(kind=PrincipalKind.INTEGRATION, name="shop", key="shop")
CHECKOUT = Principal(kind=PrincipalKind.CHECKOUT, name="widget", key="widget")

SECRET = "a secret for tests only"

USERS = {
    PrincipalKind.ADMINISTRATOR: UserKind.ADMINISTRATOR,
    PrincipalKind.DISPATCHER: UserKind.DISPATCHER,
    PrincipalKind.DRIVER: UserKind.DRIVER,
}
KEYS = {
    PrincipalKind.INTEGRATION: KeyScope.INTEGRATION,
    PrincipalKind.CHECKOUT: KeyScope.CHECKOUT,
    PrincipalKind.CARRIER: KeyScope.CARRIER,
}


@dataclass
class Client:
    """Sends documents as any principal, with a credential that the database really knows."""

    database: Database
    settings: Settings
    http: httpx.AsyncClient
    application: Starlette
    _tokens: dict[Principal, str | None] = field(default_factory=dict)

    async def run(
        self, document: str, variables: dict[str, Any] | None = None, *, as_: "Caller" = None
    ) -> dict[str, Any]:
        """The data of an operation; fails where there are top-level errors."""
        body = await self.execute(document, variables, as_=as_)
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    async def execute(
        self, document: str, variables: dict[str, Any] | None = None, *, as_: "Caller" = None
    ) -> dict[str, Any]:
        """The whole answer: data and errors."""
        response = await self.post({"query": document, "variables": variables or {}}, as_=as_)
        body: dict[str, Any] = response.json()
        return body

    async def post(
        self, body: object, *, as_: "Caller" = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """The raw answer to a POST."""
        return await self.http.post("/graphql", json=body, headers={**await self.credentials(as_), **(headers or {})})

    async def credentials(self, as_: "Caller") -> dict[str, str]:
        """The headers that prove who calls."""
        token = await self.token(as_) if isinstance(as_, Principal) else as_
        return {} if token is None else {"authorization": f"Bearer {token}"}

    async def token(self, principal: Principal) -> str | None:
        """A credential of this principal, made on first use."""
        if principal not in self._tokens:
            self._tokens[principal] = await self._new_token(principal)
        return self._tokens[principal]

    async def _new_token(self, principal: Principal) -> str | None:
        secret = self.settings.secret_key.get_secret_value()
        if principal.kind in KEYS:
            return await self._new_key(principal)
        if principal.kind in USERS:
            return await self._new_session(principal, secret)
        if principal.kind is PrincipalKind.CUSTOMER:
            assert principal.order_id is not None
            return tokens.tracking_token(secret, principal.order_id)
        assert principal.kind is PrincipalKind.ANONYMOUS, f"no credential makes a {principal.kind}"
        return None

    async def _new_key(self, principal: Principal) -> str:
        key = keys.new_key(KEYS[principal.kind])
        async with self.database.transaction() as session:
            session.add(
                ApiKey(
                    name=principal.name,
                    scope=KEYS[principal.kind],
                    carrier_id=principal.carrier_id,
                    key_hash=keys.hash_key(key),
                )
            )
        return key

    async def _new_session(self, principal: Principal, secret: str) -> str:
        wall_now = clock.wall_now()
        async with self.database.transaction() as session:
            user = User(
                username=f"{principal.key}-{new_id()}",
                name=principal.name,
                kind=USERS[principal.kind],
                password_hash="none",
                driver_id=principal.driver_id,
            )
            session.add(user)
            await session.flush()
            link = await operations.open_session(
                session, user=user, secret=secret, wall_now=wall_now, lasts=timedelta(days=1)
            )
            claims = tokens.AccessClaims(
                user_id=user.id, family_id=link.family_id, issued_at=wall_now, expires_at=wall_now + timedelta(hours=1)
            )
        return tokens.access_token(claims, secret=secret)


Caller = Principal | str | None


def settings_for(database: Database, data: Path, redis_url: str) -> Settings:
    """Settings of an application on this database."""
    return Settings(
        database_url=database.engine.url.render_as_string(hide_password=False),
        redis_url=redis_url,
        secret_key=SECRET,
        data=data,
        public_url="http://doorstep.test",
    )


@pytest.fixture
async def client(database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of an application of its own."""
    settings = settings_for(database, tmp_path, redis_url)
    application = create_application(settings)
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(app=application, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://doorstep.test") as http:
            yield Client(database=database, settings=settings, http=http, application=application)


@asynccontextmanager
async def served(application: Starlette) -> AsyncIterator[str]:
    """The application on a loopback port, for what needs a socket; yields host and port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None, ws="websockets-sansio"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110  # uvicorn offers no event
        await asyncio.sleep(0.01)
    try:
        yield "{}:{}".format(*listener.getsockname())
    finally:
        server.should_exit = True
        await task


__all__ = ["ADMINISTRATOR", "ANONYMOUS", "CHECKOUT", "DISPATCHER", "INTEGRATION", "Client", "client", "served"]
