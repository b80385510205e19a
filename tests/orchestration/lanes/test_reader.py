"""What carriers did on their lanes, counted from the log, on a real database."""

from datetime import UTC, datetime, timedelta

from app.core.database import Database
from app.models import ActorKind, Event, Shipment, ShipmentState
from app.orchestration.lanes import queries, reader
from tests.factories.callers import an_order
from tests.factories.stock import a_world

NOW = datetime(2026, 3, 2, 18, tzinfo=UTC)


async def deliveries(database: Database, *late: timedelta) -> list[Event]:
    """Shipments that came so long after their windows, and the events that say so."""
    node, carrier = await a_world(database)
    events = []
    async with database.transaction() as session:
        for number, delay in enumerate(late):
            order = an_order(f"A{number}")
            order.postal_code = "1100-200"
            session.add(order)
            await session.flush()
            shipment = Shipment(
                reference=f"A{number}/1",
                order_id=order.id,
                node_id=node.id,
                carrier_id=carrier.id,
                service="STANDARD",
                state=ShipmentState.DELIVERED,
                window_start=NOW - timedelta(hours=4),
                window_end=NOW - timedelta(hours=2),
                delivered_at=NOW - timedelta(hours=2) + delay,
                currency="EUR",
            )
            session.add(shipment)
            await session.flush()
            events.append(
                Event(
                    type="shipment.delivered",
                    subject_kind="shipment",
                    subject_id=shipment.id,
                    subject_reference=shipment.reference,
                    actor_kind=ActorKind.SYSTEM,
                    actor_name="Doorstep",
                    summary="",
                )
            )
    return events


async def test_each_delivery_counts_for_its_lane_in_time_or_so_many_seconds_late(database: Database) -> None:
    early, exact, late, lost = timedelta(minutes=-5), timedelta(0), timedelta(minutes=10), timedelta(days=30)
    events = await deliveries(database, early, exact, late, lost)
    async with database.transaction() as session:
        await reader.read(session, events[:2], NOW)
        await reader.read(session, events[2:], NOW)
    async with database.reading() as session:
        (lane,) = await queries.history(session, now=NOW + timedelta(days=40))
        assert (lane.carrier, lane.lane) == ("swift", "STANDARD|LIS|PT-110")
        assert (lane.deliveries, lane.in_time, lane.late_seconds) == (4, 2, 600.0 + reader.MOST_LATE_SECONDS)
        table = await queries.punctuality(session, now=NOW + timedelta(days=40))
        assert table.expected("swift", lane.lane).late_seconds > 600
        assert await queries.history(session, now=NOW + timedelta(days=200)) == []
