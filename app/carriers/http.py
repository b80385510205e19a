"""HTTP to carriers: guarded addresses, time-outs, small answers, and another try only for what may pass.

What may pass is a connection that could not be made, 429 and 503, and, where a repeat does no harm, a lost answer, 408
and every other 5xx. A 4xx is never tried again. Redirects are not followed: they could lead anywhere.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from app.carriers.protocol import CALL_LIMIT_SECONDS, PermanentFailure, TemporaryFailure
from app.carriers.secrets import MOST_TOLD, told
from app.core import outbound
from app.core.errors import Refusal

TRIES = 3
PAUSES_SECONDS = (0.2, 0.8)
# A wait that the carrier asks for and that is worth keeping the call open for.
LONGEST_WAIT_SECONDS = 5.0
MOST_ANSWER_BYTES = 20 * 2**20
NOT_TAKEN = frozenset({429, 503})
MAY_PASS = NOT_TAKEN | {408, 425, 500, 502, 504}
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One request. `is_repeatable`: sent twice, it does what it does once."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    is_repeatable: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON, None where it is empty. Raises ValueError."""
        return orjson.loads(self.body) if self.body.strip() else None


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves the host, checks each of its addresses, and connects to the one that it checked."""

    def __init__(self, allowed_hosts: Collection[str]) -> None:
        self._allowed = allowed_hosts
        self._inner = httpx.AsyncHTTPTransport(verify=_trusted(), retries=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request. The certificate must still be the host's, not the address's."""
        host, port = request.url.host, request.url.port or outbound.DEFAULT_PORTS[request.url.scheme]
        outbound.check_url(str(request.url), allowed_hosts=self._allowed)
        try:
            addresses = await outbound.checked_addresses(host, port, allowed_hosts=self._allowed)
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        url, request.extensions = request.url, {**request.extensions, "sni_hostname": host}
        for address in addresses[:-1]:
            request.url = url.copy_with(host=address)
            with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._inner.handle_async_request(request)
        request.url = url.copy_with(host=addresses[-1])
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()


class HttpCaller:
    """Sends requests to one carrier. `hidden` are the secrets that no message may repeat."""

    def __init__(
        self, *, carrier: str, allowed_hosts: Collection[str], timeout_seconds: float, hidden: Collection[str] = ()
    ) -> None:
        self._carrier = carrier
        self._allowed = allowed_hosts
        self._timeout = httpx.Timeout(timeout_seconds)
        self._hidden = tuple(hidden)

    async def send(self, outgoing: Outgoing) -> Answer:
        """The answer, whatever its status says that is no reason to try again. Raises TemporaryFailure where it is."""
        try:
            async with (
                asyncio.timeout(CALL_LIMIT_SECONDS),
                httpx.AsyncClient(
                    transport=GuardedTransport(self._allowed), timeout=self._timeout, follow_redirects=False
                ) as http,
            ):
                return await self._tried(http, outgoing)
        except TimeoutError as error:
            raise self._unreachable("did not answer in time") from error
        except Refusal as refusal:
            raise PermanentFailure(refusal.code, refusal.message) from refusal

    async def _tried(self, http: httpx.AsyncClient, outgoing: Outgoing) -> Answer:
        for number in range(TRIES):
            is_last = number == TRIES - 1
            try:
                answer = await _once(http, outgoing)
            except httpx.TransportError as error:
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    raise PermanentFailure(
                        "CERTIFICATE_REFUSED", f"The certificate of {self._carrier} is not to be trusted: {error}"
                    ) from error
                if is_last or not _may_repeat(outgoing, error):
                    raise self._unreachable(_what(error)) from error
                await asyncio.sleep(PAUSES_SECONDS[number])
                continue
            except (httpx.InvalidURL, UnicodeError, ValueError) as error:
                raise PermanentFailure("REQUEST_INVALID", f"{self._carrier} cannot be asked this: {error}") from error
            if answer.status not in MAY_PASS:
                return answer
            wait = retry_after(answer)
            may_repeat = outgoing.is_repeatable or outgoing.method in REPEATABLE or answer.status in NOT_TAKEN
            if is_last or not may_repeat or (wait or 0) > LONGEST_WAIT_SECONDS:
                raise TemporaryFailure(
                    f"CARRIER_{answer.status}",
                    f"{self._carrier} answered {answer.status}: {self.excerpt(answer)}",
                    retry_after_seconds=wait,
                )
            await asyncio.sleep(max(PAUSES_SECONDS[number], wait or 0))
        raise AssertionError("unreachable: the last try returns or raises")

    def excerpt(self, answer: Answer) -> str:
        """The start of an answer as text, without our secrets."""
        return self.told(answer.body[: 4 * MOST_TOLD].decode("utf-8", "replace"))

    def told(self, text: str) -> str:
        """A carrier's words as they may be kept and shown."""
        return told(text, hidden=self._hidden)

    def _unreachable(self, what: str) -> TemporaryFailure:
        return TemporaryFailure("CARRIER_UNREACHABLE", f"{self._carrier} {self.told(what)}.")


async def _once(http: httpx.AsyncClient, outgoing: Outgoing) -> Answer:
    request = http.build_request(
        outgoing.method, outgoing.url, headers=dict(outgoing.headers), content=outgoing.body or None
    )
    response = await http.send(request, stream=True)
    try:
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > MOST_ANSWER_BYTES:
                host = urlsplit(outgoing.url).hostname
                raise PermanentFailure("ANSWER_TOO_LARGE", f"{host} answered more than {MOST_ANSWER_BYTES:,} bytes.")
            parts.append(part)
    finally:
        await response.aclose()
    return Answer(status=response.status_code, headers=dict(response.headers), body=b"".join(parts))


def retry_after(answer: Answer) -> float | None:
    """The seconds that the carrier asks to wait (RFC 9110, section 10.2.3); its form as a date is not read."""
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if text.isdecimal() else None


def _may_repeat(outgoing: Outgoing, error: httpx.TransportError) -> bool:
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return never_sent or outgoing.is_repeatable or outgoing.method in REPEATABLE


def _what(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "did not answer in time"
    return f"cannot be reached ({type(error).__name__}: {error})"


@lru_cache
def _trusted() -> ssl.SSLContext:
    """Read once: a new one per request would cost more than the request."""
    return httpx.create_ssl_context()
