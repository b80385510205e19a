"""One protocol for every channel, and what a sender is told and may answer.

SendFailure
|-- TemporaryFailure   worth another try: a time-out, a full queue, a server's fault
+-- PermanentFailure   never worth one: a number that does not exist, a refused text
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.models import Channel

# The most that one hand-over may take, all its steps together. A worker's lease on a message outlasts it.
SEND_LIMIT_SECONDS = 40


@dataclass(frozen=True, kw_only=True)
class OutgoingMessage:
    """One text to one address. `id` goes along, so that a message sent twice can be recognised."""

    id: str
    channel: Channel
    address: str
    text: str
    subject: str | None = None
    html: str | None = None


@dataclass(frozen=True, kw_only=True)
class SendReceipt:
    """What the provider calls the message."""

    provider_id: str


class SendFailure(Exception):
    """The provider did not take the message."""


class TemporaryFailure(SendFailure):
    """It may take it later."""


class PermanentFailure(SendFailure):
    """It never will."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Sender(Protocol):
    """Sends on one channel. Has a time-out; raises a `SendFailure`."""

    async def send(self, message: OutgoingMessage) -> SendReceipt:
        """Hands the message over."""
        ...


@dataclass(frozen=True, kw_only=True)
class ChannelSettings:
    """What the senders need. Without credentials a channel lands in `folder`."""

    folder: Path
    twilio_account_sid: str | None = None
    twilio_auth_token: str | None = None
    twilio_from: str | None = None
    twilio_whatsapp_from: str | None = None
    twilio_base_url: str | None = None
    twilio_status_callback_url: str | None = None
    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: str | None = None
    smtp_from: str | None = None
    smtp_start_tls: bool = True
