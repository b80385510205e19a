"""What a worker process holds: opened once, passed to every task."""

from dataclasses import dataclass
from typing import Self

from app.core.database import Database
from app.core.settings import Settings
from app.jobs.queue import Doorbell
from app.notifications.channels import Sender, channels_from


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """The database, the doorbell of the other queues, and the senders of each channel."""

    database: Database
    settings: Settings
    doorbell: Doorbell
    senders: dict[str, Sender]

    @classmethod
    def open(cls, *, database: Database, settings: Settings, doorbell: Doorbell) -> Self:
        """Builds the senders that the settings ask for."""
        return cls(database=database, settings=settings, doorbell=doorbell, senders=channels_from(settings))
