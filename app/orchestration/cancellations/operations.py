"""Cancelling an order, with everything that was made for it: shipments, reservations, capacity, stops."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Conflict, NotFound, Refusal
from app.models import Allocation, AllocationState, MovementReason, Order, Shipment, ShipmentState
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.orchestration.events import log, subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.policies import ALLOCATION_PROPOSED
from app.orchestration.inventory import operations as stock
from app.orchestration.orders import policies
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.orders.queries import visible
from app.orchestration.policies import queries as rules
from app.orchestration.policies.documents import PolicyDocument
from app.orchestration.tenders import cancellation as shipments

LONGEST_REASON = 500


async def cancel(
    session: AsyncSession,
    *,
    reference: str | None = None,
    order_id: uuid.UUID | None = None,
    reason: str,
    actor: Principal,
    now: datetime,
) -> Order:
    """Cancels an order by reference or key. Refuses with INVALID_STATE once the policy no longer allows it."""
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise Refusal("REASON_MISSING", f"Say why, in 1 to {LONGEST_REASON} characters.", field="reason")
    order = await _locked(session, reference=reference, order_id=order_id, actor=actor)
    after = policies.next_state(order.state, OrderEvent.CANCEL, reference=order.reference)
    document = await rules.current(session)
    if order.state not in document.cancellable_states:
        raise Conflict(
            "INVALID_STATE",
            f"Order {order.reference} is {order.state}; the policy allows no cancellation after"
            f" {document.cancellable_until}. Refuse the delivery at the door instead.",
        )
    _refuse_so_late(order, document, now=now)
    await _cancel_shipments(session, order, reason=reason, actor=actor, now=now)
    await _release_allocations(session, order, now=now)
    order.state, order.cancel_reason = after, reason.strip()
    order.version, order.updated_at = order.version + 1, now
    log.append(
        session,
        type="order.cancelled",
        subject=subjects.of_order(order),
        actor=actor,
        now=now,
        summary=f"Order {order.reference} was cancelled: {reason.strip()}",
        data={"reason": reason.strip()},
    )
    await session.flush()
    return order


def _refuse_so_late(order: Order, document: PolicyDocument, *, now: datetime) -> None:
    """Refuses a cancellation closer to the promised window than the policy allows."""
    minutes = document.cancellable_minutes_before_window
    if not minutes or order.promised_start is None:
        return
    until = order.promised_start - timedelta(minutes=minutes)
    if now > until:
        raise Conflict(
            "TOO_LATE_TO_CANCEL",
            f"Order {order.reference} could be cancelled until {until.isoformat()}, {minutes} minutes before its"
            " window. Refuse the delivery at the door instead.",
        )


async def _locked(
    session: AsyncSession, *, reference: str | None, order_id: uuid.UUID | None, actor: Principal
) -> Order:
    if (reference is None) == (order_id is None):
        raise Refusal("ORDER_NOT_NAMED", "Send reference or orderId, one of them.", field="reference")
    named = col(Order.reference) == reference if order_id is None else col(Order.id) == order_id
    order: Order | None = await session.scalar(
        select(Order)
        .where(named, visible(actor))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if order is None:
        field = "reference" if order_id is None else "orderId"
        raise NotFound("order", repr(reference) if order_id is None else "with this id", field=field)
    return order


async def _cancel_shipments(
    session: AsyncSession, order: Order, *, reason: str, actor: Principal, now: datetime
) -> None:
    found: Sequence[Shipment] = (
        await session.scalars(
            select(Shipment)
            .where(col(Shipment.order_id) == order.id, col(Shipment.state) != ShipmentState.CANCELLED)
            .order_by(col(Shipment.id))
        )
    ).all()
    for shipment in found:
        await shipments.cancel(session, shipment, actor=actor, now=now, reason=reason)
    await session.flush()


async def _release_allocations(session: AsyncSession, order: Order, *, now: datetime) -> None:
    """Releases what no shipment stands for: proposals hold nothing, commitments hold stock and capacity."""
    shipped = select(col(Shipment.allocation_id)).where(
        col(Shipment.order_id) == order.id, col(Shipment.allocation_id).is_not(None)
    )
    await exceptions.settle(
        session, kind=ALLOCATION_PROPOSED, subject_id=order.id, resolution="The order was cancelled.", now=now
    )
    found = await session.scalars(
        select(Allocation)
        .where(
            col(Allocation.order_id) == order.id,
            col(Allocation.state).in_([AllocationState.PROPOSED, AllocationState.COMMITTED]),
            col(Allocation.id).not_in(shipped),
        )
        .order_by(col(Allocation.id))
        .with_for_update(key_share=True)
    )
    for allocation in found.all():
        if allocation.state is AllocationState.COMMITTED:
            reserved = [] if order.kind.is_collection else allocation.lines
            quantities = {line["sku"]: line["quantity"] for line in reserved}
            goods = stock.goods_of(allocation.node_id, quantities, order_id=order.id)
            await stock.move(session, MovementReason.RELEASE, goods, now=now)
            await capacity.give_back(session, [Claim.of(allocation)])
        allocation.state = AllocationState.RELEASED
