"""Making shipments, and moving them from state to state: the only door to a shipment's state.

`advance_all` moves stock, counts attempts, writes the log and lets the order follow. Leaves out who may ask for it.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.models import (
    Allocation,
    AllocationState,
    DecisionKind,
    DeliveryAttempt,
    FailureReason,
    Order,
    OrderLine,
    Shipment,
    ShipmentLine,
)
from app.models.base import Json
from app.orchestration import reading
from app.orchestration.events import log, subjects
from app.orchestration.orders import policies as orders
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.policies import queries as rules
from app.orchestration.shipments import births, failures, goods, policies, proposals
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.shipments.rollup import order_events

ORDER_LOG_TYPE = {
    OrderEvent.START: "order.in_fulfilment",
    OrderEvent.COMPLETE: "order.completed",
    OrderEvent.COMPLETE_PARTIALLY: "order.partially_completed",
    OrderEvent.FAIL: "order.failed",
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
    await session.flush()
    birth = births.new_birth(order, number, allocation=allocation.model_dump(), lines=lines, quantities=quantities)
    await births.insert(session, [birth], now=now)
    await log.append_all(session, births.events(birth, actor=actor, now=now))
    return await session.get_one(Shipment, birth.id)


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
    """Moves one shipment to its next state: see `advance_all`."""
    (moved,) = await advance_all(session, [shipment], event, actor=actor, now=now, happening=happening, data=data)
    return moved


async def advance_all(
    session: AsyncSession,
    shipments: Sequence[Shipment],
    event: ShipmentEvent,
    *,
    actor: Principal,
    now: datetime,
    happening: Happening = NOTHING_MORE,
    data: Json | None = None,
) -> list[Shipment]:
    """Moves shipments to their next state, with all that follows: stock, attempts, the log, their orders.

    Locks the orders, then the shipments. Refuses with INVALID_STATE what may not follow; then nothing has changed.
    After a failed attempt the policy decides: `not_before` says when the next may start, or the goods are sent back, or
    fetched no more.
    """
    orders_of, moving = await lock_all(session, shipments)
    states = [policies.next_state(shipment, event) for shipment in moving]
    lines = await goods.lines_by_shipment(session, [shipment.id for shipment in moving])
    kinds = {order.id: order.kind for order in orders_of}
    collections = {shipment.id for shipment in moving if kinds[shipment.order_id].is_collection}
    await goods.move(session, moving, event, lines, happening.delivered, collections=collections, now=now)
    for shipment, state in zip(moving, states, strict=True):
        shipment.state = state
        shipment.version += 1
        if event in policies.ATTEMPT:
            _record_attempt(session, shipment, event, lines[shipment.id], happening, now=now)
        if event in (policies.COLLECTION_ARRIVING if shipment.id in collections else policies.ARRIVING):
            await goods.count_arrived(session, shipment, lines[shipment.id])
    await _follow_allocations(session, moving, event)
    if event is ShipmentEvent.MISS:
        await _roll_up(session, orders_of, actor=actor, now=now)  # a visit was made, whatever becomes of it
    for shipment in moving:
        _log(
            session,
            shipment,
            type=policies.LOG_TYPE[event],
            actor=actor,
            now=now,
            route_id=happening.route_id,
            data={**_told(shipment, happening), **(data or {})},
        )
        if event in policies.MISSED:
            is_collection = shipment.id in collections
            await _after_failure(session, shipment, happening, is_collection=is_collection, actor=actor, now=now)
    await _roll_up(session, orders_of, actor=actor, now=now)
    await session.flush()
    return moving


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
    (order,), (found,) = await lock_all(session, [shipment])
    return order, found


async def lock_all(session: AsyncSession, shipments: Sequence[Shipment]) -> tuple[list[Order], list[Shipment]]:
    """The orders and then the shipments, each in the order of their keys, locked and read afresh."""
    orders_found = await session.scalars(
        select(Order)
        .where(col(Order.id).in_({shipment.order_id for shipment in shipments}))
        .order_by(col(Order.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    locked = await session.scalars(
        select(Shipment)
        .where(col(Shipment.id).in_([shipment.id for shipment in shipments]))
        .order_by(col(Shipment.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(orders_found), list(locked)


async def roll_up(session: AsyncSession, order: Order, *, actor: Principal, now: datetime) -> None:
    """Lets a locked order follow its shipments."""
    await _roll_up(session, [order], actor=actor, now=now)


async def _roll_up(session: AsyncSession, locked: Sequence[Order], *, actor: Principal, now: datetime) -> None:
    await session.flush()
    keys = [order.id for order in locked]
    statement = select(col(Shipment.order_id), col(Shipment.state)).where(col(Shipment.order_id).in_(keys))
    states = await reading.grouped(session, statement, keys)
    there, wanted = col(OrderLine.delivered_quantity), col(OrderLine.quantity)
    counted = await session.execute(
        select(col(OrderLine.order_id), func.bool_and(there >= wanted), func.bool_or(there > 0))
        .where(col(OrderLine.order_id).in_(keys))
        .group_by(col(OrderLine.order_id))
    )
    delivered = {order_id: (is_all, is_any) for order_id, is_all, is_any in counted.all()}
    for order in locked:
        is_all, is_any = delivered.get(order.id, (True, False))
        for event in order_events(order.state, states[order.id], is_all_delivered=is_all, is_any_delivered=is_any):
            _follow(session, order, event, actor=actor, now=now)


def _follow(session: AsyncSession, order: Order, event: OrderEvent, *, actor: Principal, now: datetime) -> None:
    order.state = orders.next_state(order.state, event, reference=order.reference)
    order.version, order.updated_at = order.version + 1, now
    log.append(
        session,
        type=ORDER_LOG_TYPE[event],
        subject=subjects.of_order(order),
        actor=actor,
        now=now,
        summary=f"Order {order.reference} was {event.value}.",
    )


def _record_attempt(
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
    if event not in policies.MISSED:
        shipment.delivered_at = at
        goods.count_handed_over(lines, happening.delivered)
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


async def _follow_allocations(session: AsyncSession, shipments: Sequence[Shipment], event: ShipmentEvent) -> None:
    following = {
        ShipmentEvent.PICK_UP: AllocationState.CONSUMED,
        ShipmentEvent.COLLECT: AllocationState.CONSUMED,
        ShipmentEvent.COLLECT_PARTLY: AllocationState.CONSUMED,
        ShipmentEvent.CANCEL: AllocationState.RELEASED,
        ShipmentEvent.GIVE_UP: AllocationState.RELEASED,
    }
    keys = [shipment.allocation_id for shipment in shipments if shipment.allocation_id is not None]
    if event in following and keys:
        for allocation in await session.scalars(select(Allocation).where(col(Allocation.id).in_(keys))):
            allocation.state = following[event]


async def _after_failure(
    session: AsyncSession,
    shipment: Shipment,
    happening: Happening,
    *,
    is_collection: bool,
    actor: Principal,
    now: datetime,
) -> None:
    await session.flush()
    at = happening.at or now
    first = await session.scalar(
        select(func.min(col(DeliveryAttempt.at))).where(col(DeliveryAttempt.shipment_id) == shipment.id)
    )
    policy = await rules.current(session)
    found = failures.after_failure(
        happening.reason or FailureReason.OTHER,
        attempts=shipment.attempt_count,
        policy=policy,
        at=at,
        first_failed_at=first or at,
    )
    shipment.not_before = found.not_before
    shipment.eta_expected = shipment.eta_earliest = shipment.eta_latest = None
    if not policy.autonomy_of(DecisionKind.REATTEMPT).may_act(confidence=None):
        await proposals.propose(session, shipment, found, wait_until=(first or at) + policy.return_after, now=now)
        return
    if found.not_before is not None:
        return
    ending = policies.last_resort(is_collection=is_collection)
    shipment.state = policies.next_state(shipment, ending)
    shipment.version += 1
    await _follow_allocations(session, [shipment], ending)
    _log(
        session,
        shipment,
        type=policies.LOG_TYPE[ending],
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
        subject=subjects.of_shipment(shipment, route_id=route_id),
        actor=actor,
        now=now,
        summary=f"Shipment {shipment.reference}: {happened}.",
        data=data,
    )
