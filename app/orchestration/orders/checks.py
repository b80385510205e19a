"""Everything that can be wrong with an order as a shop sends it. Pure: what it is compared with is passed in.

Each fault has its own code and the path of its field below the order, such as `lines.0.quantity`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import phonenumbers

from app.core.errors import Refusal, UserError
from app.core.geo import Point, great_circle_metres
from app.core.money import money_from_decimal
from app.models import Channel, Product, ProofKind
from app.orchestration import row_checks
from app.orchestration.orders.drafts import AddressDraft, LineDraft, OrderDraft, RecipientDraft, WindowDraft

MOST_LINES = 200
MOST_QUANTITY = 100_000
HEAVIEST_KG = 50_000
LARGEST_L = 100_000
LONGEST_SERVICE_SECONDS = 14_400
MOST_TAGS = 50
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?")  # the common part of BCP 47
NEEDS_PHONE = frozenset({Channel.SMS.value, Channel.WHATSAPP.value})
CHANNELS = frozenset(channel.value for channel in Channel)
PROOFS = frozenset(kind.value for kind in ProofKind)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a draft is compared with. `reach_metres` is the widest zone around each of `node_points`."""

    products: Mapping[str, Product]
    node_points: Sequence[Point]
    reach_metres: float
    currency: str
    now: datetime


def faults(draft: OrderDraft, around: Surroundings) -> list[UserError]:
    """Every reason why this draft cannot be taken over."""
    return [
        *row_checks.faults(row_checks.reference(draft.reference, field="reference"), _service_level(draft)),
        *_recipient(draft.recipient, country=draft.address.country),
        *_address(draft.address, around),
        *_lines(draft.lines, around.products),
        *_window(draft.requested_window, now=around.now),
        *_wishes(draft),
        *_cash(draft, currency=around.currency),
    ]


def phone_e164(text: str, *, country: str) -> str | None:
    """The number in E.164, or None where it is none. `country` completes a national number."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _service_level(draft: OrderDraft) -> UserError | None:
    if draft.service_level is None:
        return None
    return row_checks.text(draft.service_level, field="serviceLevel", is_required=True)


def _recipient(recipient: RecipientDraft, *, country: str) -> list[UserError]:
    found = row_checks.faults(row_checks.text(recipient.name, field="recipient.name", is_required=True))
    if recipient.phone is not None and phone_e164(recipient.phone, country=country) is None:
        found.append(
            _fault(
                "PHONE_INVALID",
                f"{recipient.phone[:40]!r} is no phone number. Send one such as +351 912 345 678.",
                "recipient.phone",
            )
        )
    if recipient.email is not None and (not EMAIL.fullmatch(recipient.email) or len(recipient.email) > 254):
        found.append(_fault("EMAIL_INVALID", f"{recipient.email[:80]!r} is no email address.", "recipient.email"))
    if recipient.locale is not None and not LOCALE.fullmatch(recipient.locale):
        found.append(
            _fault("LOCALE_INVALID", f"{recipient.locale[:40]!r} is no locale such as pt or pt-BR.", "recipient.locale")
        )
    return found + _channels(recipient)


def _channels(recipient: RecipientDraft) -> list[UserError]:
    found: list[UserError] = []
    for index, channel in enumerate(recipient.channels or []):
        field = f"recipient.channels.{index}"
        if channel not in CHANNELS:
            names = ", ".join(sorted(CHANNELS))
            found.append(
                _fault("UNKNOWN_CHANNEL", f"There is no channel {channel[:40]!r}. Send one of {names}.", field)
            )
        elif channel in NEEDS_PHONE and recipient.phone is None:
            found.append(
                _fault("CHANNEL_WITHOUT_ADDRESS", f"{channel} needs a phone number. Send recipient.phone.", field)
            )
        elif channel == Channel.EMAIL and recipient.email is None:
            found.append(
                _fault("CHANNEL_WITHOUT_ADDRESS", "EMAIL needs an email address. Send recipient.email.", field)
            )
    return found


def _address(address: AddressDraft, around: Surroundings) -> list[UserError]:
    found = row_checks.faults(
        row_checks.text(address.line1, field="address.line1", is_required=True),
        row_checks.text(address.line2, field="address.line2"),
        row_checks.text(address.city, field="address.city", is_required=True),
        row_checks.text(address.region, field="address.region"),
        row_checks.text(address.postal_code, field="address.postalCode"),
        row_checks.country(address.country, field="address.country"),
        row_checks.text(address.instructions, field="address.instructions"),
    )
    if address.location is None:
        found.append(
            _fault(
                "LOCATION_MISSING",
                f"{address.line1[:80]!r}, {address.city[:80]!r} has no location, and addresses are not geocoded yet."
                " Send address.location.",
                "address.location",
            )
        )
        return found
    wrong = row_checks.location(address.location, field="address.location")
    return [*found, *row_checks.faults(wrong or _zone(address.location, around))]


def _zone(door: Point, around: Surroundings) -> UserError | None:
    if not around.node_points:
        return _fault(
            "OUTSIDE_EVERY_ZONE", "No node is open for orders yet. Create nodes and carriers first.", "address.location"
        )
    nearest = min(great_circle_metres(point, door) for point in around.node_points)
    if nearest <= around.reach_metres:
        return None
    return _fault(
        "OUTSIDE_EVERY_ZONE",
        f"{door.latitude}, {door.longitude} is {nearest / 1000:.1f} km from the nearest node; no carrier goes further"
        f" than {around.reach_metres / 1000:.1f} km. Check the location.",
        "address.location",
    )


def _lines(lines: Sequence[LineDraft], products: Mapping[str, Product]) -> list[UserError]:
    if not 1 <= len(lines) <= MOST_LINES:
        return [_fault("LINES_MISSING" if not lines else "TOO_MANY_LINES", f"Send 1 to {MOST_LINES} lines.", "lines")]
    found: list[UserError] = []
    seen: set[str] = set()
    for index, line in enumerate(lines):
        path = f"lines.{index}"
        if line.sku not in products:
            found.append(
                _fault("UNKNOWN_SKU", f"There is no sku {line.sku[:100]!r}. Check its spelling.", f"{path}.sku")
            )
        elif line.sku in seen:
            found.append(_fault("DUPLICATE_SKU", f"Sku {line.sku!r} comes twice. Send one line for it.", f"{path}.sku"))
        seen.add(line.sku)
        found += _measures(line, path)
    return found


def _measures(line: LineDraft, path: str) -> list[UserError]:
    found: list[UserError] = []
    if line.quantity <= 0:
        found.append(
            _fault(
                "QUANTITY_NOT_POSITIVE",
                f"{line.quantity} of {line.sku!r} cannot be ordered. Send 1 or more.",
                f"{path}.quantity",
            )
        )
    elif line.quantity > MOST_QUANTITY:
        found.append(
            _fault(
                "QUANTITY_TOO_LARGE",
                f"{line.quantity} of {line.sku!r} is more than {MOST_QUANTITY}.",
                f"{path}.quantity",
            )
        )
    if line.weight_kg is not None:
        found += row_checks.faults(
            row_checks.within(line.weight_kg, lowest=0, highest=HEAVIEST_KG, field=f"{path}.weightKg")
        )
    if line.volume_l is not None:
        found += row_checks.faults(
            row_checks.within(line.volume_l, lowest=0, highest=LARGEST_L, field=f"{path}.volumeL")
        )
    return found


def _window(window: WindowDraft | None, *, now: datetime) -> list[UserError]:
    if window is None:
        return []
    text = f"{window.start.isoformat()} to {window.end.isoformat()}"
    if window.start >= window.end:
        return [_fault("WINDOW_INVALID", f"The window {text} ends before it starts. Turn it round.", "requestedWindow")]
    if window.end <= now:
        return [
            _fault(
                "WINDOW_IN_PAST",
                f"The window {text} is over; it is {now.isoformat(timespec='seconds')}. Send one to come.",
                "requestedWindow",
            )
        ]
    return []


def _wishes(draft: OrderDraft) -> list[UserError]:
    found = row_checks.faults(row_checks.within(draft.priority, lowest=0, highest=100, field="priority"))
    if draft.service_seconds is not None:
        found += row_checks.faults(
            row_checks.within(draft.service_seconds, lowest=0, highest=LONGEST_SERVICE_SECONDS, field="serviceSeconds")
        )
    for index, skill in enumerate(draft.required_skills):
        if not 1 <= len(skill.strip()) <= row_checks.LONGEST_REFERENCE:
            found.append(
                _fault("SKILL_INVALID", f"{skill[:40]!r} is no skill. Send a name.", f"requiredSkills.{index}")
            )
    for index, kind in enumerate(draft.proof_requirements):
        if kind not in PROOFS:
            names = ", ".join(sorted(PROOFS))
            found.append(
                _fault(
                    "UNKNOWN_PROOF",
                    f"There is no proof {kind[:40]!r}. Send one of {names}.",
                    f"proofRequirements.{index}",
                )
            )
    return found + _metadata(draft.metadata)


def _metadata(metadata: Sequence[tuple[str, str]]) -> list[UserError]:
    keys = [key for key, _ in metadata]
    if len(keys) > MOST_TAGS or len(set(keys)) < len(keys):
        return [_fault("METADATA_INVALID", f"Send at most {MOST_TAGS} entries, each key once.", "metadata")]
    return row_checks.faults(
        *(row_checks.reference(key, field=f"metadata.{index}.key") for index, (key, _) in enumerate(metadata)),
        *(row_checks.text(value, field=f"metadata.{index}.value") for index, (_, value) in enumerate(metadata)),
    )


def _cash(draft: OrderDraft, *, currency: str) -> list[UserError]:
    cash = draft.cash_to_collect
    if cash is None:
        return []
    if draft.kind.is_collection:
        return [
            _fault(
                "CASH_AT_COLLECTION",
                f"{cash.amount} {cash.currency} cannot be taken for a {draft.kind}: cash is collected where goods are"
                " handed over. Leave it out.",
                "cashToCollect",
            )
        ]
    try:
        amount = money_from_decimal(cash.amount, cash.currency, field="cashToCollect")
    except Refusal as refusal:
        return [refusal.to_user_error()]
    if amount.currency != currency:
        return [
            _fault(
                "CURRENCY_UNSUPPORTED",
                f"Cash is collected in {currency}, not in {amount.currency}.",
                "cashToCollect.currency",
            )
        ]
    if amount.minor <= 0:
        return [_fault("AMOUNT_INVALID", f"{cash.amount} cannot be collected. Leave it out.", "cashToCollect.amount")]
    return []


def _fault(code: str, message: str, field: str) -> UserError:
    return UserError(code=code, message=message, field=field)
