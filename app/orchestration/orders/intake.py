"""From a draft that was found right to the columns of an order and its lines. Pure: time and keys are passed in."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.money import money_from_decimal
from app.models import Channel, Order, OrderLine, Product
from app.models.base import Json
from app.orchestration.orders.checks import phone_e164
from app.orchestration.orders.drafts import OrderDraft, RecipientDraft
from app.orchestration.policies.documents import PolicyDocument
from app.orchestration.policies.promises import promise

DEFAULT_LOCALE = "en"
# What an update keeps where the draft does not say; all else that a draft leaves out is emptied.
KEPT_WHEN_UNSAID = ("service_level", "service_seconds", "promised_start", "promised_end")


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What drafts are completed from."""

    products: Mapping[str, Product]
    policy: PolicyDocument
    currency: str
    now: datetime


def order_values(draft: OrderDraft, intake: Intake) -> Json:
    """The order's columns, without those that the platform keeps for itself."""
    recipient, address, place = draft.recipient, draft.address, draft.address.location
    assert place is not None, "a draft without a location is refused before"
    cash = draft.cash_to_collect
    return {
        "reference": draft.reference,
        "kind": draft.kind,
        "recipient_name": recipient.name.strip(),
        "recipient_phone": phone_e164(recipient.phone, country=address.country) if recipient.phone else None,
        "recipient_email": recipient.email,
        "locale": recipient.locale or DEFAULT_LOCALE,
        "channels": channels(recipient),
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "region": address.region,
        "postal_code": address.postal_code,
        "country": address.country,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "instructions": address.instructions,
        "priority": draft.priority,
        "required_skills": _skills(draft, intake),
        "proof_requirements": list(
            dict.fromkeys(
                [*draft.proof_requirements, *(kind.value for kind in intake.policy.orders.proof_requirements)]
            )
        ),
        "cash_minor": money_from_decimal(cash.amount, cash.currency).minor if cash else None,
        "currency": intake.currency,
        "attributes": [{"key": key, "value": value} for key, value in draft.metadata],
        "service_level": draft.service_level or intake.policy.service_level,
        "service_seconds": _service_seconds(draft, intake.policy),
        **_windows(draft, intake),
    }


def unsaid(draft: OrderDraft) -> set[str]:
    """The columns that an update keeps as they are, because the draft says nothing of them."""
    said = {
        "service_level": draft.service_level is not None,
        "service_seconds": draft.service_seconds is not None,
        "promised_start": draft.requested_window is not None,
        "promised_end": draft.requested_window is not None,
    }
    return {column for column in KEPT_WHEN_UNSAID if not said[column]}


def line_values(draft: OrderDraft, *, order_id: uuid.UUID, products: Mapping[str, Product]) -> list[Json]:
    """The columns of the order's lines; weight and volume are of one piece."""
    return [
        {
            "order_id": order_id,
            "sku": line.sku,
            "description": products[line.sku].description,
            "quantity": line.quantity,
            "weight_kg": products[line.sku].weight_kg if line.weight_kg is None else line.weight_kg,
            "volume_l": products[line.sku].volume_l if line.volume_l is None else line.volume_l,
        }
        for line in draft.lines
    ]


def channels(recipient: RecipientDraft) -> list[str]:
    """The channels asked for, each once; else the phone, the email or the inbox, whichever there is first."""
    if recipient.channels is not None:
        return list(dict.fromkeys(recipient.channels))
    if recipient.phone is not None:
        return [Channel.SMS.value]
    return [Channel.EMAIL.value if recipient.email is not None else Channel.IN_APP.value]


def changed_columns(order: Order, values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns whose value would be another."""
    return {column: value for column, value in values.items() if getattr(order, column) != value}


def lines_differ(stored: list[OrderLine], values: list[Json]) -> bool:
    """Whether the lines would be others."""
    now_there = {(line.sku, line.quantity, line.weight_kg, line.volume_l) for line in stored}
    return now_there != {(line["sku"], line["quantity"], line["weight_kg"], line["volume_l"]) for line in values}


def _skills(draft: OrderDraft, intake: Intake) -> list[str]:
    """What the shop asks for, what the goods themselves need, and what every order of the vertical does."""
    of_goods = {skill for line in draft.lines for skill in intake.products[line.sku].required_skills}
    return sorted(
        {*(skill.strip() for skill in draft.required_skills), *of_goods, *intake.policy.orders.required_skills}
    )


def _service_seconds(draft: OrderDraft, policy: PolicyDocument) -> int:
    return policy.service_seconds if draft.service_seconds is None else draft.service_seconds


def _windows(draft: OrderDraft, intake: Intake) -> Json:
    requested = draft.requested_window
    if requested is not None:
        start, end = requested.start, requested.end
    else:
        start, end = promise(intake.policy, postal_code=draft.address.postal_code, now=intake.now)
    return {
        "requested_start": requested.start if requested else None,
        "requested_end": requested.end if requested else None,
        "promised_start": start,
        "promised_end": end,
    }
