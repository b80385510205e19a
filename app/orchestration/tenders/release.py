"""Taking an order back to RECEIVED, to be allocated anew: its shipments, stock and capacity are given back."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.models import Order, OrderState, Severity, Shipment, ShipmentState
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.exceptions.operations import Trouble, open_case
from app.orchestration.orders import policies as orders
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.shipments.policies import AT_NODE
from app.orchestration.tenders.cancellation import cancel


async def release_order(
    session: AsyncSession, order: Order, *, because: str, now: datetime, actor: Principal = SYSTEM
) -> bool:
    """Cancels the shipments of a locked order and takes it back to RECEIVED.

    Where some of its goods have left already, it opens an exception instead, and answers False.
    """
    live = list(
        await session.scalars(
            select(Shipment)
            .where(col(Shipment.order_id) == order.id, col(Shipment.state) != ShipmentState.CANCELLED)
            .order_by(col(Shipment.id))
        )
    )
    subject = Subject(kind="order", id=order.id, reference=order.reference, order_id=order.id)
    if order.state is not OrderState.ALLOCATED or any(shipment.state not in AT_NODE for shipment in live):
        suggestion = {"action": "REALLOCATE", "summary": "Part of this order has left; send the rest another way."}
        trouble = Trouble(kind=because, severity=Severity.CRITICAL, subject=subject, suggestion=suggestion)
        await open_case(session, trouble, now=now)
        return False
    for shipment in live:
        await cancel(session, shipment, actor=actor, now=now, reason=because)
    order.state = orders.next_state(order.state, OrderEvent.UNALLOCATE, reference=order.reference)
    order.version, order.updated_at = order.version + 1, now
    log.append(
        session,
        type="order.unallocated",
        subject=subject,
        actor=actor,
        now=now,
        summary=f"Order {order.reference} is allocated anew.",
        data={"because": because},
    )
    return True
