"""Mail by SMTP. The Message-ID follows from the message's id, so that a resend is recognised as the same mail."""

from email.message import EmailMessage
from email.utils import formatdate

import aiosmtplib

from app.notifications.channels import (
    ChannelSettings,
    OutgoingMessage,
    PermanentFailure,
    SendReceipt,
    TemporaryFailure,
)

TIMEOUT_SECONDS = 20


class SmtpSender:
    """One connection per mail: a worker sends few, and none is left half open."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings

    async def send(self, message: OutgoingMessage) -> SendReceipt:
        """Hands the mail to the server; 4xx and lost connections may be tried again, 5xx may not."""
        mail = self._mail(message)
        try:
            await aiosmtplib.send(
                mail,
                hostname=self._settings.smtp_host,
                port=self._settings.smtp_port,
                username=self._settings.smtp_username,
                password=self._settings.smtp_password,
                start_tls=self._settings.smtp_start_tls,
                timeout=TIMEOUT_SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _failure(error.recipients[0].code, error.recipients[0].message) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _failure(error.code, error.message) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise TemporaryFailure(f"The mail server did not take the mail: {error}") from error
        return SendReceipt(provider_id=str(mail["Message-ID"]))

    def _mail(self, message: OutgoingMessage) -> EmailMessage:
        sender = self._settings.smtp_from or ""
        mail = EmailMessage()
        mail["From"], mail["To"] = sender, message.address
        mail["Subject"] = message.subject or message.text.splitlines()[0]
        mail["Date"] = formatdate(usegmt=True)
        mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2] or 'doorstep'}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        if message.html:
            mail.add_alternative(message.html, subtype="html")
        return mail


def _failure(code: int, text: str) -> TemporaryFailure | PermanentFailure:
    if 400 <= code < 500:
        return TemporaryFailure(f"The mail server answered {code} {text}")
    return PermanentFailure(f"SMTP_{code}", f"The mail server refused the mail: {code} {text}")
