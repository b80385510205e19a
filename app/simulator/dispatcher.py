"""A dispatcher: allocates what came in, has it planned, and publishes."""

from datetime import date
from typing import Any

from app.simulator import waiting
from app.simulator.client import Client


class Dispatcher:
    """Presses the two buttons of the console, and reads the board."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def allocate(self) -> dict[str, Any]:
        """Allocates everything that waits."""
        payload = await self._client.do("AllocateOrders", {"input": {}})
        return await waiting.job(self._client, payload["job"]["id"])

    async def plan(self, *, day: date, seconds: int) -> dict[str, Any]:
        """Plans and publishes the day's routes of all nodes."""
        payload = await self._client.do(
            "PlanRoutes", {"input": {"date": day.isoformat(), "seconds": seconds, "publish": True}}
        )
        return await waiting.job(self._client, payload["job"]["id"])

    async def board(self, *, day: date) -> dict[str, Any]:
        """The day at a glance."""
        return dict((await self._client.run("Board", {"date": day.isoformat()}))["board"])

    async def report(self, *, day: date) -> dict[str, Any]:
        """What the day came to."""
        return dict((await self._client.run("DayReport", {"date": day.isoformat()}))["dayReport"])
