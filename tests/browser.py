"""A real Chromium for the tests of the pages, and a real server beside it. Leaves out every stand-in for either."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def find_chromium() -> str | None:
    """The program that $CHROMIUM names, or else the first of the usual ones."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).is_file() else None
    return next((found for name in NAMES if (found := shutil.which(name, path=f"/usr/bin:{os.environ['PATH']}"))), None)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A headless Chromium. Where there is none, the test is skipped with the way to get one."""
    program = find_chromium()
    if program is None:
        pytest.skip(
            "No Chromium was found: set CHROMIUM to its program, or install it (Debian: apt-get install chromium)."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
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
