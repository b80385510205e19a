"""A shop's system: sends its orders, cancels a few, and follows the event feed for its customers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from app.simulator.city import CityOrder
from app.simulator.client import Client, Refused

ROWS_A_CALL = 200
FEED_POLL_SECONDS = 1.0

Listener = Callable[[dict[str, Any]], Awaitable[None]]


class Shop:
    """Knows its orders' tracking links, as the platform answered them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.tracking_tokens: dict[str, str] = {}

    async def send(self, orders: list[CityOrder]) -> int:
        """Sends orders in calls of `ROWS_A_CALL`; answers how many landed."""
        landed = 0
        for start in range(0, len(orders), ROWS_A_CALL):
            rows = [order.input for order in orders[start : start + ROWS_A_CALL]]
            payload = await self._client.do(
                "UpsertOrders", {"input": {"orders": rows, "errorPolicy": "REJECT_FAILED_ROWS"}}
            )
            for result in payload["results"]:
                if result["outcome"] == "REJECTED":
                    raise Refused(f"order {rows[result['index']]['reference']}: {result['errors']}")
                order = result["order"]
                self.tracking_tokens[order["reference"]] = order["trackingUrl"].rsplit("/", 1)[-1]
                landed += 1
        return landed

    async def cancel(self, reference: str) -> None:
        """A customer changed their mind."""
        await self._client.do("CancelOrder", {"input": {"reference": reference, "reason": "customer changed mind"}})

    async def follow(self, listener: Listener) -> None:
        """Reads the event feed from its start, for ever, and passes each event on once."""
        after: str | None = None
        while True:
            page = (await self._client.run("Changes", {"first": 100, "after": after}))["events"]
            for edge in page["edges"]:
                await listener(edge["node"])
            after = page["pageInfo"]["endCursor"] or after
            if not page["pageInfo"]["hasNextPage"]:
                await asyncio.sleep(FEED_POLL_SECONDS)
