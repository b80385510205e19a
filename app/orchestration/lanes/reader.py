"""The reader `lanes`: counts every delivery once for its lane and day, in time or so many seconds late."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.ids import new_id
from app.models import Event, FulfilmentNode, LaneDay, Order, Shipment
from app.orchestration.lanes.names import area_of, lane_of

DELIVERED = frozenset({"shipment.delivered", "shipment.partially_delivered"})
# A delivery three days late counts as that: what was lost and found again would outweigh all others.
MOST_LATE_SECONDS = 3 * 86_400.0
COUNTED = ("deliveries", "in_time", "late_seconds", "late_seconds_squared")


@dataclass(kw_only=True)
class _Tally:
    deliveries: int = 0
    in_time: int = 0
    late_seconds: float = 0.0
    late_seconds_squared: float = 0.0

    def add(self, seconds: float) -> None:
        """One more delivery, so late; zero or less: in time."""
        late = min(MOST_LATE_SECONDS, max(0.0, seconds))
        self.deliveries += 1
        self.in_time += seconds <= 0
        self.late_seconds += late
        self.late_seconds_squared += late * late


async def read(session: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Adds the deliveries that happened; the reader's cursor moves in the same transaction, so none counts twice."""
    found = await session.execute(
        select(Shipment, Order, col(FulfilmentNode.reference))
        .join(Order, col(Order.id) == col(Shipment.order_id))
        .join(FulfilmentNode, col(FulfilmentNode.id) == col(Shipment.node_id))
        .where(col(Shipment.id).in_([event.subject_id for event in events]))
    )
    tallies: dict[tuple[date, uuid.UUID, str], _Tally] = {}
    for shipment, order, node in found.all():
        if shipment.delivered_at is not None:
            lane = lane_of(shipment.service, node, area_of(order))
            tally = tallies.setdefault((shipment.delivered_at.date(), shipment.carrier_id, lane), _Tally())
            tally.add((shipment.delivered_at - shipment.window_end).total_seconds())
    if tallies:
        await _add(session, tallies)


async def _add(session: AsyncSession, tallies: dict[tuple[date, uuid.UUID, str], _Tally]) -> None:
    statement = insert(LaneDay).values(
        [
            {"id": new_id(), "date": day, "carrier_id": carrier_id, "lane": lane, **vars(tally)}
            for (day, carrier_id, lane), tally in sorted(tallies.items())
        ]
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["date", "carrier_id", "lane"],
            set_={name: getattr(LaneDay, name) + statement.excluded[name] for name in COUNTED},
        )
    )
