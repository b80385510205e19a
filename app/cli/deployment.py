"""Where this deployment is, and units of work on its database, for every command."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson
from rich.console import Console

from app.core.database import Database, Session
from app.core.embedded.connection import connected
from app.core.errors import Refusal

ROOT = Path(__file__).parents[2]

Found = TypeVar("Found")

console = Console(highlight=False, soft_wrap=True)


def data_folder() -> Path:
    """Where this deployment keeps its data: DOORSTEP_DATA, or `.doorstep` in the checkout."""
    return Path(os.environ.get("DOORSTEP_DATA") or ROOT / ".doorstep")


def on_database(work: Callable[[Session, str], Awaitable[Found]]) -> Found:
    """Runs one unit of work, given the deployment's secret, beside `doorstep up` or without it."""
    with connected(data_folder()) as connection:

        async def run() -> Found:
            database = Database(connection.database_url, pool_size=1)
            try:
                return await database.run(lambda session: work(session, connection.secret_key))
            finally:
                await database.close()

        try:
            return asyncio.run(run())
        except Refusal as refusal:
            sys.exit(refusal.message)


def read_json(file: Path) -> Any:
    """What a file holds; ends with a sentence where it is no JSON."""
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        sys.exit(f"{file} is no JSON: {error}.")
