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

from app.core.ids import new_id
from app.models import Channel, Event, Message, MessageState, Order, Shipment
from app.models.base import Json
from app.notifications import templates, timing
from app.notifications.consent import channels_for
from app.orchestration.messages.policies import kinds_of
from app.orchestration.messages.wording import Facts, Sender, facts_of_event, values, zones_of_orders
from app.orchestration.policies import queries as rules


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """An event that a recipient may be told of, with the rows it speaks of."""

    event: Event
    order: Order
    facts: Facts
    zone: ZoneInfo


async def read(session: AsyncSession, events: Sequence[Event], now: datetime, *, sender: Sender) -> None:
    """Adds the messages of these events; the reader's cursor moves in the same transaction."""
    occasions = await _occasions(session, events, sender)
    if not occasions:
        return
    policy = await rules.current(session)
    rows = [
        _row(occasion, kind, channel, address, sender, now)
        for occasion in occasions
        for kind in kinds_of(occasion.event.type, occasion.event.data)
        if policy.sends(kind)
        for channel, address in addresses(occasion.order)
    ]
    if rows:
        await session.execute(
            insert(Message)
            .values(rows)
            .on_conflict_do_nothing(index_elements=["event_id", "kind", "channel", "address"])
        )


async def _occasions(session: AsyncSession, events: Sequence[Event], sender: Sender) -> list[Occasion]:
    ids = {event.order_id for event in events if event.order_id is not None}
    if not ids:
        return []
    orders = {order.id: order for order in await session.scalars(select(Order).where(col(Order.id).in_(ids)))}
    subjects = [event.subject_id for event in events if event.subject_kind == "shipment"]
    found = await session.scalars(select(Shipment).where(col(Shipment.id).in_(subjects)))
    shipments: dict[uuid.UUID, Shipment] = {shipment.id: shipment for shipment in found}
    zones = await zones_of_orders(session, ids)
    return [
        Occasion(
            event=event,
            order=orders[event.order_id],
            facts=facts_of_event(event.data, shipments.get(event.subject_id)),
            zone=zones.get(event.order_id, sender.zone),
        )
        for event in events
        if event.order_id in orders
    ]


def addresses(order: Order) -> Iterator[tuple[Channel, str]]:
    """Where the recipient wants to hear from us, and always the inbox of its page, which shows everything.

    A channel without its address gives way to one that reaches; who chose none is left to read the page.
    """
    phone, email = order.recipient_phone, order.recipient_email
    chosen = [Channel(name) for name in order.channels] or [Channel.IN_APP]
    known = {Channel.SMS: phone, Channel.WHATSAPP: phone, Channel.EMAIL: email, Channel.IN_APP: order.reference}
    for channel in dict.fromkeys([*channels_for(chosen, phone=phone, email=email), Channel.IN_APP]):
        if address := known[channel]:
            yield channel, address


def _row(occasion: Occasion, kind: str, channel: Channel, address: str, sender: Sender, now: datetime) -> Json:
    order, zone = occasion.order, occasion.zone
    said = values(order, occasion.facts, sender=sender, zone=zone)
    rendered = templates.render(kind, channel, order.locale, said)
    is_silent = channel is Channel.IN_APP  # nobody is woken by a page
    return {
        "id": new_id(),
        "created_at": now,
        "order_id": order.id,
        "event_id": occasion.event.id,
        "kind": kind,
        "channel": channel,
        "address": address,
        "locale": order.locale,
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "state": MessageState.QUEUED,
        "attempts": 0,
        "not_before": now if is_silent else timing.earliest_send_at(kind, now, zone, _quiet(order)),
    }


def _quiet(order: Order) -> timing.QuietHours | None:
    if order.quiet_start is None or order.quiet_end is None:
        return None
    return time.fromisoformat(order.quiet_start), time.fromisoformat(order.quiet_end)
