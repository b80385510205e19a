"""The default channel: one JSON file per message in a local folder. Sending the same message twice leaves one file."""

import asyncio
import json
import os
import threading
from dataclasses import asdict
from pathlib import Path

from app.notifications.channels import OutgoingMessage, SendReceipt


class FolderSender:
    """Writes below `folder`/channel/."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: OutgoingMessage) -> SendReceipt:
        """Writes the file whole or not at all."""
        path = await asyncio.to_thread(self._write, message)
        return SendReceipt(provider_id=path.name)

    def _write(self, message: OutgoingMessage) -> Path:
        folder = self._folder / message.channel.value.lower()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{message.id}.json"
        unfinished = folder / f".{message.id}.{os.getpid()}.{threading.get_ident()}"
        unfinished.write_text(json.dumps(asdict(message), ensure_ascii=False, indent=2), encoding="utf-8")
        unfinished.replace(path)
        return path
