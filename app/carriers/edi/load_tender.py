"""The 204, Motor Carrier Load Tender: a shipment offered, booked, told in full or called off. Pure.

A carrier that is only offered a shipment learns the area it goes to; the recipient and the street follow as a change
once it has accepted, unless its document says otherwise. After X12 004010 204: B2 and B2A name the shipment and the
purpose; a stop (S5) each for loading and delivery.
"""

from datetime import UTC, datetime
from typing import Literal

from app.carriers.edi.document import EdiDocument
from app.carriers.edi.x12 import Segment, plain, written
from app.carriers.protocol import Consignment, Place

Purpose = Literal["00", "01", "04"]
ORIGINAL: Purpose = "00"
CANCELLATION: Purpose = "01"
CHANGE: Purpose = "04"


def load_tender(document: EdiDocument, consignment: Consignment, *, purpose: Purpose, control_number: int) -> str:
    """The file. The same values give the same file, so that writing it again changes nothing."""
    return written(
        sender=document.us.party,
        receiver=document.carrier.party,
        control_number=control_number,
        code="204",
        sets=[_segments(document, consignment, purpose)],
        made_at=consignment.made_at,
        usage=document.usage,
        version=document.version,
    )


def _segments(document: EdiDocument, consignment: Consignment, purpose: Purpose) -> list[Segment]:
    reference = plain(consignment.reference, longest=30)
    head: list[Segment] = [
        ("B2", "", document.scac, "", reference, "", document.payment),
        ("B2A", purpose),
        ("L11", plain(consignment.order_reference, longest=30), "PO"),
        ("L11", plain(consignment.service, longest=30), "SV"),
    ]
    if consignment.respond_by is not None and purpose == ORIGINAL:
        head.append(("G62", "64", *_moment(consignment.respond_by, "1")))
    is_only_offered = _is_only_offered(document, consignment, purpose)
    if consignment.instructions and not is_only_offered:
        head.append(("NTE", "DEL", plain(consignment.instructions)))
    units = str(sum(line.quantity for line in consignment.lines))
    weight = f"{consignment.weight_kg:.3f}".rstrip("0").rstrip(".")
    load: list[Segment] = [
        ("S5", "1", "LD", weight, "K", units, "CT"),
        ("G62", "37", *_moment(consignment.made_at, "I")),
        *_place("SF", consignment.sender),
    ]
    delivery: list[Segment] = [
        ("S5", "2", "UL", weight, "K", units, "CT"),
        ("G62", "53", *_moment(consignment.window_start, "G")),
        ("G62", "54", *_moment(consignment.window_end, "L")),
        *(_area("ST", consignment.recipient) if is_only_offered else _place("ST", consignment.recipient)),
        *(
            (
                "OID",
                plain(line.sku, longest=30),
                plain(consignment.order_reference, longest=30),
                "",
                "CT",
                str(line.quantity),
            )
            for line in consignment.lines
        ),
    ]
    return [*head, *load, *delivery, ("L3", weight, "G", "", "", str(consignment.price.minor))]


def _is_only_offered(document: EdiDocument, consignment: Consignment, purpose: Purpose) -> bool:
    """Whether the file names the area alone. To call a load off, its reference is enough."""
    if purpose == CANCELLATION:
        return True
    return purpose == ORIGINAL and consignment.respond_by is not None and not document.offers_tell_address


def _area(role: str, place: Place) -> list[Segment]:
    return [
        ("N1", role, "CONSIGNEE"),
        ("N4", plain(place.city, longest=30), "", plain(place.postal_code or "", longest=15), place.country),
    ]


def _place(role: str, place: Place) -> list[Segment]:
    found: list[Segment] = [("N1", role, plain(place.name, longest=60))]
    found.append(("N3", plain(place.line1, longest=55), *([plain(place.line2, longest=55)] if place.line2 else [])))
    region = plain(place.region or "", longest=2) if place.region and len(place.region) == 2 else ""
    found.append(
        ("N4", plain(place.city, longest=30), region, plain(place.postal_code or "", longest=15), place.country)
    )
    if place.phone:
        found.append(("G61", "CN", plain(place.name, longest=60), "TE", plain(place.phone, longest=80)))
    return found


def _moment(at: datetime, qualifier: str) -> tuple[str, str, str, str]:
    """Date, time qualifier, time and zone (UT): elements G62-02 to G62-05."""
    in_utc = at.astimezone(UTC)
    return f"{in_utc:%Y%m%d}", qualifier, f"{in_utc:%H%M}", "UT"
