"""SMS and WhatsApp by Twilio's own SDK, on an httpx client with a time-out and, for tests, another base URL."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from twilio.base.exceptions import TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from app.models import Channel
from app.notifications.channels import (
    ChannelSettings,
    OutgoingMessage,
    PermanentFailure,
    SendReceipt,
    TemporaryFailure,
)

TIMEOUT_SECONDS = 15
TOO_MANY_REQUESTS = 429


class HttpxClient(AsyncHttpClient):
    """Twilio's HTTP protocol on httpx. `base_url` replaces the host that the SDK was built for."""

    def __init__(self, base_url: str | None) -> None:
        super().__init__()
        self._base = urlsplit(base_url) if base_url else None

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Sends one request and answers as the SDK expects."""
        if self._base is not None:
            url = urlunsplit(urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))
        async with httpx.AsyncClient(timeout=timeout or TIMEOUT_SECONDS, follow_redirects=allow_redirects) as http:
            values: Any = params
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

    async def send(self, message: OutgoingMessage) -> SendReceipt:
        """Hands the text to Twilio; time-outs, 429 and 5xx may be tried again, other refusals may not."""
        prefix = "whatsapp:" if message.channel is Channel.WHATSAPP else ""
        try:
            sent = await self._client.messages.create_async(
                to=f"{prefix}{message.address}", from_=f"{prefix}{self._number}", body=message.text
            )
        except TwilioRestException as error:
            if error.status == TOO_MANY_REQUESTS or error.status >= 500:
                raise TemporaryFailure(f"Twilio answered {error.status}: {error.msg}") from error
            raise PermanentFailure(f"TWILIO_{error.code or error.status}", f"Twilio refused: {error.msg}") from error
        except httpx.TransportError as error:
            raise TemporaryFailure(f"Twilio cannot be reached: {error!r}") from error
        return SendReceipt(provider_id=str(sent.sid))
