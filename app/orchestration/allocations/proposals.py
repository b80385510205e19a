"""Allocations that a person decides, where the policy lets the platform only propose them.

A proposal holds neither stock nor capacity: both are taken when it is agreed to, or it is refused.
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Uuid, cast, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import Conflict, NotFound
from app.core.money import Money
from app.models import (
    Allocation,
    AllocationState,
    Carrier,
    Decision,
    DecisionKind,
    ExceptionCase,
    ExceptionState,
    JobKind,
    MovementReason,
    Order,
    OrderState,
    Severity,
    Shipment,
    TenderMode,
)
from app.orchestration.allocations.adoption import Winner, allocation_of
from app.orchestration.allocations.telling import Source, decision
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.orchestration.events import log, subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.exceptions.policies import ALLOCATION_PROPOSED, UNALLOCATED
from app.orchestration.inventory import operations as stock
from app.orchestration.jobs import operations as jobs
from app.orchestration.orders import policies as orders
from app.orchestration.orders import queries as order_queries
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.policies import queries as rules
from app.orchestration.shipments import births
from app.orchestration.shipments.births import Birth
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.tenders import operations as tenders
from app.orchestration.writing import insert_all

ACTION = "COMMIT_ALLOCATION"
Row = dict[str, Any]


def is_proposed() -> ColumnElement[bool]:
    """The condition that a person has yet to decide on an order's allocation."""
    return exists().where(
        col(ExceptionCase.kind) == ALLOCATION_PROPOSED,
        col(ExceptionCase.subject_id) == col(Order.id),
        col(ExceptionCase.state) == ExceptionState.OPEN,
    )


async def propose(session: AsyncSession, winner: Winner, *, source: Source, now: datetime) -> None:
    """Asks a person for this allocation; nothing more where one is asked already."""
    order, chosen = winner.order, winner.chosen
    ways = " and ".join(f"{part.node.name} by {part.carrier.name}" for part in chosen.parts)
    cost = Money(minor=chosen.cost_minor, currency=order.currency).to_decimal()
    trouble = Trouble(
        kind=ALLOCATION_PROPOSED,
        severity=Severity.WARNING,
        subject=subjects.of_order(order),
        node_id=chosen.parts[0].node.id,
        due_at=chosen.window_end,
        suggestion={
            "action": ACTION,
            "summary": f"Send {order.reference} from {ways}, at a cost of {cost} {order.currency}.",
            "orderVersion": order.version,
        },
    )
    if await exceptions.open_case(session, trouble, now=now) is None:
        return
    rows = list(_rows(winner, now=now))
    await insert_all(session, Allocation, rows)
    decisions = [{**decision(winner.verdict, part, source, now=now), "automatic": False} for part in chosen.parts]
    for told, row in zip(decisions, rows, strict=True):
        told["detail"] = {**told["detail"], "allocationId": str(row["id"])}
    await insert_all(session, Decision, decisions)


def _rows(winner: Winner, *, now: datetime) -> Iterator[Row]:
    for part in winner.chosen.parts:
        allocation = allocation_of(winner, part, now=now)
        yield {**allocation, "state": AllocationState.PROPOSED}


async def agree(session: AsyncSession, *, order_id: uuid.UUID, version: int, actor: Principal, now: datetime) -> None:
    """A person agrees: stock and capacity are taken, and the shipments made. Refuses what has moved on meanwhile."""
    order = await _locked(session, order_id)
    proposed = await _proposed(session, order)
    if order.state is not OrderState.RECEIVED or order.version != version or not proposed:
        raise Conflict(
            "ORDER_MOVED_ON", f"Order {order.reference} changed since. Dismiss this, so that it is allocated anew."
        )
    await _take(session, order, proposed, now=now)
    found = await session.scalars(select(Carrier).where(col(Carrier.id).in_([row.carrier_id for row in proposed])))
    carriers = {carrier.id: carrier for carrier in found}
    born = await _births(session, order, proposed, carriers)
    _allocate(session, order, proposed, actor=actor, now=now)
    await session.flush()
    await births.insert(session, born, now=now)
    await log.append_all(session, [entry for birth in born for entry in births.events(birth, actor=actor, now=now)])
    await _explain(session, order, born)
    await exceptions.settle(
        session, kind=UNALLOCATED, subject_id=order.id, resolution="The order was allocated.", now=now
    )
    await _ask(session, [birth for birth in born if birth.begins_with is None], carriers, now=now)


async def dismiss(session: AsyncSession, *, order_id: uuid.UUID, actor: Principal, now: datetime) -> None:
    """A person does not want this: the order is allocated anew, without these carriers."""
    order = await _locked(session, order_id)
    proposed = await _proposed(session, order)
    for allocation in proposed:
        allocation.state = AllocationState.RELEASED
    for found in await _decisions(session, order):
        found.overridden_by = actor.name
    await session.flush()
    if order.state is OrderState.RECEIVED:
        await jobs.ensure_queued(session, kind=JobKind.ALLOCATE_ORDERS, actor=SYSTEM, now=now)


def unwanted(order_is_meant: ColumnElement[bool]) -> Select[tuple[uuid.UUID, uuid.UUID]]:
    """The carriers of proposals that a person dismissed: order, carrier. The condition is on decisions."""
    carrier = cast(col(Decision.chosen)["carrierId"].astext, Uuid)
    return select(col(Decision.order_id), carrier).where(
        order_is_meant,
        col(Decision.kind) == DecisionKind.ALLOCATION,
        ~col(Decision.automatic),
        col(Decision.shipment_id).is_(None),
        col(Decision.overridden_by).is_not(None),
        carrier.is_not(None),
    )


async def _locked(session: AsyncSession, order_id: uuid.UUID) -> Order:
    order: Order | None = await session.scalar(
        select(Order)
        .where(col(Order.id) == order_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if order is None:
        raise NotFound("order", order_id)
    return order


async def _proposed(session: AsyncSession, order: Order) -> list[Allocation]:
    found = await session.scalars(
        select(Allocation)
        .where(col(Allocation.order_id) == order.id, col(Allocation.state) == AllocationState.PROPOSED)
        .order_by(col(Allocation.id))
        .with_for_update(key_share=True)
    )
    return list(found)


async def _decisions(session: AsyncSession, order: Order) -> list[Decision]:
    """The proposals about the order that nobody has decided."""
    found = await session.scalars(
        select(Decision).where(
            col(Decision.order_id) == order.id,
            col(Decision.kind) == DecisionKind.ALLOCATION,
            ~col(Decision.automatic),
            col(Decision.shipment_id).is_(None),
            col(Decision.overridden_by).is_(None),
        )
    )
    return list(found)


async def _take(session: AsyncSession, order: Order, proposed: Sequence[Allocation], *, now: datetime) -> None:
    lead = (await rules.current(session)).allocation.inbound_lead_days
    goods = [
        each
        for allocation in proposed
        for each in stock.goods_of(
            allocation.node_id,
            {} if order.kind.is_collection else _quantities(allocation),
            order_id=order.id,
            by=None if lead is None else allocation.capacity_date - timedelta(days=lead),
        )
    ]
    await stock.lock_levels(session, {(row.node_id, sku) for row in proposed for sku in _quantities(row)})
    await stock.move(session, MovementReason.RESERVE, goods, now=now)
    await capacity.take(session, [Claim.of(allocation) for allocation in proposed])


def _quantities(allocation: Allocation) -> dict[str, int]:
    return {line["sku"]: line["quantity"] for line in allocation.lines}


async def _births(
    session: AsyncSession, order: Order, proposed: Sequence[Allocation], carriers: dict[uuid.UUID, Carrier]
) -> list[Birth]:
    before = await session.scalar(select(func.count()).where(col(Shipment.order_id) == order.id))
    lines = (await order_queries.lines_of(session, SYSTEM, [order.id]))[order.id]
    return [
        births.new_birth(
            order,
            number,
            allocation=allocation.model_dump(),
            lines=lines,
            quantities=_quantities(allocation),
            begins_with=ShipmentEvent.ASSIGN if _is_told(carriers[allocation.carrier_id]) else None,
        )
        for number, allocation in enumerate(proposed, start=int(before or 0) + 1)
    ]


def _is_told(carrier: Carrier) -> bool:
    """Whether it takes what it is given."""
    return carrier.tender_mode is TenderMode.AUTOMATIC


def _allocate(
    session: AsyncSession, order: Order, proposed: Sequence[Allocation], *, actor: Principal, now: datetime
) -> None:
    for allocation in proposed:
        allocation.state = AllocationState.COMMITTED
    order.state = orders.next_state(order.state, OrderEvent.ALLOCATE, reference=order.reference)
    order.promised_start, order.promised_end = proposed[0].window_start, proposed[0].window_end
    order.unassigned = None
    order.version, order.updated_at = order.version + 1, now
    window = {"start": proposed[0].window_start.isoformat(), "end": proposed[0].window_end.isoformat()}
    log.append(
        session,
        type="order.allocated",
        subject=subjects.of_order(order),
        actor=actor,
        now=now,
        summary=f"Order {order.reference} was allocated.",
        data={"promisedWindow": window},
    )


async def _explain(session: AsyncSession, order: Order, born: Sequence[Birth]) -> None:
    """The proposals become the decisions of the shipments."""
    shipments = {str(birth.allocation["id"]): birth.id for birth in born}
    for found in await _decisions(session, order):
        found.shipment_id = shipments.get(str(found.detail.get("allocationId")))
    await session.flush()


async def _ask(
    session: AsyncSession, born: Sequence[Birth], carriers: dict[uuid.UUID, Carrier], *, now: datetime
) -> None:
    policy = await rules.current(session)
    for birth in born:
        shipment = await session.get(Shipment, birth.id)
        assert shipment is not None, "it was just made"
        carrier = carriers[shipment.carrier_id]
        await tenders.hand_over(
            session, shipment, carrier, respond_minutes=policy.tender_respond_minutes, actor=SYSTEM, now=now
        )
