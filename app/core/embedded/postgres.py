"""PostgreSQL: initdb once, then a server on a free loopback port."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.core.embedded import places, processes
from app.core.embedded.waiting import NotStarted, wait_for_port

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
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
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


def start(folder: Path, *, password: str, durable: bool, log: IO[bytes], lock: IO[bytes]) -> Postgres:
    """Starts the server on the data in `folder`, made where there is none. Who calls holds the folder's `lock`."""
    programs = places.postgres_binaries()
    data = folder / "postgresql"
    if not (data / "PG_VERSION").exists():
        _initialise(programs, data, password=password, log=log)
    # The lock says that no server runs here, so this is what a kill left; its number may be another process's by now.
    (data / "postmaster.pid").unlink(missing_ok=True)
    port = places.free_port()
    options = SMALL_MACHINE | ({} if durable else THROW_AWAY) | {"port": str(port)}
    process = processes.start(
        [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in options.items())],
        environment=ENVIRONMENT,
        log=log,
        as_ordinary_user=True,
        at_parents_end=signal.SIGINT,
        keeps_open=[lock.fileno()],
    )
    wait_for_port(process, port, name="PostgreSQL", log=Path(log.name))
    return Postgres(process=process, url=f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres")


def _initialise(programs: Path, data: Path, *, password: str, log: IO[bytes]) -> None:
    """Makes the data folder beside its place and moves it there whole, so that no kill leaves half of one."""
    partial, password_file = data.with_name("postgresql.partial"), data.with_name("password")
    shutil.rmtree(partial, ignore_errors=True)
    places.own(partial)
    password_file.unlink(missing_ok=True)
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if (user := processes.ordinary_user()) is not None:
        os.chown(password_file, user.pw_uid, user.pw_gid)
    initdb = processes.start(
        [
            programs / "initdb",
            f"--pgdata={partial}",
            f"--username={USER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ],
        environment=ENVIRONMENT,
        log=log,
        as_ordinary_user=True,
    )
    ended_with = initdb.wait()
    password_file.unlink()
    if ended_with != 0:
        raise NotStarted(f"PostgreSQL could not make its data folder {data}; {log.name} says why.")
    partial.rename(data)
