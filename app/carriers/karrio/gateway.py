"""karrio's carriers behind the carriers' protocol. Each call starts a child process, and ends it at a limit."""

import asyncio
import base64
import binascii
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.carriers.karrio.document import KarrioDocument, SecretValue
from app.carriers.protocol import (
    Booked,
    Capability,
    CarrierEvent,
    Consignment,
    Label,
    NotOffered,
    PermanentFailure,
    Place,
    Quote,
    Receipt,
    TemporaryFailure,
)
from app.carriers.rest.answers import derived_id, read_reason, read_time, unreadable
from app.carriers.rest.templates import storable
from app.carriers.secrets import Secrets, told
from app.core.errors import Refusal
from app.core.money import Money, money_from_decimal

LIMIT_SECONDS = 75
SOURCE_ROOT = Path(__file__).resolve().parents[3]
LABEL_TYPES = {"PDF": "application/pdf", "ZPL": "application/vnd.zebra-zpl", "PNG": "image/png"}
# The child needs a path and a home, and no secret of the deployment.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


class KarrioGateway:
    """Speaks to one of karrio's carriers.

    karrio cannot look a booking up by its reference. So a booking whose answer was lost is never repeated: it fails
    with OUTCOME_UNKNOWN, and a person looks into the carrier's own portal.
    """

    capabilities = frozenset({Capability.QUOTE, Capability.BOOK, Capability.TRACK, Capability.CANCEL})

    def __init__(self, document: KarrioDocument, *, carrier: str, secrets: Secrets) -> None:
        self._document = document
        self._carrier = carrier
        self._secrets = secrets

    async def quote(self, consignment: Consignment) -> Sequence[Quote]:
        """The carrier's rates, cheapest first."""
        payload = self._shipment(consignment)
        found = await self._ask("quote", {**payload, "services": [payload.pop("service")]})
        quotes = [
            Quote(service=rate["service"], price=_price(rate, consignment), quote_id=rate["quote_id"]) for rate in found
        ]
        return sorted(quotes, key=lambda quote: quote.price.minor)

    async def book(self, consignment: Consignment) -> Receipt:
        """Books, unless an earlier try may have done so."""
        if consignment.is_outcome_unknown:
            raise self._unknown()
        answer = await self._ask("book", self._shipment(consignment))
        if not answer["tracking_number"]:
            raise unreadable("there is no tracking number in it.")
        return Receipt(
            tracking_number=answer["tracking_number"],
            booking_id=answer["booking_id"],
            price=None if answer["price"] is None else _price(answer, consignment),
            label=self._label(answer),
        )

    async def label(self, booked: Booked) -> Label:
        """Comes with the booking."""
        raise NotOffered(Capability.LABEL, self._carrier)

    async def track(self, booked: Booked) -> Sequence[CarrierEvent]:
        """The milestones of this number; refuses an answer about another."""
        number = booked.tracking_number
        if number is None:
            raise NotOffered(Capability.TRACK, self._carrier)
        found = await self._ask("track", {"tracking_numbers": [number]})
        about = [one for one in found if one["tracking_number"] == number]
        if not about:
            other = ", ".join(str(one["tracking_number"]) for one in found)
            raise PermanentFailure(
                "TRACKING_MISMATCH", f"{self._carrier} was asked about {number} and answered about {other}."
            )
        events = [self._event(number, event) for one in about for event in one["events"]]
        return [event for event in events if event is not None]

    async def cancel(self, booked: Booked) -> None:
        """Cancels by the carrier's own id."""
        answer = await self._ask("cancel", {"shipment_identifier": booked.booking_id or booked.tracking_number})
        if not answer["is_cancelled"]:
            raise PermanentFailure("CARRIER_REFUSED", f"{self._carrier} did not confirm the cancellation.")

    async def _ask(self, operation: str, payload: dict[str, Any]) -> Any:
        request = {
            "carrier": self._document.carrier,
            "settings": self._settings(),
            "server_urls": self._document.server_urls,
            "operation": operation,
            "payload": payload,
        }
        answer = await self._answered(json.dumps(request).encode(), operation)
        failure = answer.get("failure")
        if failure is None:
            return answer["result"]
        message = f"{self._carrier}: {told(failure['message'], hidden=self._secrets.values_of(self._document))}"
        if failure["code"] != "CARRIER_UNREACHABLE":
            raise PermanentFailure(failure["code"], message)
        if failure["was_sent"] and operation == "book":
            raise self._unknown()
        raise TemporaryFailure(failure["code"], message)

    async def _answered(self, request: bytes, operation: str) -> dict[str, Any]:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.carriers.karrio.process",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            cwd=SOURCE_ROOT, env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
        )  # fmt: skip
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                written, _ = await child.communicate(request)
            found: dict[str, Any] = _storable(json.loads(written))
        except (TimeoutError, ValueError) as error:
            if operation == "book":
                raise self._unknown() from error
            raise TemporaryFailure("CARRIER_UNREACHABLE", f"{self._carrier} did not answer through karrio.") from error
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        return found

    def _unknown(self) -> PermanentFailure:
        return PermanentFailure(
            "OUTCOME_UNKNOWN",
            f"Whether {self._carrier} took the booking is not known, and it cannot be asked by reference."
            " Look into the carrier's portal, then book it there or try again.",
        )

    def _settings(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = {
                name: self._secrets[value.secret] if isinstance(value, SecretValue) else value
                for name, value in self._document.settings.items()
            }
        except Refusal as refusal:
            raise PermanentFailure(refusal.code, refusal.message) from refusal
        return {**found, "config": self._document.config}

    def _shipment(self, consignment: Consignment) -> dict[str, Any]:
        document = self._document
        return {
            "service": document.services.get(consignment.service, consignment.service),
            "shipper": _address(consignment.sender),
            "recipient": _address(consignment.recipient),
            "parcels": [
                {
                    "weight": round(max(consignment.weight_kg, 0.01), 3),
                    "weight_unit": "KG",
                    "length": document.length_cm,
                    "width": document.width_cm,
                    "height": document.height_cm,
                    "dimension_unit": "CM",
                    "packaging_type": document.packaging_type,
                    "reference_number": consignment.reference,
                }
            ],
            "options": dict(document.options),
            "reference": consignment.reference,
            "label_type": document.label_type,
        }

    def _label(self, answer: dict[str, Any]) -> Label | None:
        if not answer["label"]:
            return None
        kind = str(answer["label_type"] or self._document.label_type).upper()
        try:
            contents = base64.b64decode(answer["label"], validate=True)
        except binascii.Error as error:
            raise unreadable("the label is not base64.") from error
        return Label(contents=contents, content_type=LABEL_TYPES.get(kind, "application/octet-stream"))

    def _event(self, number: str, event: dict[str, Any]) -> CarrierEvent | None:
        words = self._document.words
        code, state = event["code"] or "", event["status"] or "unknown"
        kind = words.milestones[code] if code in words.milestones else words.milestones.get(state)
        if kind is None:
            return None
        at = event["timestamp"] or f"{event['date']}T00:00:00Z"
        if words.time_zone != "UTC":
            at = at.removesuffix("Z")  # many of karrio's carriers tell local times as if they were UTC
        reason, note = read_reason(kind, event["reason"] or code or state, event["description"], words)
        return CarrierEvent(
            event_id=derived_id(number, code or state, at),
            kind=kind,
            at=read_time(at, words),
            tracking_number=number,
            reason=reason,
            note=note,
        )


def _storable(value: Any) -> Any:
    """An answer without what a database cannot hold."""
    if isinstance(value, dict):
        return {name: _storable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_storable(part) for part in value]
    return storable(value) if isinstance(value, str) else value


def _price(answer: dict[str, Any], consignment: Consignment) -> Money:
    currency = answer["currency"] or consignment.price.currency
    try:
        return money_from_decimal(f"{float(answer['price']):.2f}", currency)
    except Refusal as refusal:
        raise unreadable(refusal.message) from refusal


def _address(place: Place) -> dict[str, Any]:
    return {
        "person_name": place.name,
        "address_line1": place.line1,
        "address_line2": place.line2,
        "city": place.city,
        "state_code": place.region,
        "postal_code": place.postal_code,
        "country_code": place.country,
        "phone_number": place.phone,
        "email": place.email,
    }
