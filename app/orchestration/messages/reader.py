"""The reader `messages`: turns events into texts, each once, on the channels that the recipient chose."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.tokens import tracking_token
from app.core.ids import new_id
from app.models import Channel, Event, Message, MessageState, Order
from app.models.base import Json
from app.notifications import templates, timing
from app.orchestration.messages.policies import KINDS_OF_EVENT
from app.orchestration.policies import queries as rules
from app.orchestration.policies.documents import PolicyDocument


@dataclass(frozen=True, kw_only=True)
class Sender:
    """What the texts of one deployment have in common."""

    public_url: str
    secret: str
    zone: ZoneInfo

    def tracking_url(self, order_id: uuid.UUID) -> str:
        """The customer's link."""
        return f"{self.public_url.rstrip('/')}/track/{tracking_token(self.secret, order_id)}"


async def read(session: AsyncSession, events: Sequence[Event], now: datetime, *, sender: Sender) -> None:
    """Adds the messages of these events; the reader's cursor moves in the same transaction."""
    spoken_of = [event for event in events if event.type in KINDS_OF_EVENT]
    if not spoken_of:
        return
    orders = {
        order.id: order
        for order in await session.scalars(select(Order).where(col(Order.id).in_({e.order_id for e in spoken_of})))
    }
    policy = await rules.current(session)
    rows = [
        row
        for event in spoken_of
        if event.order_id in orders
        for row in _rows(event, orders[event.order_id], policy, sender, now)
    ]
    if rows:
        await session.execute(
            insert(Message)
            .values(rows)
            .on_conflict_do_nothing(index_elements=["event_id", "kind", "channel", "address"])
        )


def _rows(event: Event, order: Order, policy: PolicyDocument, sender: Sender, now: datetime) -> Iterator[Json]:
    for kind in KINDS_OF_EVENT[event.type]:
        if not policy.sends(kind):
            continue
        for channel, address in addresses(order):
            yield _row(event, order, kind, channel, address, sender, now)


def addresses(order: Order) -> list[tuple[Channel, str]]:
    """Where the recipient wants to hear from us; the inbox of the tracking page where nothing was chosen."""
    known = {
        Channel.SMS: order.recipient_phone,
        Channel.WHATSAPP: order.recipient_phone,
        Channel.EMAIL: order.recipient_email,
        Channel.IN_APP: order.reference,
    }
    chosen = [Channel(name) for name in order.channels] or [Channel.IN_APP]
    # The inbox shows everything, whatever else was chosen.
    wanted = dict.fromkeys([*chosen, Channel.IN_APP])
    return [(channel, address) for channel in wanted if (address := known[channel])]


def _row(event: Event, order: Order, kind: str, channel: Channel, address: str, sender: Sender, now: datetime) -> Json:
    rendered = templates.render(kind, channel, order.locale, values(order, event.data, sender=sender))
    return {
        "id": new_id(),
        "created_at": now,
        "order_id": order.id,
        "event_id": event.id,
        "kind": kind,
        "channel": channel,
        "address": address,
        "locale": order.locale,
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "state": MessageState.QUEUED,
        "attempts": 0,
        "not_before": now
        if channel is Channel.IN_APP
        else timing.earliest_send_at(kind, now, sender.zone, _quiet(order)),
    }


def values(order: Order, data: Json, *, sender: Sender) -> templates.Values:
    """What a text about this order may speak of."""
    return templates.Values(
        name=order.recipient_name,
        reference=order.reference,
        url=sender.tracking_url(order.id),
        zone=sender.zone,
        window=_pair(order.promised_start, order.promised_end),
        eta=_pair(_time(data.get("etaEarliest")), _time(data.get("etaLatest"))),
        reason=data.get("reason"),
        pin=order.pin,
    )


def _pair(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime] | None:
    return None if start is None or end is None else (start, end)


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _quiet(order: Order) -> timing.QuietHours | None:
    if order.quiet_start is None or order.quiet_end is None:
        return None
    return time.fromisoformat(order.quiet_start), time.fromisoformat(order.quiet_end)
