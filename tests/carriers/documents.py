"""The documents of the carriers in these tests, and a consignment to hand over."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from app.carriers.protocol import Consignment, GoodsLine, Place
from app.carriers.secrets import Secrets
from app.core.money import Money

AT = datetime(2030, 5, 17, 9, 30, tzinfo=UTC)
SECRETS = {"SWIFT_KEY": SecretStr("key-of-swift-7f3a"), "SWIFT_SIGNING": SecretStr("sign-me-please-11")}


def secrets() -> Secrets:
    return Secrets(SECRETS)


def rest_document(url: str, **changes: Any) -> dict[str, Any]:
    """Swift: an API key, bookings looked up by reference, milestones polled and pushed."""
    event = {
        "id": "id",
        "code": "code",
        "at": "when",
        "tracking_number": "number",
        "reference": "ref",
        "reason": "why",
        "note": "text",
        "received_by": "signed_by",
    }
    booked = {"tracking_number": "shipment.tracking", "booking_id": "shipment.id", "price": {"amount": "price.eur"}}
    document: dict[str, Any] = {
        "base_url": url,
        "timeout_seconds": 0.5,
        "authentication": {"kind": "header", "header": "X-Api-Key", "secret": "SWIFT_KEY"},
        "constants": {"account": "ACC-1"},
        "services": {"STANDARD": "EC"},
        "quote": {
            "method": "POST",
            "path": "/quotes",
            "body": {"to": "${recipient.postal_code}"},
            "answer": {"quotes": "offers", "service": "svc", "price": {"amount": "eur"}},
        },
        "book": {
            "method": "POST",
            "path": "/shipments",
            "body": {
                "account": "${constants.account}",
                "reference": "${reference}",
                "service": "${service}",
                "grams": "${weight_g}",
                "note": "Order ${order_reference}",
                "cash": "${cash.amount}",
                "to": {"name": "${recipient.name}", "street": "${recipient.line1}", "zip": "${recipient.postal_code}"},
                "items": {"$each": "lines", "$as": {"sku": "${sku}", "count": "${quantity}"}},
            },
            "answer": {**booked, "label": {"contents": "pdf"}},
        },
        "find": {
            "method": "GET",
            "path": "/shipments",
            "query": {"reference": "${reference}"},
            "answer": {**booked, "label": {"contents": "pdf"}},
        },
        "track": {
            "method": "GET",
            "path": "/tracking/${tracking_number}",
            "answer": {"tracking_number": "number", "events": "events", "event": {**event, "tracking_number": None}},
        },
        "cancel": {"method": "DELETE", "path": "/shipments/${tracking_number}"},
        "error": {"code": "fault.code", "message": "fault.text"},
        "webhook": {
            "signature": {"kind": "standard-webhooks", "secret": "SWIFT_SIGNING"},
            "events": "events",
            "event": event,
        },
        "vocabulary": {
            "milestones": {
                "PU": "PICKED_UP",
                "OFD": "OUT_FOR_DELIVERY",
                "DLV": "DELIVERED",
                "FAIL": "ATTEMPT_FAILED",
                "INFO": None,
            },
            "reasons": {"NH": "NOT_HOME"},
            "time_zone": "Europe/Lisbon",
        },
    }
    return {**document, **changes}


def edi_document(**changes: Any) -> dict[str, Any]:
    return {
        "us": {"id": "DOORSTEP"},
        "carrier": {"id": "HAULER"},
        "scac": "HAUL",
        "folder": "hauler",
        "usage": "T",
        **changes,
    }


def consignment(**changes: Any) -> Consignment:
    place = Place(
        name="Node LIS", line1="Rua do Armazém 1", city="Lisboa", postal_code="1000-001", country="PT",
        latitude=38.72, longitude=-9.14,
    )  # fmt: skip
    recipient = Place(
        name="Rosa Conceição", line1="Rua Augusta 1", city="Lisboa", postal_code="1100-048", country="PT",
        latitude=38.71, longitude=-9.14, phone="+351210000000",
    )  # fmt: skip
    values: dict[str, Any] = {
        "key": "0199-key",
        "reference": "4711/1",
        "order_reference": "4711",
        "service": "STANDARD",
        "sender": place,
        "recipient": recipient,
        "window_start": AT + timedelta(hours=1),
        "window_end": AT + timedelta(hours=3),
        "weight_kg": 1.5,
        "volume_l": 2.0,
        "lines": (GoodsLine(sku="APPLE", quantity=2), GoodsLine(sku="PEAR", quantity=1)),
        "price": Money(minor=500, currency="EUR"),
        "made_at": AT,
    }
    return Consignment(**{**values, **changes})
