"""An OSRM server of our own, in a process of its own, for an extract: needs the extra `roads` and Python 3.12 or later.

Preparing an extract takes seconds for a town and is done once; its files lie in the data folder. The server ends with
this process.
"""

import asyncio
import hashlib
import importlib.util
import shutil
import subprocess
from pathlib import Path

from app.connectors.roads.osrm import RoadsUnavailable
from app.core.embedded import places, processes, waiting

HOST = "127.0.0.1"
FIRST_PORT = 5_100
# Our own server takes blocks of this many places.
BLOCK = 1_000
DONE = "prepared"


class LocalServer:
    """Starts on first use. `url` raises RoadsUnavailable where the programs or the extract are missing."""

    def __init__(self, extract: Path, *, folder: Path) -> None:
        self._extract = extract
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""
        self._starting = asyncio.Lock()

    async def url(self) -> str:
        """Where it listens."""
        async with self._starting:
            if self._process is None or self._process.poll() is not None:
                await self._start()
        return self._url

    async def _start(self) -> None:
        if not self._extract.is_file():
            raise RoadsUnavailable(f"There is no road extract {self._extract}.")
        programs = programs_folder()
        graph = await self._prepared(programs)
        log = self._folder / "osrm.log"
        with places.reserved_port(FIRST_PORT) as port, log.open("ab") as output:
            command: list[str | Path] = [programs / "osrm-routed", "--algorithm", "ch", "--ip", HOST]
            command += ["--port", str(port), "--max-table-size", str(4 * BLOCK), graph]
            self._process = processes.start(command, log=output)
            try:
                await asyncio.to_thread(
                    waiting.wait_for_port, self._process, port, name="The road server", log=log, host=HOST
                )
            except waiting.NotStarted as failure:
                raise RoadsUnavailable(str(failure)) from failure
        self._url = f"http://{HOST}:{port}"

    async def _prepared(self, programs: Path) -> Path:
        """The extract as a graph that can be searched fast, made once for each version of the file."""
        stat = self._extract.stat()
        stamp = hashlib.sha256(f"{self._extract.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:16]
        folder = self._folder / stamp
        graph = folder / "roads.osrm"
        if (folder / DONE).exists():
            return graph
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / "roads.osm.pbf"
        await asyncio.to_thread(shutil.copyfile, self._extract, copy)
        profile = programs.parent / "share" / "profiles" / "car.lua"
        await _run([programs / "osrm-extract", "--profile", profile, copy], folder)
        await _run([programs / "osrm-contract", graph], folder)
        (folder / DONE).touch()
        return graph

    def stop(self) -> None:
        """Ends the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def programs_folder() -> Path:
    """Where the package keeps its programs; refuses where it is not installed."""
    found = importlib.util.find_spec("osrm")
    if found is not None and found.origin is not None:
        return Path(found.origin).parent / "bin"
    raise RoadsUnavailable(
        "A road extract needs the extra `roads` and Python 3.12 or later: pip install 'doorstep[roads]'."
    )


async def _run(command: list[str | Path], folder: Path) -> None:
    with (folder / "prepare.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*map(str, command), stdout=log, stderr=log)
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
    if code:
        raise RoadsUnavailable(f"{Path(command[0]).name} ended with {code}; {folder / 'prepare.log'} says why.")
