import signal
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core import migrations
from app.core.embedded import platform
from app.core.embedded.waiting import wait_for_port


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="doorstep-platform-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def is_alive(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/graphiql", timeout=20) as response:
        return bool(response.status == 200)


def test_a_killed_web_process_is_started_again_and_everything_ends_with_the_platform(data: Path) -> None:
    with platform.running(data, migrate=migrations.upgrade, durable=False) as running:
        assert is_alive(running.url)
        web = running.child("web")
        web.send_signal(signal.SIGKILL)
        web.wait()
        assert "web" in running.watch()
        port = int(running.url.rpartition(":")[2])
        wait_for_port(running.child("web"), port, name="The web process", log=running.log)
        assert is_alive(running.url)
        children = [*running.servers.processes.values(), *map(running.child, running.names())]
    assert [child.poll() is None for child in children] == [False] * 6
