"""Making shipments, and moving them from state to state: the only door to a shipment's state.

`advance` moves stock, counts attempts, writes the log and lets the order follow. Leaves out who may ask for it.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Refusal
from app.models import (
    Allocation,
    AllocationState,
    DeliveryAttempt,
    FailureReason,
    InventoryMovement,
    MovementReason,
    Order,
    OrderLine,
    Shipment,
    ShipmentLine,
)
from app.models.base import Json
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.inventory import operations as stock
from app.orchestration.orders import policies as orders
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.policies import queries as rules
from app.orchestration.shipments import failures, policies
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.shipments.rollup import order_events

ORDER_LOG_TYPE = {
    OrderEvent.START: "order.in_fulfilment",
    OrderEvent.COMPLETE: "order.completed",
    OrderEvent.COMPLETE_PARTIALLY: "order.partially_completed",
    OrderEvent.FAIL: "order.failed",
}
STOCK_VERB = {
    MovementReason.PICK: stock.pick,
    MovementReason.DELIVER: stock.deliver,
    MovementReason.RETURN: stock.put_back,
    MovementReason.LOSS: stock.lose,
    MovementReason.RELEASE: stock.release,
}


@dataclass(frozen=True, kw_only=True)
class Happening:
    """What is known of an event beyond its kind. `at` is when it happened, where that was before `now`.

    `delivered` (sku -> quantity) is what a partial delivery handed over.
    """

    at: datetime | None = None
    reason: FailureReason | None = None
    note: str | None = None
    stop_id: uuid.UUID | None = None
    driver_id: uuid.UUID | None = None
    route_id: uuid.UUID | None = None
    received_by: str | None = None
    delivered: Mapping[str, int] | None = None


NOTHING_MORE = Happening()


async def create(
    session: AsyncSession,
    *,
    order: Order,
    number: int,
    allocation: Allocation,
    lines: Sequence[OrderLine],
    quantities: Mapping[str, int],
    actor: Principal,
    now: datetime,
) -> Shipment:
    """A new shipment, PENDING, of `quantities` (sku -> quantity) of the order's lines, the `number`th of the order.

    The caller has locked the order and reserved the goods.
    """
    shipped = [line for line in lines if quantities.get(line.sku)]
    shipment = Shipment(
        reference=f"{order.reference}/{number}",
        order_id=order.id,
        allocation_id=allocation.id,
        node_id=allocation.node_id,
        carrier_id=allocation.carrier_id,
        service=allocation.service,
        window_start=allocation.window_start,
        window_end=allocation.window_end,
        weight_kg=sum(line.weight_kg * quantities[line.sku] for line in shipped),
        volume_l=sum(line.volume_l * quantities[line.sku] for line in shipped),
        estimated_minor=allocation.cost_minor,
        currency=allocation.currency,
        created_at=now,
    )
    session.add(shipment)
    await session.flush()
    session.add_all(
        ShipmentLine(shipment_id=shipment.id, sku=line.sku, description=line.description, quantity=quantities[line.sku])
        for line in shipped
    )
    _log(session, shipment, type="shipment.created", actor=actor, now=now, data={"lines": dict(quantities)})
    return shipment


async def advance(
    session: AsyncSession,
    shipment: Shipment,
    event: ShipmentEvent,
    *,
    actor: Principal,
    now: datetime,
    happening: Happening = NOTHING_MORE,
    data: Json | None = None,
) -> Shipment:
    """Moves a shipment to its next state, with all that follows: stock, attempts, the log, the order.

    Locks the order, then the shipment. Refuses with INVALID_STATE what may not follow; then nothing has changed.
    After FAIL the policy decides: `not_before` says when the next attempt may start, or the goods are sent back.
    """
    order, shipment = await lock(session, shipment)
    shipment.state = policies.next_state(shipment, event)
    shipment.version += 1
    lines = await lines_of(session, shipment)
    await _move_stock(session, shipment, event, lines, happening, now=now)
    if event in policies.ATTEMPT:
        await _record_attempt(session, shipment, event, lines, happening, now=now)
    await _follow_allocation(session, shipment, event)
    _log(
        session,
        shipment,
        type=policies.LOG_TYPE[event],
        actor=actor,
        now=now,
        route_id=happening.route_id,
        data={**_told(shipment, happening), **(data or {})},
    )
    if event is ShipmentEvent.FAIL:
        await _after_failure(session, shipment, happening, actor=actor, now=now)
    await roll_up(session, order, actor=actor, now=now)
    await session.flush()
    return shipment


def begin(session: AsyncSession, shipment: Shipment, event: ShipmentEvent, *, actor: Principal, now: datetime) -> None:
    """Assigns or tenders a shipment that this transaction made: nothing to lock, no goods to move."""
    shipment.state = policies.next_state(shipment, event)
    shipment.version += 1
    _log(
        session,
        shipment,
        type=policies.LOG_TYPE[event],
        actor=actor,
        now=now,
        data=_told(shipment, NOTHING_MORE),
    )


async def lock(session: AsyncSession, shipment: Shipment) -> tuple[Order, Shipment]:
    """The order and then the shipment, locked and read afresh."""
    order = await session.scalar(
        select(Order)
        .where(col(Order.id) == shipment.order_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    found = await session.scalar(
        select(Shipment)
        .where(col(Shipment.id) == shipment.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    assert order is not None, "a shipment has an order"
    assert found is not None, "shipments are never deleted"
    return order, found


async def lines_of(session: AsyncSession, shipment: Shipment) -> list[ShipmentLine]:
    """The shipment's lines, by sku."""
    found = await session.scalars(
        select(ShipmentLine).where(col(ShipmentLine.shipment_id) == shipment.id).order_by(col(ShipmentLine.sku))
    )
    return list(found)


async def roll_up(session: AsyncSession, order: Order, *, actor: Principal, now: datetime) -> None:
    """Lets a locked order follow its shipments."""
    await session.flush()
    states = list(await session.scalars(select(col(Shipment.state)).where(col(Shipment.order_id) == order.id)))
    lacking = await session.scalar(
        select(col(OrderLine.id))
        .where(col(OrderLine.order_id) == order.id, col(OrderLine.delivered_quantity) < col(OrderLine.quantity))
        .limit(1)
    )
    for event in order_events(order.state, states, is_all_delivered=lacking is None):
        order.state = orders.next_state(order.state, event, reference=order.reference)
        order.version, order.updated_at = order.version + 1, now
        log.append(
            session,
            type=ORDER_LOG_TYPE[event],
            subject=Subject(kind="order", id=order.id, reference=order.reference, order_id=order.id),
            actor=actor,
            now=now,
            summary=f"Order {order.reference} was {event.value}.",
        )


async def _move_stock(
    session: AsyncSession,
    shipment: Shipment,
    event: ShipmentEvent,
    lines: Sequence[ShipmentLine],
    happening: Happening,
    *,
    now: datetime,
) -> None:
    whole = {line.sku: line.quantity for line in lines}
    if event is ShipmentEvent.DELIVER_PARTLY:
        handed_over = _checked_part(shipment, lines, happening.delivered)
        rest = {sku: quantity - handed_over.get(sku, 0) for sku, quantity in whole.items()}
        moves = [(MovementReason.DELIVER, handed_over), (MovementReason.RETURN, rest)]
    elif event is ShipmentEvent.PICK_UP and await _was_picked(session, shipment):
        return  # a second attempt: the goods are in transit already
    else:
        moves = [(policies.MOVEMENT[event], whole)] if event in policies.MOVEMENT else []
    for reason, quantities in moves:
        await STOCK_VERB[reason](
            session, {shipment.node_id: quantities}, now=now, order_id=shipment.order_id, shipment_id=shipment.id
        )


async def _was_picked(session: AsyncSession, shipment: Shipment) -> bool:
    if not shipment.attempt_count:
        return False
    found = await session.scalar(
        select(col(InventoryMovement.id))
        .where(
            col(InventoryMovement.shipment_id) == shipment.id,
            col(InventoryMovement.reason) == MovementReason.PICK,
        )
        .limit(1)
    )
    return found is not None


def _checked_part(
    shipment: Shipment, lines: Sequence[ShipmentLine], delivered: Mapping[str, int] | None
) -> Mapping[str, int]:
    """What a partial delivery handed over; refuses all, nothing, and what was never sent."""
    sent = {line.sku: line.quantity for line in lines}
    given = {sku: quantity for sku, quantity in (delivered or {}).items() if quantity}
    for sku, quantity in given.items():
        if not 0 < quantity <= sent.get(sku, 0):
            raise Refusal(
                "QUANTITY_NOT_SHIPPED",
                f"Shipment {shipment.reference} holds {sent.get(sku, 0)} of {sku}, so that {quantity} cannot be handed"
                " over. Send what was handed over.",
                field="items",
            )
    if not given or given == sent:
        raise Refusal(
            "NOT_PARTIAL",
            f"A partial delivery of {shipment.reference} hands over some of the goods, not all and not none."
            " Record a delivery or a failure instead.",
            field="items",
        )
    return given


async def _record_attempt(
    session: AsyncSession,
    shipment: Shipment,
    event: ShipmentEvent,
    lines: Sequence[ShipmentLine],
    happening: Happening,
    *,
    now: datetime,
) -> None:
    at = happening.at or now
    shipment.attempt_count += 1
    if event is not ShipmentEvent.FAIL:
        shipment.delivered_at = at
        await _count_delivered(session, shipment, lines, happening.delivered)
    session.add(
        DeliveryAttempt(
            shipment_id=shipment.id,
            number=shipment.attempt_count,
            outcome=policies.ATTEMPT[event],
            reason=happening.reason,
            note=happening.note,
            at=at,
            stop_id=happening.stop_id,
            driver_id=happening.driver_id,
        )
    )


async def _count_delivered(
    session: AsyncSession, shipment: Shipment, lines: Sequence[ShipmentLine], delivered: Mapping[str, int] | None
) -> None:
    for line in lines:
        line.delivered_quantity = line.quantity if delivered is None else delivered.get(line.sku, 0)
        await session.execute(
            update(OrderLine)
            .where(col(OrderLine.order_id) == shipment.order_id, col(OrderLine.sku) == line.sku)
            .values(delivered_quantity=col(OrderLine.delivered_quantity) + line.delivered_quantity)
        )


async def _follow_allocation(session: AsyncSession, shipment: Shipment, event: ShipmentEvent) -> None:
    following = {
        ShipmentEvent.PICK_UP: AllocationState.CONSUMED,
        ShipmentEvent.CANCEL: AllocationState.RELEASED,
    }
    if event in following and shipment.allocation_id is not None:
        allocation = await session.get(Allocation, shipment.allocation_id)
        assert allocation is not None, "allocations are never deleted"
        allocation.state = following[event]


async def _after_failure(
    session: AsyncSession, shipment: Shipment, happening: Happening, *, actor: Principal, now: datetime
) -> None:
    await session.flush()
    at = happening.at or now
    first = await session.scalar(
        select(func.min(col(DeliveryAttempt.at))).where(col(DeliveryAttempt.shipment_id) == shipment.id)
    )
    found = failures.after_failure(
        happening.reason or FailureReason.OTHER,
        attempts=shipment.attempt_count,
        policy=await rules.current(session),
        at=at,
        first_failed_at=first or at,
    )
    shipment.not_before = found.not_before
    shipment.eta_expected = shipment.eta_earliest = shipment.eta_latest = None
    if found.not_before is not None:
        return
    shipment.state = policies.next_state(shipment, ShipmentEvent.SEND_BACK)
    shipment.version += 1
    _log(
        session,
        shipment,
        type=policies.LOG_TYPE[ShipmentEvent.SEND_BACK],
        actor=actor,
        now=now,
        route_id=happening.route_id,
        data={**_told(shipment, happening), "because": {"code": found.code, "detail": found.detail}},
    )


def _told(shipment: Shipment, happening: Happening) -> Json:
    """What readers of the event need to know."""
    told = {
        "state": shipment.state.value,
        "window": {"start": shipment.window_start.isoformat(), "end": shipment.window_end.isoformat()},
        "eta": shipment.eta_expected and shipment.eta_expected.isoformat(),
        "at": happening.at and happening.at.isoformat(),
        "reason": happening.reason and happening.reason.value,
        "receivedBy": happening.received_by,
        "delivered": None if happening.delivered is None else dict(happening.delivered),
    }
    return {name: value for name, value in told.items() if value is not None}


def _log(
    session: AsyncSession,
    shipment: Shipment,
    *,
    type: str,
    actor: Principal,
    now: datetime,
    data: Json,
    route_id: uuid.UUID | None = None,
) -> None:
    happened = type.partition(".")[2].replace("_", " ")
    log.append(
        session,
        type=type,
        subject=Subject(
            kind="shipment",
            id=shipment.id,
            reference=shipment.reference,
            order_id=shipment.order_id,
            carrier_id=shipment.carrier_id,
            route_id=route_id,
        ),
        actor=actor,
        now=now,
        summary=f"Shipment {shipment.reference}: {happened}.",
        data=data,
    )
