"""A solve in a child process that is killed at its limit, and ends with its parent.

Run as `python -m app.solvers.process`: the request comes pickled on stdin, progress goes out as JSON lines on stderr,
the answer pickled on stdout. Pickles pass only between the two ends of this module, never in from outside.

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
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Literal, overload

from app.solvers.allocation.problem import AllocationProblem
from app.solvers.allocation.solution import AllocationSolution
from app.solvers.lifeline import end_with_parent
from app.solvers.progress import OnProgress, Progress, silent
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.solution import RoutingSolution
from app.solvers.stopping import StoppingRule

Kind = Literal["routing", "allocation"]
# Imported by name, so that a child loads only the engine it runs.
ENGINES: dict[str, str] = {
    "routing": "app.solvers.routing.ortools_engine",
    "allocation": "app.solvers.allocation.engine",
}
PROGRESS_PREFIX = b"progress "
LAST_WORDS = 20
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
    problem: RoutingProblem | AllocationProblem
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
) -> RoutingSolution: ...
@overload
async def solve_in_process(
    kind: Literal["allocation"],
    problem: AllocationProblem,
    *,
    stop: StoppingRule,
    seed: int,
    limit_seconds: float,
    on_progress: OnProgress | None = None,
) -> AllocationSolution: ...
async def solve_in_process(
    kind: Kind,
    problem: RoutingProblem | AllocationProblem,
    *,
    stop: StoppingRule,
    seed: int,
    limit_seconds: float,
    on_progress: OnProgress | None = None,
) -> RoutingSolution | AllocationSolution:
    """The engine's answer. The child is gone when this returns, raises or is cancelled.

    `limit_seconds` is the whole life of the child, its start included: leave it several seconds above the rule's own.
    """
    if kind not in ENGINES:
        raise ValueError(f"There is no solver {kind}; there are {', '.join(ENGINES)}.")
    request = pickle.dumps(Request(kind=kind, problem=problem, stop=stop, seed=seed, parent=os.getpid()))
    answer: RoutingSolution | AllocationSolution = pickle.loads(  # noqa: S301 - from our own child
        await run_child(
            [sys.executable, "-m", "app.solvers.process"],
            request,
            limit_seconds=limit_seconds,
            on_progress=on_progress or silent,
        )
    )
    return answer


async def run_child(command: list[str], request: bytes, *, limit_seconds: float, on_progress: OnProgress) -> bytes:
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
    try:
        async with asyncio.timeout(limit_seconds):
            return await _converse(child, request, on_progress)
    except TimeoutError:
        raise SolverTimedOut(f"The solver did not answer within {limit_seconds} seconds and was stopped.") from None
    finally:
        await _end(child)


async def _converse(child: asyncio.subprocess.Process, request: bytes, on_progress: OnProgress) -> bytes:
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise AssertionError("A child was started without its pipes.")
    last_words: deque[str] = deque(maxlen=LAST_WORDS)
    async with asyncio.TaskGroup() as group:
        group.create_task(_send(child.stdin, request))
        group.create_task(_listen(child.stderr, on_progress, last_words))
        answer = group.create_task(child.stdout.read())
    code = await child.wait()
    if code != 0:
        words = "\n".join(last_words) or "It said nothing."
        raise SolverCrashed(f"The solver ended with {_ending(code)}. {words}")
    return answer.result()


async def _send(pipe: asyncio.StreamWriter, request: bytes) -> None:
    try:
        pipe.write(request)
        await pipe.drain()
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


def answer_request(source: IO[bytes], target: IO[bytes]) -> None:
    """The child's whole life: one request in, one answer out."""
    request: Request = pickle.load(source)  # noqa: S301 - from our own parent
    end_with_parent(request.parent)
    engine: Any = importlib.import_module(ENGINES[request.kind])
    solution = engine.solve(request.problem, stop=request.stop, seed=request.seed, on_progress=_tell)
    target.write(pickle.dumps(solution))
    target.flush()


def main() -> None:
    """Answers on the real stdout; what a library prints goes to stderr, where it cannot spoil the answer."""
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answer_request(sys.stdin.buffer, target)


if __name__ == "__main__":
    # Under `-m` this module is __main__; the parent pickled app.solvers.process.Request.
    from app.solvers.process import main as run

    run()
