"""A real Chromium for the tests of the pages, and a real server beside it. Leaves out every stand-in for either.

`python -m tests.browser` sees to it that there is one: where the machine has none, Debian's is unpacked into the
environment, with the libraries that the machine lacks. That needs apt-get, and no rights.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright
from starlette.applications import Starlette

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
START_LIMIT_SECONDS = 30


UNPACKED = Path(sys.prefix) / "chromium"


@dataclass(frozen=True, kw_only=True)
class Chromium:
    """A program, and the folder of libraries that were unpacked with it; None: the machine has them all."""

    program: Path
    root: Path | None = None

    def environment(self) -> dict[str, str | float | bool]:
        """What it is started with."""
        if self.root is None:
            return dict(os.environ)
        folders = sorted({str(library.parent) for library in self.root.rglob("*.so*")})
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(folders)}


def find_chromium() -> Chromium | None:
    """The program that $CHROMIUM names; else the first of the usual ones; else what was unpacked."""
    named = os.environ.get("CHROMIUM")
    if named:
        return Chromium(program=Path(named)) if Path(named).is_file() else None
    for name in NAMES:
        found = shutil.which(name, path=f"/usr/bin:{os.environ['PATH']}")
        if found:
            return Chromium(program=Path(found))
    program = UNPACKED / "usr/lib/chromium/chromium"
    if not program.is_file():
        return None
    return Chromium(program=program, root=UNPACKED)


def unpack_chromium(into: Path) -> None:
    """Debian's Chromium and what it needs beyond what is installed. Raises CalledProcessError or OSError."""
    with TemporaryDirectory() as work:
        for folder in ("lists/partial", "archives/partial"):
            (Path(work) / folder).mkdir(parents=True)
        settings = {
            "Dir::State": work,
            "Dir::State::status": "/var/lib/dpkg/status",
            "Dir::Cache": work,
            "Debug::NoLocking": "1",
            "APT::Sandbox::User": "",
        }
        apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
        subprocess.run([*apt, "update"], check=True, capture_output=True)
        wanted = ["--download-only", "--no-install-recommends", "--yes", "chromium"]
        subprocess.run([*apt, "install", *wanted], check=True, capture_output=True)
        half = into.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        for package in sorted(Path(work).glob("archives/*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, half], check=True, capture_output=True)
        half.rename(into)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A headless Chromium. Where there is none, the test is skipped with the way to get one."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(
            "No Chromium was found: set CHROMIUM to its program, or install it (Debian: apt-get install chromium)."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.program,
            args=ARGUMENTS,
            env=chromium.environment(),
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """The application on a free loopback port, in a thread of its own. Gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("The server of this test did not start.")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_LIMIT_SECONDS)


def main() -> None:
    """Unpack a Chromium where there is none."""
    if find_chromium() is not None:
        return
    print("Fetching Chromium for the tests of the pages; this takes up to a minute.")
    try:
        unpack_chromium(UNPACKED)
    except (OSError, subprocess.CalledProcessError) as fault:
        print(f"There is no Chromium here, so the tests of the pages are skipped: {fault}")


if __name__ == "__main__":
    main()
