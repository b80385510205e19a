"""Taking orders back to RECEIVED, to be allocated anew: their shipments, stock and capacity are given back."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.models import Order, OrderState, Severity, Shipment, ShipmentState
from app.orchestration.events import log, subjects
from app.orchestration.exceptions.operations import Trouble, open_case
from app.orchestration.orders import policies
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.shipments.policies import AT_NODE
from app.orchestration.tenders.cancellation import cancel_all
from app.orchestration.writing import one_of


async def release_order(
    session: AsyncSession, order: Order, *, because: str, now: datetime, actor: Principal = SYSTEM
) -> bool:
    """Cancels the shipments of a locked order and takes it back to RECEIVED.

    Where some of its goods have left already, it opens an exception instead, and answers False.
    """
    live = await _live(session, [order])
    if order.state is not OrderState.ALLOCATED or any(shipment.state not in AT_NODE for shipment in live):
        suggestion = {"action": "REALLOCATE", "summary": "Part of this order has left; send the rest another way."}
        trouble = Trouble(
            kind=because, severity=Severity.CRITICAL, subject=subjects.of_order(order), suggestion=suggestion
        )
        await open_case(session, trouble, now=now)
        return False
    await _release(session, [order], live, because=because, now=now, actor=actor)
    return True


async def release_orders(
    session: AsyncSession, orders: Sequence[Order], *, because: str, now: datetime, actor: Principal = SYSTEM
) -> None:
    """The same for many locked orders, all of whose goods are still at their nodes; else INVALID_STATE."""
    await _release(session, orders, await _live(session, orders), because=because, now=now, actor=actor)


async def _live(session: AsyncSession, orders: Sequence[Order]) -> list[Shipment]:
    found = await session.scalars(
        select(Shipment)
        .where(
            one_of(Shipment.order_id, [order.id for order in orders]), col(Shipment.state) != ShipmentState.CANCELLED
        )
        .order_by(col(Shipment.id))
    )
    return list(found)


async def _release(
    session: AsyncSession,
    orders: Sequence[Order],
    live: Sequence[Shipment],
    *,
    because: str,
    now: datetime,
    actor: Principal,
) -> None:
    await cancel_all(session, live, actor=actor, now=now, reason=because)
    for order in orders:
        order.state = policies.next_state(order.state, OrderEvent.UNALLOCATE, reference=order.reference)
        order.version, order.updated_at = order.version + 1, now
    entries = [
        log.entry(
            type="order.unallocated",
            subject=subjects.of_order(order),
            actor=actor,
            now=now,
            summary=f"Order {order.reference} is allocated anew.",
            data={"because": because},
        )
        for order in orders
    ]
    await log.append_all(session, entries)
