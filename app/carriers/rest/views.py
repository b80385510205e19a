"""A shipment as templates see it. Pure. Units are in the names; times are ISO 8601 in UTC."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.carriers.protocol import Booked, Consignment, GoodsLine, Place
from app.carriers.rest.document import RestDocument
from app.core.money import Money

ALWAYS = datetime(2030, 1, 2, 9, tzinfo=UTC)


def view_of(consignment: Consignment, document: RestDocument, *, booked: Booked | None = None) -> dict[str, Any]:
    """Everything that a template may name; absent values are None."""
    return {
        "key": consignment.key,
        "reference": consignment.reference,
        "order_reference": consignment.order_reference,
        "attempt": consignment.attempt,
        "service": document.services.get(consignment.service, consignment.service),
        "sender": _place(consignment.sender),
        "recipient": _place(consignment.recipient),
        "window": {
            "start": _time(consignment.window_start),
            "end": _time(consignment.window_end),
            "start_epoch": int(consignment.window_start.timestamp()),
            "end_epoch": int(consignment.window_end.timestamp()),
            "date": consignment.window_start.astimezone(document.vocabulary.zone).date().isoformat(),
        },
        "weight_kg": round(consignment.weight_kg, 3),
        "weight_g": round(consignment.weight_kg * 1000),
        "volume_l": round(consignment.volume_l, 3),
        "volume_cm3": round(consignment.volume_l * 1000),
        "lines": [
            {"sku": line.sku, "quantity": line.quantity, "description": line.description or line.sku}
            for line in consignment.lines
        ],
        "price": _money(consignment.price),
        "cash": consignment.cash and _money(consignment.cash),
        "instructions": consignment.instructions,
        "skills": list(consignment.skills),
        "constants": dict(document.constants),
        "tracking_number": booked.tracking_number if booked else None,
        "booking_id": booked.booking_id if booked else None,
    }


def sample(document: RestDocument, *, is_booked: bool) -> dict[str, Any]:
    """A view in which every value is present, to check templates with."""
    place = Place(
        name="Rosa",
        line1="Rua Augusta 1",
        line2="2 Esq",
        city="Lisboa",
        region="Lisboa",
        postal_code="1100-048",
        country="PT",
        latitude=38.71,
        longitude=-9.14,
        phone="+351210000000",
        email="rosa@example.org",
    )
    consignment = Consignment(
        key="0199",
        reference="4711/1",
        order_reference="4711",
        service="STANDARD",
        sender=place,
        recipient=place,
        window_start=ALWAYS,
        window_end=ALWAYS + timedelta(hours=2),
        weight_kg=1.5,
        volume_l=2.0,
        lines=(GoodsLine(sku="APPLE", quantity=1, description="Apple"),),
        price=Money(minor=500, currency="EUR"),
        cash=Money(minor=500, currency="EUR"),
        made_at=ALWAYS,
        instructions="Ring twice",
        skills=("COLD",),
    )
    booked = Booked(consignment=consignment, tracking_number="T1", booking_id="B1") if is_booked else None
    return view_of(consignment, document, booked=booked)


def _place(place: Place) -> dict[str, Any]:
    return {
        "name": place.name,
        "line1": place.line1,
        "line2": place.line2,
        "city": place.city,
        "region": place.region,
        "postal_code": place.postal_code,
        "country": place.country,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "phone": place.phone,
        "email": place.email,
    }


def _money(money: Money) -> dict[str, Any]:
    return {"amount": str(money.to_decimal()), "minor": money.minor, "currency": money.currency}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
