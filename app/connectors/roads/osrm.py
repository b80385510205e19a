"""The table service of an OSRM server (its HTTP API, version 1), block by block. Leaves out what to do without one.

A server answers tables of a limited number of places; a large table is put together from blocks, a few at a time.
What may pass is tried again; a request that the server refuses is not.
"""

import asyncio
from collections.abc import Sequence
from itertools import product

import httpx
import numpy as np
from numpy.typing import NDArray

from app.core.geo import Point

Floats = NDArray[np.float64]
# Servers take 100 places in a request unless they are told otherwise; half of them as origins.
BLOCK = 50
SIDE_BY_SIDE = 4
TRIES, PAUSE_SECONDS = 3, 0.5
TIMEOUT_SECONDS = 20.0
PATH = "/table/v1/driving/"


class RoadsUnavailable(Exception):
    """The server did not answer, or not with a table; the message says how."""


class Osrm:
    """A client of one server. `block`: origins, and destinations, of one request."""

    def __init__(self, url: str, *, block: int = BLOCK, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url = url.rstrip("/")
        self._block = block
        self._timeout = timeout_seconds

    async def table(self, origins: Sequence[Point], destinations: Sequence[Point]) -> tuple[Floats, Floats]:
        """Metres and seconds from each origin to each destination; not a number where there is no way."""
        metres = np.full((len(origins), len(destinations)), np.nan)
        seconds = metres.copy()
        gate = asyncio.Semaphore(SIDE_BY_SIDE)
        async with httpx.AsyncClient(timeout=self._timeout) as http:

            async def fetch(rows: slice, columns: slice) -> None:
                async with gate:
                    found = await self._block_of(http, origins[rows], destinations[columns])
                metres[rows, columns], seconds[rows, columns] = found

            try:
                async with asyncio.TaskGroup() as group:
                    for rows, columns in product(self._slices(len(origins)), self._slices(len(destinations))):
                        group.create_task(fetch(rows, columns))
            except* RoadsUnavailable as failures:
                raise failures.exceptions[0] from None
        return metres, seconds

    def _slices(self, count: int) -> list[slice]:
        return [slice(start, min(start + self._block, count)) for start in range(0, count, self._block)]

    async def _block_of(
        self, http: httpx.AsyncClient, origins: Sequence[Point], destinations: Sequence[Point]
    ) -> tuple[Floats, Floats]:
        places = ";".join(f"{place.longitude:.6f},{place.latitude:.6f}" for place in (*origins, *destinations))
        query = {
            "annotations": "duration,distance",
            "sources": ";".join(str(at) for at in range(len(origins))),
            "destinations": ";".join(str(len(origins) + at) for at in range(len(destinations))),
            "generate_hints": "false",
            "skip_waypoints": "true",
        }
        body = await self._ask(http, f"{self._url}{PATH}{places}", query)
        return _numbers(body.get("distances")), _numbers(body.get("durations"))

    async def _ask(self, http: httpx.AsyncClient, url: str, query: dict[str, str]) -> dict[str, object]:
        for attempt in range(1, TRIES + 1):
            try:
                answer = await http.get(url, params=query)
                if not answer.is_server_error:
                    return self._checked(answer)
                said = f"status {answer.status_code}"
            except httpx.TransportError as error:
                said = type(error).__name__
            if attempt < TRIES:
                await asyncio.sleep(PAUSE_SECONDS * attempt)
        raise RoadsUnavailable(f"The road server {self._url} did not answer {TRIES} times, last with {said}.")

    def _checked(self, answer: httpx.Response) -> dict[str, object]:
        try:
            body: dict[str, object] = answer.json()
        except ValueError:
            body = {}
        if answer.status_code != httpx.codes.OK or body.get("code") != "Ok":
            said = body.get("message") or body.get("code") or f"status {answer.status_code}"
            raise RoadsUnavailable(f"The road server {self._url} refused a table: {said}.")
        return body


def _numbers(rows: object) -> Floats:
    """A table as the API gives it: null where there is no way."""
    return np.array(rows, dtype=np.float64)
