"""Both servers together, or the real ones that DATABASE_URL and REDIS_URL name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded import places, postgres, valkey


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Where to connect, and the deployment's secret key."""

    database_url: str
    redis_url: str
    secret_key: str


@contextmanager
def running(data: Path, *, durable: bool = True) -> Iterator[Servers]:
    """Starts what the environment does not name already, and stops it at the end of the block."""
    database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    lock = places.lock(data)
    folder = places.server_folder(data)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    stops = []
    try:
        with (data / "servers.log").open("ab") as log:
            if database_url is None:
                database = postgres.start(folder, password=places.secret(data, "database.key"), durable=durable, log=log)
                stops.append(database.stop)
                database_url = database.url
            if redis_url is None:
                queue = valkey.start(data / "valkey", password=places.secret(data, "queue.key"), durable=durable, log=log)
                stops.append(queue.stop)
                redis_url = queue.url
            key = os.environ.get("DOORSTEP_SECRET_KEY") or places.secret(data, "secret.key")
            yield Servers(database_url=database_url, redis_url=redis_url, secret_key=key)
    finally:
        for stop in reversed(stops):
            stop()
        lock.close()
