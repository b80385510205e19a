"""SMS and WhatsApp by Twilio's own SDK, on an httpx client with a time-out and, for tests, another base URL.

Twilio keeps no key of ours: a text whose answer was lost is sent again and may arrive twice, but it is not lost.
"""

import asyncio
import logging
import ssl
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from app.models import Channel
from app.notifications.channels import (
    SEND_LIMIT_SECONDS,
    ChannelSettings,
    OutgoingMessage,
    PermanentFailure,
    SendFailure,
    SendReceipt,
    TemporaryFailure,
)

TIMEOUT_SECONDS = 15
# Where the web process takes what becomes of a text, `?message=` and its id behind it.
STATUS_PATH = "/webhooks/twilio"
REQUEST_TIMEOUT, TOO_MANY_REQUESTS = 408, 429
# Twilio's codes (https://www.twilio.com/docs/api/errors) that a dispatcher meets, as what they mean for a message.
MEANINGS = {
    21211: ("PHONE_INVALID", "The recipient's number is not a phone number. Correct it in the order."),
    21408: ("COUNTRY_NOT_ENABLED", "This account may not write to the number's country. Enable it at the provider."),
    21610: ("OPTED_OUT", "The recipient answered STOP and takes no more texts from this number."),
    21614: ("PHONE_TAKES_NO_TEXTS", "The recipient's number takes no texts. Use another number or channel."),
    30003: ("PHONE_UNREACHABLE", "The recipient's phone is off or out of reach."),
    30006: ("PHONE_TAKES_NO_TEXTS", "The recipient's number takes no texts. Use another number or channel."),
    63003: ("NOT_ON_WHATSAPP", "The recipient's number has no WhatsApp account. Use another channel."),
    63016: (
        "WHATSAPP_TEMPLATE_REQUIRED",
        "WhatsApp takes free text only within 24 hours of the recipient's last message."
        " Use another channel, or an approved template.",
    ),
}


class HttpxClient(AsyncHttpClient):  # type: ignore[misc]  # the SDK ships no types
    """Twilio's HTTP protocol on httpx. `base_url` replaces the host that the SDK was built for."""

    def __init__(self, base_url: str | None) -> None:
        super().__init__(logging.getLogger("twilio.http_client"), is_async=True, timeout=TIMEOUT_SECONDS)
        self._base = urlsplit(base_url) if base_url else None

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the SDK passes it by this name
        allow_redirects: bool = False,
    ) -> Response:
        """Sends one request and answers as the SDK expects."""
        if self._base is not None:
            url = urlunsplit(urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))
        values: Any = params
        async with httpx.AsyncClient(
            verify=_trusted(), timeout=timeout or TIMEOUT_SECONDS, follow_redirects=allow_redirects
        ) as http:
            answer = await http.request(method, url, params=values, data=data, headers=headers, auth=auth)
        return Response(answer.status_code, answer.text, answer.headers)


class TwilioSender:
    """Sends from one number."""

    def __init__(self, settings: ChannelSettings, *, sender_number: str) -> None:
        self._client = Client(
            settings.twilio_account_sid,
            settings.twilio_auth_token,
            http_client=HttpxClient(settings.twilio_base_url),
        )
        self._number = sender_number
        self._callback = settings.twilio_status_callback_url

    async def send(self, message: OutgoingMessage) -> SendReceipt:
        """Hands the text to Twilio; time-outs, 408, 429 and 5xx may be tried again, other refusals may not."""
        prefix = "whatsapp:" if message.channel is Channel.WHATSAPP else ""
        try:
            async with asyncio.timeout(SEND_LIMIT_SECONDS):
                sent = await self._client.messages.create_async(
                    to=f"{prefix}{message.address}",
                    from_=f"{prefix}{self._number}",
                    body=message.text,
                    **({"status_callback": f"{self._callback}?message={message.id}"} if self._callback else {}),
                )
        except TwilioRestException as error:
            raise _refused(error.status, error.code, error.msg) from error
        except TwilioServiceException as error:
            raise _refused(error.status, error.code, error.detail or error.title) from error
        except ValueError as error:
            raise TemporaryFailure("Twilio's answer cannot be read.") from error
        except (httpx.TransportError, TimeoutError) as error:
            raise TemporaryFailure(f"Twilio cannot be reached: {error!r}") from error
        if sent.error_code:
            raise failure_of(sent.error_code, sent.error_message)
        return SendReceipt(provider_id=str(sent.sid))


def failure_of(code: int | None, text: str | None) -> PermanentFailure:
    """What one of Twilio's error codes means for a message, whether it came at once or by a status callback."""
    if code in MEANINGS:
        return PermanentFailure(*MEANINGS[code])
    return PermanentFailure(f"TWILIO_{code}", f"Twilio refused the message: {text or 'it gave no reason'}")


def _refused(status: int, code: int | None, text: str) -> SendFailure:
    if status in (REQUEST_TIMEOUT, TOO_MANY_REQUESTS) or status >= 500:
        return TemporaryFailure(f"Twilio answered {status}: {text}")
    return failure_of(code or status, text)


@lru_cache
def _trusted() -> ssl.SSLContext:
    """Read once: a new one per request would cost more than the request."""
    return httpx.create_ssl_context()
