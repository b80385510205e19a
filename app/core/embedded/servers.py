"""Both servers together, or the real ones that DATABASE_URL and REDIS_URL name."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
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
    processes: Mapping[str, subprocess.Popen[bytes]]

    def ended(self) -> str | None:
        """The name of a server that has ended by itself."""
        return next((name for name, process in self.processes.items() if process.poll() is not None), None)


@contextmanager
def running(data: Path, *, durable: bool = True, environment: Mapping[str, str] = os.environ) -> Iterator[Servers]:
    """Starts what the environment does not name already, and stops it at the end of the block."""
    database_url, redis_url = environment.get("DATABASE_URL"), environment.get("REDIS_URL")
    lock = places.lock(data)
    folder = places.server_folder(data)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    stops: list[Callable[[], None]] = []
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        with (data / "servers.log").open("ab") as log:
            if database_url is None:
                password = places.secret(data, "database.key")
                database = postgres.start(folder, password=password, durable=durable, log=log, lock=lock)
                stops.append(database.stop)
                children["PostgreSQL"] = database.process
                database_url = database.url
            if redis_url is None:
                password = places.secret(data, "queue.key")
                queue = valkey.start(data / "valkey", password=password, durable=durable, log=log, lock=lock)
                stops.append(queue.stop)
                children["Valkey"] = queue.process
                redis_url = queue.url
            key = environment.get("DOORSTEP_SECRET_KEY") or places.secret(data, "secret.key")
            yield Servers(database_url=database_url, redis_url=redis_url, secret_key=key, processes=children)
    finally:
        for stop in reversed(stops):
            stop()
        lock.close()
