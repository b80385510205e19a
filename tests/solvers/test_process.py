import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.solvers.process import SOURCE_ROOT, SolverCrashed, SolverTimedOut, run_child, solve_in_process
from app.solvers.progress import Progress, silent
from app.solvers.stopping import StoppingRule
from tests.solvers.allocation.cases import option, order, table

GIVEN = table(
    order(option(100, stock=1), option(110)),
    order(option(100, stock=1), option(500)),
    stock=1,
)
LINGER = "import os,sys,time; open(sys.argv[1],'w').write(str(os.getpid())); time.sleep(600)"


def is_alive(pid: int) -> bool:
    """A process that has ended but was not yet collected counts as gone."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def noted(path: Path) -> int | None:
    """The process id that a child wrote there; None: not yet."""
    text = path.read_text() if path.exists() else ""
    return int(text) if text else None


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.02)


async def pid_in(path: Path) -> int:
    await until(lambda: noted(path) is not None)
    pid = noted(path)
    assert pid is not None
    return pid


async def until_gone(pid: int) -> None:
    await until(lambda: not is_alive(pid))


async def test_a_child_gives_the_engines_answer_and_tells_how_far_it_is() -> None:
    told: list[Progress] = []
    solution = await solve_in_process(
        "allocation", GIVEN, stop=StoppingRule(seconds=20), seed=0, limit_seconds=60, on_progress=told.append
    )
    assert solution.chosen.tolist() == [1, 2]
    fractions = [progress.fraction for progress in told]
    assert (fractions[0], fractions[-1]) == (0.0, 0.95)
    assert fractions == sorted(fractions)


async def test_a_child_that_is_too_slow_is_gone_at_its_limit(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(SolverTimedOut, match=r"within 1\.5 seconds"):
        await run_child([sys.executable, "-c", LINGER, str(note)], b"", limit_seconds=1.5, on_progress=silent)
    assert not is_alive(await pid_in(note))


async def test_what_a_slow_child_started_is_gone_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    starts_another = f"import subprocess,sys; subprocess.run([sys.executable, '-c', {LINGER!r}, sys.argv[1]])"
    with pytest.raises(SolverTimedOut):
        await run_child([sys.executable, "-c", starts_another, str(note)], b"", limit_seconds=2, on_progress=silent)
    await until_gone(await pid_in(note))


async def test_a_cancelled_caller_takes_its_child_along(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child = [sys.executable, "-c", LINGER, str(note)]
    task = asyncio.create_task(run_child(child, b"", limit_seconds=600, on_progress=silent))
    pid = await pid_in(note)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(pid)


async def test_a_killed_parent_takes_its_child_along(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    slow = (
        "import os,time,app.solvers.lifeline as p\n"
        f"p.end_with_parent(os.getppid()); open({str(note)!r},'w').write(str(os.getpid())); time.sleep(600)"
    )
    starter = f"import subprocess,sys; subprocess.run([sys.executable, '-c', {slow!r}])"
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", starter, cwd=SOURCE_ROOT)
    pid = await pid_in(note)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    await until_gone(pid)


async def test_a_child_that_fails_says_its_last_words() -> None:
    broken = table(order(), order(penalty=-5))
    with pytest.raises(SolverCrashed, match="Order 1 has the penalty -5"):
        await solve_in_process("allocation", broken, stop=StoppingRule(seconds=5), seed=0, limit_seconds=60)


async def test_a_child_that_is_killed_names_the_signal() -> None:
    suicide = "import os,signal; os.kill(os.getpid(), signal.SIGSEGV)"
    with pytest.raises(SolverCrashed, match="signal SIGSEGV"):
        await run_child([sys.executable, "-c", suicide], b"x" * 1_000_000, limit_seconds=60, on_progress=silent)


async def test_an_unknown_solver_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no solver magic; there are routing, allocation"):
        await solve_in_process("magic", GIVEN, stop=StoppingRule(seconds=5), seed=0, limit_seconds=5)  # type: ignore[call-overload]  # the wrong name is the point


async def test_a_child_hears_that_it_is_asked_to_end() -> None:
    asked, heard = asyncio.Event(), []
    said = 'progress {"fraction": 0, "message": "reading"}'
    waits = f"import sys; sys.stdin.buffer.read(3); print({said!r}, file=sys.stderr, flush=True)"
    waits += "; sys.stdout.buffer.write(b'asked' if sys.stdin.buffer.read(1) == b'!' else b'alone')"

    def note(progress: Progress) -> None:
        heard.append(progress.message)
        asked.set()

    child = [sys.executable, "-c", waits]
    answer = await run_child(child, b"job", limit_seconds=30, on_progress=note, asked=asked)
    assert (answer, heard) == (b"asked", ["reading"])
