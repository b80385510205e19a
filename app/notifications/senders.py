"""Which sender serves which channel of a deployment."""

from app.models import Channel
from app.notifications.channels import ChannelSettings, Sender
from app.notifications.folder import FolderSender
from app.notifications.in_app import InAppSender
from app.notifications.smtp import SmtpSender
from app.notifications.twilio_channel import TwilioSender


def channels_from(settings: ChannelSettings) -> dict[Channel, Sender]:
    """The sender of each channel: Twilio and SMTP with credentials, else the local folder."""
    folder = FolderSender(settings.folder)
    senders: dict[Channel, Sender] = dict.fromkeys(Channel, folder)
    senders[Channel.IN_APP] = InAppSender()
    if settings.twilio_account_sid and settings.twilio_auth_token:
        for channel, sender_number in (
            (Channel.SMS, settings.twilio_from),
            (Channel.WHATSAPP, settings.twilio_whatsapp_from),
        ):
            if sender_number:
                senders[channel] = TwilioSender(settings, sender_number=sender_number)
    if settings.smtp_host and settings.smtp_from:
        senders[Channel.EMAIL] = SmtpSender(settings)
    return senders
