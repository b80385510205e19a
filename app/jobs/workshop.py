"""What a worker process holds: opened once, passed to every task."""

import asyncio
from dataclasses import dataclass
from functools import cached_property
from typing import Self
from zoneinfo import ZoneInfo

from app.carriers.gateways import GatewaySettings
from app.core.blobs import BlobStore
from app.core.database import Database
from app.core.settings import Settings
from app.jobs import travel
from app.jobs.carriers import CarrierDesk
from app.jobs.queue import Doorbell, QueueName
from app.jobs.tools import Bench
from app.models import Channel
from app.notifications.channels import ChannelSettings, Sender
from app.notifications.senders import channels_from
from app.notifications.twilio_channel import STATUS_PATH
from app.orchestration.allocations.queries import Memory
from app.orchestration.messages.wording import Sender as TextSender


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """The database, the doorbell of the other queues, and the senders of each channel."""

    database: Database
    settings: Settings
    doorbell: Doorbell
    senders: dict[Channel, Sender]

    @property
    def sender(self) -> TextSender:
        """What every text to a customer has in common."""
        return TextSender(
            public_url=self.settings.public_url,
            secret=self.settings.secret_key.get_secret_value(),
            zone=ZoneInfo(self.settings.time_zone),
        )

    @cached_property
    def bench(self) -> Bench:
        """What the jobs of this process share."""

        async def ring() -> None:
            await self.doorbell.ring(QueueName.SOLVER)

        slots = asyncio.Semaphore(self.settings.solver_processes)
        return Bench(
            database=self.database,
            settings=self.settings,
            ring=ring,
            travel=travel.from_settings(self.settings),
            slots=slots,
        )

    @cached_property
    def memory(self) -> Memory:
        """What single orders are decided by."""
        return Memory()

    @cached_property
    def carriers(self) -> CarrierDesk:
        """Where carriers' gateways are kept open."""
        return CarrierDesk(
            database=self.database,
            settings=GatewaySettings.from_settings(self.settings),
            blobs=BlobStore.from_settings(self.settings),
        )

    @classmethod
    def open(cls, *, database: Database, settings: Settings, doorbell: Doorbell) -> Self:
        """Builds the senders that the settings ask for."""
        return cls(database=database, settings=settings, doorbell=doorbell, senders=channels_from(_channels(settings)))


def _channels(settings: Settings) -> ChannelSettings:
    token, password = settings.twilio_auth_token, settings.smtp_password
    return ChannelSettings(
        folder=settings.data / "messages",
        twilio_account_sid=settings.twilio_account_sid,
        twilio_auth_token=token.get_secret_value() if token else None,
        twilio_from=settings.twilio_from,
        twilio_whatsapp_from=settings.twilio_whatsapp_from,
        twilio_base_url=settings.twilio_base_url,
        twilio_status_callback_url=_status_callback(settings.public_url),
        smtp_host=settings.smtp_host,
        smtp_port=settings.smtp_port,
        smtp_username=settings.smtp_username,
        smtp_password=password.get_secret_value() if password else None,
        smtp_from=settings.smtp_from,
        smtp_start_tls=settings.smtp_start_tls,
    )


def _status_callback(public_url: str) -> str | None:
    """Where Twilio tells what became of a text; nowhere where it cannot reach this deployment."""
    return f"{public_url.rstrip('/')}{STATUS_PATH}" if public_url.startswith("https://") else None
