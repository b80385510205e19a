"""The own fleet behind the carriers' protocol: nothing to call, the shipment's own reference, a label of our own."""

import re
from collections.abc import Sequence

from app.carriers.protocol import Booked, Capability, CarrierEvent, Consignment, Label, NotOffered, Quote, Receipt

LABEL_TYPE = "application/vnd.zebra-zpl"
CONTROL = re.compile(r"[\^~\\\x00-\x1f\x7f]")


class OwnFleetGateway:
    """Always has room: capacity and routes are planned here, not asked for."""

    capabilities = frozenset({Capability.QUOTE, Capability.BOOK, Capability.LABEL, Capability.CANCEL})

    async def quote(self, consignment: Consignment) -> Sequence[Quote]:
        """What the rate card said."""
        return [Quote(service=consignment.service, price=consignment.price)]

    async def book(self, consignment: Consignment) -> Receipt:
        """The reference is the tracking number."""
        return Receipt(
            tracking_number=consignment.reference, booking_id=consignment.key, label=zpl(consignment), price=None
        )

    async def label(self, booked: Booked) -> Label:
        """The label that `book` made, again."""
        return zpl(booked.consignment)

    async def track(self, booked: Booked) -> Sequence[CarrierEvent]:
        """Own drivers record their stops themselves."""
        raise NotOffered(Capability.TRACK, "the own fleet")

    async def cancel(self, booked: Booked) -> None:
        """Nobody has to be told."""


def zpl(consignment: Consignment) -> Label:
    """A 4 by 6 inch label at 203 dpi in ZPL II: the address, the window, and the reference as Code 128."""
    to = consignment.recipient
    window = f"{consignment.window_start:%Y-%m-%d %H:%M} - {consignment.window_end:%H:%M} UTC"
    texts = [
        (40, 40, 36, consignment.sender.name),
        (40, 120, 56, to.name),
        (40, 200, 44, to.line1),
        (40, 260, 44, to.line2 or ""),
        (40, 320, 44, f"{to.postal_code or ''} {to.city}".strip()),
        (40, 380, 44, to.country),
        (40, 480, 36, window),
        (40, 530, 36, f"{consignment.weight_kg:g} kg  {consignment.service}"),
    ]
    fields = [f"^FO{x},{y}^A0N,{height},{height}^FD{_plain(text)}^FS" for x, y, height, text in texts if text]
    barcode = f"^FO40,640^BY3^BCN,200,Y,N,N^FD{_plain(consignment.reference)}^FS"
    text = "\n".join(["^XA", "^CI28", "^PW812", "^LL1218", *fields, barcode, "^XZ", ""])
    return Label(contents=text.encode(), content_type=LABEL_TYPE)


def _plain(text: str) -> str:
    """The text without what a printer would take for a command."""
    return CONTROL.sub(" ", text)[:80]
