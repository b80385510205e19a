"""Deliveries that are over, by the hundred, written as rows."""

from datetime import datetime, timedelta

from app.core.database import Database
from app.models import (
    AttemptOutcome,
    Carrier,
    DeliveryAttempt,
    FailureReason,
    FulfilmentNode,
    Order,
    OrderState,
    Shipment,
    ShipmentLine,
    ShipmentState,
)
from tests.factories.callers import an_order


async def delivered(
    database: Database,
    carrier: Carrier,
    node: FulfilmentNode,
    *,
    on_time: int,
    late: int = 0,
    failed_first: int = 0,
    postal_code: str = "1000-001",
    price_minor: int = 500,
    at: datetime,
) -> list[Shipment]:
    """So many shipments at their doors at `at`, in time or an hour late; the first ones on the second attempt."""
    made = []
    async with database.transaction() as session:
        for number in range(on_time + late):
            order = _order(f"{carrier.reference}-{postal_code}-{number}", postal_code, at)
            session.add(order)
            await session.flush()
            shipment = _shipment(order, carrier, node, is_late=number >= on_time, price_minor=price_minor, at=at)
            session.add(shipment)
            await session.flush()
            session.add(ShipmentLine(shipment_id=shipment.id, sku="APPLE", quantity=2, delivered_quantity=2))
            if number < failed_first:
                session.add(_attempt(shipment, 1, AttemptOutcome.FAILED, at - timedelta(hours=1)))
            session.add(_attempt(shipment, 1 + (number < failed_first), AttemptOutcome.SUCCEEDED, at))
            made.append(shipment)
    return made


def _order(reference: str, postal_code: str, at: datetime) -> Order:
    order = an_order(reference)
    order.postal_code, order.state, order.created_at = postal_code, OrderState.COMPLETED, at - timedelta(days=1)
    # A link that nobody was given.
    order.tracking_token_hash = reference
    return order


def _shipment(
    order: Order, carrier: Carrier, node: FulfilmentNode, *, is_late: bool, price_minor: int, at: datetime
) -> Shipment:
    end = at + timedelta(hours=-1 if is_late else 1)
    return Shipment(
        reference=f"{order.reference}/1",
        order_id=order.id,
        node_id=node.id,
        carrier_id=carrier.id,
        service="STANDARD",
        state=ShipmentState.DELIVERED,
        window_start=end - timedelta(hours=4),
        window_end=end,
        weight_kg=3,
        estimated_minor=price_minor,
        currency="EUR",
        delivered_at=at,
        attempt_count=1,
    )


def _attempt(shipment: Shipment, number: int, outcome: AttemptOutcome, at: datetime) -> DeliveryAttempt:
    reason = FailureReason.NOT_HOME if outcome is AttemptOutcome.FAILED else None
    return DeliveryAttempt(shipment_id=shipment.id, number=number, outcome=outcome, reason=reason, at=at)
