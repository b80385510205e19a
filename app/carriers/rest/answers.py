"""Reading a carrier's answers by the document's expressions. Pure."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from app.carriers.documents import Vocabulary
from app.carriers.protocol import CarrierEvent, Label, PermanentFailure, Quote, Receipt
from app.carriers.rest.document import BookAnswer, EventAnswer, LabelAnswer, PriceAnswer, QuoteAnswer, TrackAnswer
from app.carriers.rest.templates import text_at, value_at
from app.core.errors import Refusal
from app.core.money import Money, money_from_decimal
from app.models import FailureReason, MilestoneKind

LONGEST_ID = 200
LONGEST_NOTE = 500


def unreadable(what: str) -> PermanentFailure:
    """The failure of an answer that does not say what the document expects."""
    return PermanentFailure("ANSWER_UNREADABLE", f"The carrier's answer cannot be read: {what}")


def read_booking(answer: BookAnswer, body: Any, *, currency: str) -> Receipt | None:
    """What was booked; None where the answer names no tracking number."""
    number = text_at(answer.tracking_number, body)
    if number is None:
        return None
    return Receipt(
        tracking_number=number[:LONGEST_ID],
        booking_id=text_at(answer.booking_id, body),
        price=None if answer.price is None else read_price(answer.price, body, currency=currency),
        label=None if answer.label is None else read_label(answer.label, body),
    )


def read_price(answer: PriceAnswer, body: Any, *, currency: str) -> Money | None:
    """An amount, in `currency` where the answer names none; None where there is no amount."""
    text = text_at(answer.amount, body)
    if text is None:
        return None
    currency = text_at(answer.currency, body) or currency
    try:
        if answer.is_minor:
            return Money(minor=int(Decimal(text)), currency=currency)
        return money_from_decimal(text, currency)
    except (InvalidOperation, ValueError, Refusal) as error:
        raise unreadable(f"{text!r} {currency} is no price.") from error


def read_label(answer: LabelAnswer, body: Any) -> Label | None:
    """A label in base64; None where there is none."""
    text = text_at(answer.contents or "@", body)
    if text is None:
        return None
    try:
        return Label(contents=base64.b64decode(text, validate=True), content_type=answer.content_type)
    except binascii.Error as error:
        raise unreadable(f"the label is not base64 ({text[:20]!r}…).") from error


def read_quotes(answer: QuoteAnswer, body: Any, *, currency: str) -> list[Quote]:
    """The quotes, cheapest first; those without a price are left out."""
    found = []
    for part in value_at(answer.quotes, body) or []:
        price, service = read_price(answer.price, part, currency=currency), text_at(answer.service, part)
        if price is None or service is None:
            continue
        arrives_by = text_at(answer.arrives_by, part)
        found.append(
            Quote(
                service=service,
                price=price,
                quote_id=text_at(answer.quote_id, part),
                arrives_by=None if arrives_by is None else read_time(arrives_by, Vocabulary()),
            )
        )
    return sorted(found, key=lambda quote: quote.price.minor)


def read_tracking(answer: TrackAnswer, body: Any, vocabulary: Vocabulary, *, asked_for: str) -> list[CarrierEvent]:
    """The milestones of one number. Refuses an answer about another one."""
    number = text_at(answer.tracking_number, body)
    if number != asked_for:
        raise PermanentFailure(
            "TRACKING_MISMATCH", f"The carrier was asked about {asked_for} and answered about {number or 'nothing'}."
        )
    return read_events(answer.events, answer.event, body, vocabulary, about=asked_for)


def read_events(
    events: str, event: EventAnswer, body: Any, vocabulary: Vocabulary, *, about: str | None = None
) -> list[CarrierEvent]:
    """The milestones of an answer or a call, in our words. Codes that mean nothing here are left out.

    Refuses a code that the document does not know: silence could hide a delivery.
    """
    found = value_at(events, body)
    parts: Sequence[Any] = found if isinstance(found, list) else [] if found is None else [found]
    read = (_read_event(event, part, vocabulary, about=about) for part in parts)
    return [one for one in read if one is not None]


def _read_event(event: EventAnswer, part: Any, vocabulary: Vocabulary, *, about: str | None) -> CarrierEvent | None:
    code, at = text_at(event.code, part), text_at(event.at, part)
    if code is None or at is None:
        raise unreadable(f"a milestone needs a code and a time (got {str(part)[:120]!r}).")
    if code not in vocabulary.milestones:
        raise unreadable(f"the milestone {code!r} is not in vocabulary.milestones. Add it, with null to pass it over.")
    kind = vocabulary.milestones[code]
    if kind is None:
        return None
    number, reference = text_at(event.tracking_number, part) or about, text_at(event.reference, part)
    note = text_at(event.note, part)
    reason, note = read_reason(kind, text_at(event.reason, part) or code, note, vocabulary)
    return CarrierEvent(
        event_id=(text_at(event.id, part) or derived_id(number or reference or "", code, at))[:LONGEST_ID],
        kind=kind,
        at=read_time(at, vocabulary),
        tracking_number=number,
        reference=reference,
        reason=reason,
        note=note and note[:LONGEST_NOTE],
        received_by=text_at(event.received_by, part),
    )


def read_reason(
    kind: MilestoneKind, code: str, note: str | None, vocabulary: Vocabulary
) -> tuple[FailureReason | None, str | None]:
    """Why an attempt failed. A code that the document does not know is OTHER, and the note says it."""
    if kind is not MilestoneKind.ATTEMPT_FAILED:
        return None, note
    if code in vocabulary.reasons:
        return vocabulary.reasons[code], note
    return FailureReason.OTHER, note or f"The carrier's reason: {code}"


def read_time(text: str, vocabulary: Vocabulary) -> datetime:
    """A time: ISO 8601, in the document's zone where it names none, or seconds or milliseconds since 1970."""
    try:
        if text.isdecimal() and len(text) in (10, 13):
            return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise unreadable(f"{text!r} is no time.") from error
    return (at if at.tzinfo else at.replace(tzinfo=vocabulary.zone)).astimezone(UTC)


def derived_id(*parts: str) -> str:
    """An id that the same milestone gets every time it is told."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
