"""The folders that a carrier's transfer (SFTP, AS2) fills and empties: `out`, `in`, `archive`, `failed`.

A file is complete as soon as it has its name: it is written aside and renamed. Blocking; call it in a thread.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.carriers.edi import x12

UNFINISHED = (".tmp", ".part", ".filepart")
MOST_FILE_BYTES = 5 * 2**20
# A file without its last segment may still be arriving for so long.
ARRIVING = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True)
class IncomingFile:
    """One file as it lies in `in`."""

    path: Path
    text: str


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One carrier's folders."""

    root: Path

    def write(self, name: str, content: str) -> None:
        """Puts a file into `out`; one of the same name there already is replaced by the same."""
        folder = self._folder("out")
        aside = folder / f".{name}.tmp"
        with aside.open("w", encoding="ascii", newline="") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(folder / name)

    def arrived(self, *, wall_now: datetime, limit: int) -> Iterator[IncomingFile]:
        """The complete files in `in`, oldest name first."""
        names = sorted(entry.name for entry in self._folder("in").iterdir() if entry.is_file())
        for name in [name for name in names if not name.startswith(".") and not name.endswith(UNFINISHED)][:limit]:
            path = self.root / "in" / name
            size = path.stat().st_size
            text = path.read_bytes()[:MOST_FILE_BYTES].decode("utf-8", "replace")
            changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if size <= MOST_FILE_BYTES and not x12.is_whole(text) and wall_now - changed < ARRIVING:
                continue
            yield IncomingFile(path=path, text=text)

    def put_away(self, file: IncomingFile, *, where: str, name: str) -> None:
        """Moves a file that was read to `archive` or `failed`; one that is gone was moved by another worker."""
        try:
            file.path.replace(self._folder(where) / name)
        except FileNotFoundError:
            return

    def _folder(self, name: str) -> Path:
        found = self.root / name
        found.mkdir(parents=True, exist_ok=True)
        return found
