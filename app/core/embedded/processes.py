"""Child processes that never outlive their parent, kill -9 included."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
ORDINARY_USER = "nobody"
_libc = ctypes.CDLL(None, use_errno=True)


def ends_with_parent(number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends `number` to the child when the thread that started it ends (prctl(2)).

    Set after the change of user, which would clear it. Start children from the main thread only.
    """
    parent = os.getpid()

    def prepare() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, number.value)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare


def ordinary_user() -> pwd.struct_passwd | None:
    """Who runs the servers where this process is root, as PostgreSQL refuses root. None: this very user."""
    return pwd.getpwnam(ORDINARY_USER) if os.geteuid() == 0 else None


def start(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
    as_ordinary_user: bool = False,
    at_parents_end: signal.Signals = signal.SIGKILL,
    keeps_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Starts a child that ends with this process. Its output goes to `log`; it shares the files `keeps_open`."""
    user = ordinary_user() if as_ordinary_user else None
    return subprocess.Popen(  # noqa: S603 - our own commands
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=log or sys.stderr,
        stderr=subprocess.STDOUT,
        env=dict(environment) if environment is not None else None,
        start_new_session=True,
        pass_fds=keeps_open,
        preexec_fn=ends_with_parent(at_parents_end),
        user=None if user is None else user.pw_uid,
        group=None if user is None else user.pw_gid,
        extra_groups=None if user is None else [],
    )


def stop(process: subprocess.Popen[bytes], number: signal.Signals, *, seconds: float = 15) -> None:
    """Asks a child to end, and ends it where it does not listen."""
    if process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
