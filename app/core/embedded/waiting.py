"""Waiting until a server answers, or has given up."""

import socket
import subprocess
import time
from pathlib import Path

TRIES, PAUSE_SECONDS = 600, 0.05


class NotStarted(Exception):
    """A server could not be started; the message says which one and what its log ends with."""


def wait_for_port(
    process: subprocess.Popen[bytes], port: int, *, name: str, log: Path, host: str = "127.0.0.1"
) -> None:
    """Returns when something listens on the port; raises NotStarted with the log's end where the server died."""
    for _ in range(TRIES):
        if process.poll() is not None:
            raise NotStarted(f"{name} ended at once with {process.returncode}. {log} ends with:\n{_end_of(log)}")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((host, port)) == 0:
                return
        time.sleep(PAUSE_SECONDS)
    raise NotStarted(f"{name} does not answer on port {port}. {log} ends with:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-8:])
