"""What the handler of a job is given."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.core.database import Database
from app.core.settings import Settings
from app.jobs.travel import RoadTravel


async def _nobody_hears() -> None:
    """A ring where no workers are."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all jobs of a worker process share. `ring` wakes the workers of parts, here and on other machines.

    `travel` None: plans use the great circle. `slots`: a solve takes one; there are as many as the settings let this
    machine run side by side.
    """

    database: Database
    settings: Settings
    ring: Callable[[], Awaitable[None]] = _nobody_hears
    travel: RoadTravel | None = None
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))


@dataclass(frozen=True, kw_only=True)
class Tools(Bench):
    """The bench, and a way to say how far the job is: a share from 0 to 1, and a sentence.

    `asked` is set when somebody wants the job to end with the best so far.
    """

    report: Callable[[float, str], Awaitable[None]]
    asked: asyncio.Event = field(default_factory=asyncio.Event)
