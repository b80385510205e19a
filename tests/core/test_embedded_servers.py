import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from redis import Redis

from app.core.embedded import places, processes, servers
from app.core.embedded.places import AlreadyRunning
from app.core.embedded.platform import MOST_LOOKS_BETWEEN_STARTS, Restarts

TRIES, PAUSE_SECONDS = 400, 0.05

# A process of its own that starts both servers on the folder it is given, prints their addresses and waits.
HOLDER = """
import sys, time
from pathlib import Path
from app.core.embedded import servers
with servers.running(Path(sys.argv[1]), environment={}) as found:
    print(found.database_url, found.redis_url, *(p.pid for p in found.processes.values()), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """A folder that the servers' user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="doorstep-deployment-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def private_data(data: Path) -> Iterator[Path]:
    """A folder below one that only its owner may enter."""
    data.chmod(0o700)
    yield data / "private"
    shutil.rmtree(places.server_folder(data / "private"), ignore_errors=True)


class Holder:
    """Somebody else who runs the servers on this folder."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-c", HOLDER, str(data)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.database_url, self.redis_url, *pids = self.process.stdout.readline().split()
        self.children = [int(pid) for pid in pids]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def run(url: str, *statements: str) -> object:
    async def work() -> object:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(work())


def eventually_gone(pid: int) -> bool:
    for _ in range(TRIES):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(PAUSE_SECONDS)
    return False


def test_a_second_start_finds_the_data_of_the_first_again(data: Path) -> None:
    with servers.running(data, environment={}) as first:
        run(first.database_url, "create table kept (value integer)", "insert into kept values (7) returning value")
        with Redis.from_url(first.redis_url) as redis:
            redis.set("kept", "8")
    with servers.running(data, environment={}) as second:
        assert run(second.database_url, "select value from kept") == 7
        with Redis.from_url(second.redis_url) as redis:
            assert redis.get("kept") == b"8"
        assert second.secret_key == first.secret_key


def test_data_below_a_private_folder_is_found_again_and_is_gone_once_that_folder_is_removed(private_data: Path) -> None:
    for _ in range(2):
        with servers.running(private_data, environment={}) as found:
            run(found.database_url, "create table if not exists kept (value integer)", "select 1")
    shutil.rmtree(private_data)
    with servers.running(private_data, environment={}) as found:
        assert run(found.database_url, "select to_regclass('kept')") is None


def test_killing_the_parent_ends_both_servers_and_the_next_start_finds_what_was_committed(data: Path) -> None:
    holder = Holder(data)
    run(holder.database_url, "create table kept (value integer)", "insert into kept values (7) returning value")
    with Redis.from_url(holder.redis_url) as redis:
        redis.set("kept", "8")
    holder.kill()
    with servers.running(data, environment={}) as found:  # at once: it waits for the servers that are still ending
        assert [eventually_gone(pid) for pid in holder.children] == [True, True]
        assert run(found.database_url, "select value from kept") == 7
        with Redis.from_url(found.redis_url) as redis:
            assert redis.get("kept") == b"8"


def test_a_second_process_on_the_same_data_is_refused_and_the_first_goes_on(data: Path) -> None:
    holder = Holder(data)
    try:
        with (
            pytest.raises(AlreadyRunning, match=f"already runs on {data}. Stop it first"),
            servers.running(data, environment={}),
        ):
            pass
        assert run(holder.database_url, "select 1") == 1
    finally:
        holder.kill()
        assert [eventually_gone(pid) for pid in holder.children] == [True, True]


def test_a_pid_file_that_names_a_living_stranger_does_not_stop_a_start(data: Path) -> None:
    with servers.running(data, environment={}):
        pass
    # Of the servers' own user, and not this process: PostgreSQL itself passes over others, and over its parent.
    stranger = processes.start(["sleep", "600"], as_ordinary_user=True)
    pid_file = places.server_folder(data) / "postgresql" / "postmaster.pid"
    pid_file.write_text(f"{stranger.pid}\n{pid_file.parent}\n0\n5432\n\n127.0.0.1\n")
    if (user := processes.ordinary_user()) is not None:
        os.chown(pid_file, user.pw_uid, user.pw_gid)
    try:
        with servers.running(data, environment={}) as found:
            assert run(found.database_url, "select 1") == 1
    finally:
        processes.stop(stranger, signal.SIGKILL)


def test_half_a_data_folder_that_a_kill_left_is_made_anew(data: Path) -> None:
    partial = places.server_folder(data) / "postgresql.partial"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    with servers.running(data, environment={}) as found:
        assert run(found.database_url, "select 1") == 1
    assert not partial.exists()


def test_a_wrong_password_opens_neither_server(data: Path) -> None:
    with servers.running(data, environment={}) as found:
        password = places.secret(data, "database.key")
        with pytest.raises(asyncpg.InvalidPasswordError):
            run(found.database_url.replace(password, "wrong"), "select 1")
        without_password = f"redis://{found.redis_url.rpartition('@')[2]}"
        with Redis.from_url(without_password) as redis, pytest.raises(Exception, match="Authentication required"):
            redis.ping()


def test_secrets_are_for_their_owner_only(data: Path) -> None:
    with servers.running(data, environment={}):
        secret_files = [*data.glob("*.key"), data / "valkey" / "valkey.conf"]
        assert len(secret_files) == 4
        assert {stat.S_IMODE(path.stat().st_mode) for path in secret_files} == {0o600}


def test_named_servers_are_used_and_nothing_is_started(data: Path) -> None:
    environment = {"DATABASE_URL": "postgresql://elsewhere/doorstep", "REDIS_URL": "redis://elsewhere:6379/3"}
    with servers.running(data, environment=environment) as found:
        assert found.database_url == "postgresql://elsewhere/doorstep"
        assert found.redis_url == "redis://elsewhere:6379/3"
        assert found.processes == {}
    assert not (data / "servers" / "postgresql").exists()


def test_a_server_that_ends_by_itself_is_named(data: Path) -> None:
    with servers.running(data, environment={}) as found:
        assert found.ended() is None
        found.processes["Valkey"].send_signal(signal.SIGKILL)
        found.processes["Valkey"].wait()
        assert found.ended() == "Valkey"


def test_two_deployments_that_start_together_get_two_ports() -> None:
    with places.reserved_port(8000) as one:
        with places.reserved_port(one) as other:
            assert other != one
        with places.reserved_port(one) as again:
            assert again != one


def test_a_child_that_keeps_ending_is_started_ever_more_rarely() -> None:
    restarts = Restarts()
    looks = [restarts.is_due(lives=False) for _ in range(31)]
    assert [look for look, is_due in enumerate(looks, start=1) if is_due] == [1, 3, 7, 15, 31]


def test_a_child_that_has_lived_for_long_is_started_again_at_once() -> None:
    restarts = Restarts(pause=16)
    for _ in range(MOST_LOOKS_BETWEEN_STARTS):
        assert not restarts.is_due(lives=True)
    assert restarts.is_due(lives=False)
