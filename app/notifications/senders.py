"""Which sender serves which channel of a deployment."""

from app.core.errors import Refusal
from app.models import Channel
from app.notifications.channels import ChannelSettings, Sender
from app.notifications.folder import FolderSender
from app.notifications.in_app import InAppSender
from app.notifications.smtp import SmtpSender
from app.notifications.twilio_channel import TwilioSender


def channels_from(settings: ChannelSettings) -> dict[Channel, Sender]:
    """The sender of each channel: Twilio and SMTP with credentials, else the local folder.

    Refuses credentials given by half: texts would go to the folder and nobody would miss them.
    """
    folder = FolderSender(settings.folder)
    senders: dict[Channel, Sender] = dict.fromkeys(Channel, folder)
    senders[Channel.IN_APP] = InAppSender()
    numbers = {Channel.SMS: settings.twilio_from, Channel.WHATSAPP: settings.twilio_whatsapp_from}
    if _is_given(
        twilio_account_sid=settings.twilio_account_sid,
        twilio_auth_token=settings.twilio_auth_token,
        twilio_from=settings.twilio_from or settings.twilio_whatsapp_from,
    ):
        for channel, number in numbers.items():
            if number:
                senders[channel] = TwilioSender(settings, sender_number=number)
    if _is_given(smtp_host=settings.smtp_host, smtp_from=settings.smtp_from):
        senders[Channel.EMAIL] = SmtpSender(settings)
    return senders


def _is_given(**parts: str | None) -> bool:
    missing = [name for name, value in parts.items() if not value]
    if missing and len(missing) < len(parts):
        raise Refusal(
            "CHANNEL_HALF_CONFIGURED",
            f"{' and '.join(missing)} is not set. A channel needs all of {', '.join(parts)}; set them all, or none.",
        )
    return not missing
