"""The whole platform as processes: servers, migrations, one web process, one worker per queue. Ends with its parent."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.core.embedded import places, processes, servers
from app.core.embedded.waiting import wait_for_port

QUEUES = ("default", "solver", "notify")
HOST = "127.0.0.1"
FIRST_PORT = 8000


@dataclass(kw_only=True)
class Platform:
    """A running platform. `watch` starts again what has died."""

    url: str
    environment: Mapping[str, str]
    log: Path
    _commands: dict[str, list[str]] = field(default_factory=dict)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def launch(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """Starts a named child that `watch` looks after."""
        with self.log.open("ab") as log:
            child = processes.start(
                command, environment=self.environment, log=log, at_parents_end=signal.SIGTERM
            )
        self._commands[name], self._children[name] = command, child
        return child

    def watch(self) -> list[str]:
        """Starts every child again that has ended, and names them."""
        ended = [name for name, child in self._children.items() if child.poll() is not None]
        for name in ended:
            self.launch(name, self._commands[name])
        return ended

    def child(self, name: str) -> subprocess.Popen[bytes]:
        """A running child: `web`, or `worker default|solver|notify`."""
        return self._children[name]

    def stop(self) -> None:
        """Ends the web process and the workers."""
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        for child in self._children.values():
            processes.stop(child, signal.SIGTERM)


@contextmanager
def running(
    data: Path,
    *,
    migrate: Callable[[str], None],
    port: int | None = None,
    clock: str | None = None,
    durable: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Platform]:
    """Starts the platform on the data folder. `clock` is the value of DOORSTEP_CLOCK for every process.

    `migrate` brings the database that a URL names up to date.
    """
    with servers.running(data, durable=durable) as found:
        migrate(found.database_url)
        port = port or _port()
        url = f"http://{HOST}:{port}"
        environment = os.environ | {
            "DATABASE_URL": found.database_url,
            "REDIS_URL": found.redis_url,
            "DOORSTEP_SECRET_KEY": found.secret_key,
            "DOORSTEP_DATA": str(data.resolve()),
            "DOORSTEP_PUBLIC_URL": os.environ.get("DOORSTEP_PUBLIC_URL", url),
            **({"DOORSTEP_CLOCK": clock} if clock else {}),
            **(settings or {}),
        }
        platform = Platform(url=url, environment=environment, log=data / "platform.log")
        try:
            web = [sys.executable, "-m", "uvicorn", "--factory", "app.asgi:application", "--host", HOST]
            web += ["--port", str(port), "--log-level", "warning", "--ws", "websockets-sansio"]
            child = platform.launch("web", web)
            for queue in QUEUES:
                platform.launch(f"worker {queue}", [sys.executable, "-m", "app.worker", queue])
            wait_for_port(child, port, name="The web process", log=platform.log)
            yield platform
        finally:
            platform.stop()


def _port() -> int:
    """The first port from 8000 that is free, so that two checkouts run side by side."""
    return next((port for port in range(FIRST_PORT, FIRST_PORT + 100) if places.is_free(port)), 0) or places.free_port()
