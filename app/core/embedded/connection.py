"""The deployment's database, for a command that runs beside `doorstep up` or without it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded import places, postgres, servers

PORT_LINE = 3  # of postmaster.pid, counted from 0


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where the database is, and the secret that the deployment's tokens follow from."""

    database_url: str
    secret_key: str


@contextmanager
def connected(data: Path, *, environment: Mapping[str, str] = os.environ) -> Iterator[Connection]:
    """The database that the environment names, the one that runs on `data`, or one started for this block."""
    with ExitStack() as stack:
        url = environment.get("DATABASE_URL")
        if url is None:
            try:
                url = stack.enter_context(servers.running(data, environment=environment)).database_url
            except places.AlreadyRunning:
                url = _running_url(data)
        key = environment.get("DOORSTEP_SECRET_KEY") or places.secret(data, "secret.key")
        yield Connection(database_url=url, secret_key=key)


def _running_url(data: Path) -> str:
    """The address of the server that another process started; it notes its port beside its files."""
    notes = places.server_folder(data) / "postgresql" / "postmaster.pid"
    port = int(notes.read_text().splitlines()[PORT_LINE])
    return f"postgresql://{postgres.USER}:{places.secret(data, 'database.key')}@127.0.0.1:{port}/postgres"
