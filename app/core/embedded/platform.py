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
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - only where the caller asks for it
FIRST_PORT = 8000
GRACE_SECONDS = "5"
MOST_LOOKS_BETWEEN_STARTS = 32


class ServerEnded(Exception):
    """PostgreSQL or Valkey has ended by itself: the platform cannot go on."""


@dataclass(kw_only=True)
class Restarts:
    """When a child that has ended is started again, counted in looks."""

    pause: int = 1
    waited: int = 0
    lived: int = 0

    def is_due(self, *, lives: bool) -> bool:
        """Whether to start it at this look. A child that lived through the longest pause starts at once again."""
        if lives:
            self.lived += 1
            if self.lived >= MOST_LOOKS_BETWEEN_STARTS:
                self.pause = 1
            return False
        self.lived, self.waited = 0, self.waited + 1
        if self.waited < self.pause:
            return False
        self.waited, self.pause = 0, min(self.pause * 2, MOST_LOOKS_BETWEEN_STARTS)
        return True


@dataclass(kw_only=True)
class Platform:
    """A running platform. `watch` starts again what has died."""

    url: str
    environment: Mapping[str, str]
    log: Path
    servers: servers.Servers
    _commands: dict[str, list[str]] = field(default_factory=dict)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _restarts: dict[str, Restarts] = field(default_factory=dict)

    def launch(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """Starts a named child that `watch` looks after."""
        with self.log.open("ab") as log:
            child = processes.start(command, environment=self.environment, log=log)
        self._commands[name], self._children[name] = command, child
        return child

    def watch(self) -> list[str]:
        """Looks at every child: starts again what has ended, and names it. Raises ServerEnded where a server has.

        A child that ends again and again is started after 1, 2, 4 ... looks, so that it fills no log.
        """
        if (server := self.servers.ended()) is not None:
            raise ServerEnded(f"{server} has ended by itself; servers.log beside {self.log} says why.")
        started = [
            name
            for name, child in self._children.items()
            if self._restarts.setdefault(name, Restarts()).is_due(lives=child.poll() is None)
        ]
        for name in started:
            self.launch(name, self._commands[name])
        return started

    def names(self) -> list[str]:
        """The names of the web process and the workers."""
        return list(self._children)

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
    host: str = HOST,
    port: int | None = None,
    clock: str | None = None,
    durable: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Platform]:
    """Starts the platform on the data folder. `clock` is the value of DOORSTEP_CLOCK for every process.

    `migrate` brings the database that a URL names up to date.
    """
    with servers.running(data, durable=durable) as found, places.reserved_port(port or FIRST_PORT) as port:
        migrate(found.database_url)
        reachable = HOST if host == EVERY_ADDRESS else host
        url = f"http://{reachable}:{port}"
        places.note_url(data, url)
        environment = os.environ | {
            "DATABASE_URL": found.database_url,
            "REDIS_URL": found.redis_url,
            "DOORSTEP_SECRET_KEY": found.secret_key,
            "DOORSTEP_DATA": str(data.resolve()),
            "DOORSTEP_PUBLIC_URL": os.environ.get("DOORSTEP_PUBLIC_URL", url),
            **({"DOORSTEP_CLOCK": clock} if clock else {}),
            **(settings or {}),
        }
        platform = Platform(url=url, environment=environment, log=data / "platform.log", servers=found)
        try:
            web = [sys.executable, "-m", "uvicorn", "--factory", "app.asgi:application", "--host", host]
            web += ["--port", str(port), "--log-level", "warning", "--ws", "websockets-sansio"]
            web += ["--timeout-graceful-shutdown", GRACE_SECONDS]
            child = platform.launch("web", web)
            for queue in QUEUES:
                platform.launch(f"worker {queue}", [sys.executable, "-m", "app.worker", queue])
            wait_for_port(child, port, name="The web process", log=platform.log, host=reachable)
            yield platform
        finally:
            platform.stop()
