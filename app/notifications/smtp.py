"""Mail by SMTP. The Message-ID follows from the message's id, so that a resend is recognised as the same mail."""

import asyncio
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import aiosmtplib

from app.core import clock
from app.notifications.channels import (
    SEND_LIMIT_SECONDS,
    ChannelSettings,
    OutgoingMessage,
    PermanentFailure,
    SendReceipt,
    TemporaryFailure,
)

TIMEOUT_SECONDS = 20
TLS_PORT = 465  # speaks TLS from the first byte (RFC 8314)


class SmtpSender:
    """One connection per mail: a worker sends few, and none is left half open."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings

    async def send(self, message: OutgoingMessage) -> SendReceipt:
        """Hands the mail to the server; 4xx and lost connections may be tried again, 5xx may not."""
        mail = self._mail(message)
        try:
            async with asyncio.timeout(SEND_LIMIT_SECONDS):
                await self._hand_over(mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _failure(error.recipients[0].code, error.recipients[0].message) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _failure(error.code, error.message) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise PermanentFailure("MAIL_NOT_SUPPORTED", f"The mail server cannot carry the mail: {error}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise TemporaryFailure(f"The mail server did not take the mail: {error!r}") from error
        return SendReceipt(provider_id=str(mail["Message-ID"]))

    async def _hand_over(self, mail: EmailMessage) -> None:
        settings = self._settings
        await aiosmtplib.send(
            mail,
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username,
            password=settings.smtp_password,
            use_tls=settings.smtp_port == TLS_PORT,
            start_tls=settings.smtp_start_tls and settings.smtp_port != TLS_PORT,
            timeout=TIMEOUT_SECONDS,
        )

    def _mail(self, message: OutgoingMessage) -> EmailMessage:
        sender = self._settings.smtp_from or ""
        mail = EmailMessage()
        mail["From"] = sender
        try:
            mail["To"] = message.address
        except (ValueError, HeaderParseError, IndexError) as error:
            raise _not_an_address(message.address) from error
        recipients = mail["To"].addresses
        if len(recipients) != 1 or not (recipients[0].username and recipients[0].domain):
            raise _not_an_address(message.address)
        mail["Subject"] = " ".join((message.subject or message.text.splitlines()[0]).split())
        mail["Date"] = format_datetime(clock.wall_now(), usegmt=True)
        mail["Message-ID"] = f"<{message.id}@{parseaddr(sender)[1].rpartition('@')[2] or 'doorstep'}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        if message.html:
            mail.add_alternative(message.html, subtype="html")
        return mail


def _not_an_address(address: str) -> PermanentFailure:
    return PermanentFailure("EMAIL_INVALID", f"{address!r} is not one mail address. Correct it in the order.")


def _failure(code: int, text: str) -> TemporaryFailure | PermanentFailure:
    if 400 <= code < 500:
        return TemporaryFailure(f"The mail server answered {code} {text}")
    return PermanentFailure(f"SMTP_{code}", f"The mail server refused the mail: {code} {text}")
