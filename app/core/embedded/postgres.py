"""PostgreSQL: initdb once, then a server on a free loopback port."""

import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.core.embedded import places, processes
from app.core.embedded.waiting import wait_for_port

USER = "doorstep"
SMALL_MACHINE = {
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "log_min_messages": "warning",
}
# Nothing of this outlives a power cut: for throw-away databases.
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is on disk."""
        processes.stop(self.process, signal.SIGINT)


def start(folder: Path, *, password: str, durable: bool, log: IO[bytes]) -> Postgres:
    """Starts the server on the data in `folder`, made where there is none."""
    programs = places.postgres_binaries()
    data = folder / "postgresql"
    if not (data / "PG_VERSION").exists():
        _initialise(programs, data, password=password, log=log)
    port = places.free_port()
    options = SMALL_MACHINE | ({} if durable else THROW_AWAY) | {"port": str(port)}
    process = processes.start(
        [programs / "postgres", "-D", data, *(part for key, value in options.items() for part in ("-c", f"{key}={value}"))],
        environment={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        log=log,
        as_ordinary_user=True,
        at_parents_end=signal.SIGINT,
    )
    wait_for_port(process, port, name="PostgreSQL", log=Path(log.name))
    return Postgres(process=process, url=f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres")


def _initialise(programs: Path, data: Path, *, password: str, log: IO[bytes]) -> None:
    places.own(data)
    with tempfile.NamedTemporaryFile("w", suffix=".pw") as file:
        file.write(password)
        file.flush()
        if (user := processes.ordinary_user()) is not None:
            os.chown(file.name, user.pw_uid, user.pw_gid)
        process = processes.start(
            [
                programs / "initdb",
                f"--pgdata={data}",
                f"--username={USER}",
                f"--pwfile={file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-instructions",
            ],
            environment={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            log=log,
            as_ordinary_user=True,
        )
        if process.wait() != 0:
            raise RuntimeError(f"PostgreSQL could not make its data folder {data}; {log.name} says why.")
