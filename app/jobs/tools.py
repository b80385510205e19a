"""What the handler of a job is given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.core.database import Database
from app.core.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Tools:
    """The database, the settings, and a way to say how far the job is: a share from 0 to 1, and a sentence."""

    database: Database
    settings: Settings
    report: Callable[[float, str], Awaitable[None]]
