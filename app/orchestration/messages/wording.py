"""What a text about an order may speak of: the order's own facts, and those of the moment it is written in."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.tokens import tracking_token
from app.models import FulfilmentNode, Order, Shipment
from app.models.base import Json
from app.notifications.moments import Span
from app.notifications.templates import NextStep, Values
from app.orchestration.messages.policies import next_step


@dataclass(frozen=True, kw_only=True)
class Sender:
    """What the texts of one deployment have in common. `zone` serves where no node says a place's own."""

    public_url: str
    secret: str
    zone: ZoneInfo

    def tracking_url(self, order_id: uuid.UUID) -> str:
        """The customer's link."""
        return f"{self.public_url.rstrip('/')}/track/{tracking_token(self.secret, order_id)}"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is so at one moment. None is not known, or not to be shown."""

    eta: Span | None = None
    reason: str | None = None
    stops_before: int | None = None
    next_step: NextStep = NextStep.UNKNOWN


def facts_of_event(data: Json, shipment: Shipment | None) -> Facts:
    """What an event and its shipment say; the event's own words count where both speak."""
    told = span(_time(data.get("earliest")), _time(data.get("latest")))
    known = None if shipment is None else span(shipment.eta_earliest, shipment.eta_latest)
    return Facts(
        eta=told or known,
        reason=data.get("reason"),
        stops_before=data.get("stopsBefore"),
        next_step=next_step(None if shipment is None else shipment.state),
    )


def values(order: Order, facts: Facts, *, sender: Sender, zone: ZoneInfo) -> Values:
    """All that a text about this order may use."""
    return Values(
        name=order.recipient_name,
        reference=order.reference,
        url=sender.tracking_url(order.id),
        zone=zone,
        window=span(order.promised_start, order.promised_end),
        eta=facts.eta,
        reason=facts.reason,
        pin=order.pin,
        stops_before=facts.stops_before,
        next_step=facts.next_step,
        is_collection=order.kind.is_collection,
    )


async def zones_of_orders(session: AsyncSession, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, ZoneInfo]:
    """The time zone at the doors of these orders: that of the node that serves them, once one does."""
    rows = await session.execute(
        select(col(Shipment.order_id), col(FulfilmentNode.time_zone))
        .join(FulfilmentNode, col(FulfilmentNode.id) == col(Shipment.node_id))
        .where(col(Shipment.order_id).in_(ids))
        .order_by(col(Shipment.id))
    )
    return {order_id: ZoneInfo(name) for order_id, name in rows.all()}


def span(start: datetime | None, end: datetime | None) -> Span | None:
    """Two ends, where both are known."""
    return None if start is None or end is None else (start, end)


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
