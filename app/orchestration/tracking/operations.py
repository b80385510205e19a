"""What a customer may change about its own delivery."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.principals import Principal
from app.core.errors import Conflict, NotFound, Refusal
from app.models import Channel, Order, OrderState
from app.orchestration.events import log, subjects

CHANGEABLE = (OrderState.RECEIVED, OrderState.ALLOCATED, OrderState.IN_FULFILMENT)
LONGEST = 500
# The columns of free text, as the caller's input names them.
FIELDS = {"safe_place": "safePlace", "instructions": "instructions", "neighbour": "neighbour"}
TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """What to change; None leaves a value as it is, an empty text clears it.

    Quiet hours are local HH:MM; equal ends mean none.
    """

    safe_place: str | None = None
    instructions: str | None = None
    neighbour: str | None = None
    channels: Sequence[Channel] | None = None
    quiet_start: str | None = None
    quiet_end: str | None = None


async def update_preferences(
    session: AsyncSession, *, actor: Principal, now: datetime, order_id: uuid.UUID, wanted: Preferences
) -> Order:
    """Changes the customer's wishes while the order is under way. Wishing for what is so already changes nothing."""
    order = await session.get(Order, order_id, with_for_update={"key_share": True})
    if order is None:
        raise NotFound("order", order_id)
    if order.state not in CHANGEABLE:
        raise Conflict("INVALID_STATE", f"Order {order.reference} is {order.state}; its delivery has ended.")
    values = {**_texts(wanted), **_channels(order, wanted), **_quiet_hours(wanted)}
    changed = {name: value for name, value in values.items() if getattr(order, name) != value}
    if not changed:
        return order
    for name, value in changed.items():
        setattr(order, name, value)
    order.updated_at, order.version = now, order.version + 1
    log.append(
        session,
        type="preferences.updated",
        subject=subjects.of_order(order),
        actor=actor,
        now=now,
        summary=f"Delivery preferences of order {order.reference} changed",
        data={"changed": sorted(changed)},
    )
    return order


def _texts(wanted: Preferences) -> dict[str, str | None]:
    given = {"safe_place": wanted.safe_place, "instructions": wanted.instructions, "neighbour": wanted.neighbour}
    for name, value in given.items():
        if value is not None and len(value) > LONGEST:
            field = FIELDS[name]
            raise Refusal(
                "TEXT_TOO_LONG",
                f"{field} has {len(value)} characters; {LONGEST} are the most. Shorten it.",
                field=field,
            )
    return {name: value.strip() or None for name, value in given.items() if value is not None}


def _channels(order: Order, wanted: Preferences) -> dict[str, list[str]]:
    if wanted.channels is None:
        return {}
    needs = {
        Channel.SMS: order.recipient_phone,
        Channel.WHATSAPP: order.recipient_phone,
        Channel.EMAIL: order.recipient_email,
        Channel.IN_APP: "this page",
    }
    for number, channel in enumerate(wanted.channels):
        if not needs[channel]:
            raise Refusal(
                "CHANNEL_WITHOUT_ADDRESS",
                f"We have no address for {channel}. Choose another channel.",
                field=f"channels.{number}",
            )
    return {"channels": [channel.value for channel in dict.fromkeys(wanted.channels)]}


def _quiet_hours(wanted: Preferences) -> dict[str, str | None]:
    given = {"quiet_start": wanted.quiet_start, "quiet_end": wanted.quiet_end}
    if given["quiet_start"] is None and given["quiet_end"] is None:
        return {}
    for name, value in given.items():
        if value is None or not TIME_OF_DAY.fullmatch(value):
            raise Refusal(
                "QUIET_HOURS_INVALID",
                f"Quiet hours need a start and an end such as 21:30, not {value!r}.",
                field="quietHours.start" if name == "quiet_start" else "quietHours.end",
            )
    return dict(given)
