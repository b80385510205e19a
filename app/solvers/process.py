"""A solve in a child process that is killed at its limit, and ends with its parent.

Run as `python -m app.solvers.process`: the request comes pickled on stdin, progress goes out as JSON lines on stderr,
the answer pickled on stdout. One more byte on stdin asks it to end with the best so far. Pickles pass only between the
two ends of this module, never in from outside.

    SolverFailed        there is no answer
    |-- SolverTimedOut  the child did not answer within its limit, and is gone
    +-- SolverCrashed   the child ended by a fault or a signal; the message holds its last words
"""

import asyncio
import contextlib
import importlib
import json
import os
import pickle
import signal
import sys
import threading
from collections import deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal, overload

from app.solvers.allocation.solution import AllocationSolution
from app.solvers.allocation.table import AllocationTable
from app.solvers.lifeline import end_with_parent
from app.solvers.progress import OnProgress, Progress, silent
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.solution import RoutingSolution
from app.solvers.stopping import StoppingRule

Kind = Literal["routing", "allocation"]
# Imported by name, so that a child loads only the engine it runs.
ENGINES: dict[str, str] = {
    "routing": "app.solvers.routing.engine",
    "allocation": "app.solvers.allocation.engine",
}
PROGRESS_PREFIX = b"progress "
LAST_WORDS = 20
LENGTH_BYTES = 8
ASK = b"!"
MOST_LINE_BYTES = 2**20
SOURCE_ROOT = Path(__file__).resolve().parents[2]


class SolverFailed(Exception):
    """There is no answer."""


class SolverTimedOut(SolverFailed):
    """The child did not answer within its limit, and is gone."""


class SolverCrashed(SolverFailed):
    """The child ended without an answer."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a child is asked. `parent` is the process it must not outlive."""

    kind: str
    problem: RoutingProblem | AllocationTable
    stop: StoppingRule
    seed: int
    parent: int


@overload
async def solve_in_process(
    kind: Literal["routing"],
    problem: RoutingProblem,
    *,
    stop: StoppingRule,
    seed: int,
    limit_seconds: float,
    on_progress: OnProgress | None = None,
    asked: asyncio.Event | None = None,
) -> RoutingSolution: ...
@overload
async def solve_in_process(
    kind: Literal["allocation"],
    problem: AllocationTable,
    *,
    stop: StoppingRule,
    seed: int,
    limit_seconds: float,
    on_progress: OnProgress | None = None,
    asked: asyncio.Event | None = None,
) -> AllocationSolution: ...
async def solve_in_process(
    kind: Kind,
    problem: RoutingProblem | AllocationTable,
    *,
    stop: StoppingRule,
    seed: int,
    limit_seconds: float,
    on_progress: OnProgress | None = None,
    asked: asyncio.Event | None = None,
) -> RoutingSolution | AllocationSolution:
    """The engine's answer. The child is gone when this returns, raises or is cancelled.

    `limit_seconds` is the whole life of the child, its start included: leave it several seconds above the rule's own.
    `asked`, once set, asks the child to end its search with the best so far.
    """
    if kind not in ENGINES:
        raise ValueError(f"There is no solver {kind}; there are {', '.join(ENGINES)}.")
    words = pickle.dumps(Request(kind=kind, problem=problem, stop=stop, seed=seed, parent=os.getpid()))
    request = len(words).to_bytes(LENGTH_BYTES, "big") + words
    answer: RoutingSolution | AllocationSolution = pickle.loads(  # noqa: S301 - from our own child
        await run_child(
            [sys.executable, "-m", "app.solvers.process"],
            request,
            limit_seconds=limit_seconds,
            on_progress=on_progress or silent,
            asked=asked,
        )
    )
    return answer


async def warm_up(*, limit_seconds: float) -> None:
    """Compiles the routing engine in a child, where this machine has not done so yet; later ones only load the code."""
    command = [sys.executable, "-m", "app.solvers.routing.warming"]
    await run_child(command, b"", limit_seconds=limit_seconds, on_progress=silent)


async def run_child(
    command: list[str],
    request: bytes,
    *,
    limit_seconds: float,
    on_progress: OnProgress,
    asked: asyncio.Event | None = None,
) -> bytes:
    """What the child wrote on stdout; killed, with all it started, at the limit or when the caller is cancelled."""
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=SOURCE_ROOT,
        start_new_session=True,
        limit=MOST_LINE_BYTES,
    )
    sent = asyncio.Event()
    asking = None if asked is None else asyncio.create_task(_ask(child, sent, asked))
    try:
        async with asyncio.timeout(limit_seconds):
            return await _converse(child, request, on_progress, None if asked is None else sent)
    except TimeoutError:
        raise SolverTimedOut(f"The solver did not answer within {limit_seconds} seconds and was stopped.") from None
    finally:
        if asking is not None:
            asking.cancel()
        await _end(child)


async def _ask(child: asyncio.subprocess.Process, sent: asyncio.Event, asked: asyncio.Event) -> None:
    await sent.wait()
    await asked.wait()
    if child.stdin is not None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            child.stdin.write(ASK)
            await child.stdin.drain()


async def _converse(
    child: asyncio.subprocess.Process, request: bytes, on_progress: OnProgress, sent: asyncio.Event | None
) -> bytes:
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise AssertionError("A child was started without its pipes.")
    last_words: deque[str] = deque(maxlen=LAST_WORDS)
    async with asyncio.TaskGroup() as group:
        group.create_task(_send(child.stdin, request, sent))
        group.create_task(_listen(child.stderr, on_progress, last_words))
        answer = group.create_task(child.stdout.read())
    code = await child.wait()
    if code != 0:
        words = "\n".join(last_words) or "It said nothing."
        raise SolverCrashed(f"The solver ended with {_ending(code)}. {words}")
    return answer.result()


async def _send(pipe: asyncio.StreamWriter, request: bytes, sent: asyncio.Event | None) -> None:
    """The request, and then the pipe's end, unless `sent` is to be told because more may follow."""
    try:
        pipe.write(request)
        await pipe.drain()
        if sent is not None:
            sent.set()
            return
        pipe.close()
        await pipe.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return  # the child is already gone; its exit code tells why


async def _listen(pipe: asyncio.StreamReader, on_progress: OnProgress, last_words: deque[str]) -> None:
    while line := await pipe.readline():
        if line.startswith(PROGRESS_PREFIX):
            on_progress(Progress(**json.loads(line.removeprefix(PROGRESS_PREFIX))))
        else:
            last_words.append(line.decode(errors="replace").rstrip())


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


async def _end(child: asyncio.subprocess.Process) -> None:
    """Kills the child's whole session and waits until it is gone."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


def _tell(progress: Progress) -> None:
    sys.stderr.buffer.write(PROGRESS_PREFIX + json.dumps(asdict(progress)).encode() + b"\n")
    sys.stderr.buffer.flush()


def _exactly(source: IO[bytes], count: int) -> bytes:
    """So many bytes of an unbuffered pipe, and not one more: what follows is for `_wait_for_ask`."""
    parts: list[bytes] = []
    while count:
        part = source.read(min(count, MOST_LINE_BYTES))
        if not part:
            raise EOFError("The parent ended before it had sent the whole request.")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _wait_for_ask(source: IO[bytes], asked: threading.Event) -> None:
    if source.read(1) == ASK:
        asked.set()


def answer_request(source: IO[bytes], target: IO[bytes]) -> None:
    """The child's whole life: one request in, one answer out."""
    length = int.from_bytes(_exactly(source, LENGTH_BYTES), "big")
    request: Request = pickle.loads(_exactly(source, length))  # noqa: S301 - from our own parent
    end_with_parent(request.parent)
    asked = threading.Event()
    threading.Thread(target=_wait_for_ask, args=(source, asked), daemon=True).start()
    engine: Any = importlib.import_module(ENGINES[request.kind])
    stop = replace(request.stop, is_asked=asked.is_set)
    solution = engine.solve(request.problem, stop=stop, seed=request.seed, on_progress=_tell)
    target.write(pickle.dumps(solution))
    target.flush()


def main() -> None:
    """Answers on the real stdout; what a library prints goes to stderr, where it cannot spoil the answer."""
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answer_request(open(0, "rb", buffering=0, closefd=False), target)  # noqa: SIM115 - ends with the process


if __name__ == "__main__":
    # Under `-m` this module is __main__; the parent pickled app.solvers.process.Request.
    from app.solvers.process import main as run

    run()
