"""Waiting in business time, and for jobs."""

import asyncio
from datetime import datetime
from typing import Any

from app.core import clock
from app.simulator.client import Client, Refused

POLL_SECONDS = 0.5


async def until(moment: datetime) -> None:
    """Sleeps until business time reaches `moment`."""
    while (left := moment - clock.now()).total_seconds() > 0:  # noqa: ASYNC110 - a clock has no event
        await asyncio.sleep(min(clock.wall_seconds(left), 5.0))


async def job(client: Client, job_id: str) -> dict[str, Any]:
    """Waits until a job has ended; raises where it failed."""
    while True:
        found = (await client.run("Job", {"id": job_id}))["job"]
        if found["state"] == "SUCCEEDED":
            return dict(found)
        if found["state"] in ("FAILED", "CANCELLED"):
            raise Refused(f"{found['kind']} {found['state']}: {found['error']}")
        await asyncio.sleep(POLL_SECONDS)
