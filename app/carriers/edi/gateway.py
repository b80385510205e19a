"""An EDI carrier behind the carriers' protocol: a booking is a 204 in its folder, its answer a 990 that comes later."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from app.carriers.edi import load_tender
from app.carriers.edi.document import EdiDocument
from app.carriers.edi.folders import Exchange
from app.carriers.protocol import (
    Booked,
    Capability,
    CarrierEvent,
    Consignment,
    Label,
    NotOffered,
    PermanentFailure,
    Quote,
    Receipt,
    TemporaryFailure,
)


class EdiGateway:
    """Writes files. Milestones come in by the 214, labels and prices not at all."""

    capabilities = frozenset({Capability.BOOK, Capability.CANCEL})

    def __init__(self, document: EdiDocument, *, carrier: str, root: Path) -> None:
        self.document = document
        self.exchange = Exchange(root=root / document.folder)
        self._carrier = carrier

    async def quote(self, consignment: Consignment) -> Sequence[Quote]:
        """Prices are agreed in a contract."""
        raise NotOffered(Capability.QUOTE, self._carrier)

    async def book(self, consignment: Consignment) -> Receipt:
        """Tenders the load; written twice, it is the same file under the same control number."""
        await self._write(consignment, load_tender.ORIGINAL)
        return Receipt(tracking_number=None, booking_id=consignment.reference, is_confirmed=False)

    async def label(self, booked: Booked) -> Label:
        """Printed by the carrier."""
        raise NotOffered(Capability.LABEL, self._carrier)

    async def track(self, booked: Booked) -> Sequence[CarrierEvent]:
        """Told by the 214."""
        raise NotOffered(Capability.TRACK, self._carrier)

    async def cancel(self, booked: Booked) -> None:
        """Calls the load off."""
        await self._write(booked.consignment, load_tender.CANCELLATION)

    async def put(self, name: str, content: str) -> None:
        """Writes a file that was made elsewhere, such as a 997."""
        try:
            await asyncio.to_thread(self.exchange.write, name, content)
        except OSError as error:
            raise TemporaryFailure(
                "FOLDER_UNWRITABLE", f"The folder of {self._carrier} cannot be written: {error.strerror}."
            ) from error

    async def _write(self, consignment: Consignment, purpose: load_tender.Purpose) -> None:
        number = consignment.control_number
        if number is None:
            raise PermanentFailure("CONTROL_NUMBER_MISSING", "An EDI file needs a control number, and none was taken.")
        content = load_tender.load_tender(self.document, consignment, purpose=purpose, control_number=number)
        await self.put(file_name("204", number), content)


def file_name(code: str, control_number: int) -> str:
    """What a file of ours is called: one name for one envelope."""
    return f"{code}_{control_number:09}.edi"
