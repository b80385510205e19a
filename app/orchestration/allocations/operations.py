"""Adopting an allocation: each order whole or not at all, and only as it was when it was loaded."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core.errors import Refusal
from app.models import (
    Allocation,
    Decision,
    DecisionKind,
    MovementReason,
    Order,
    OrderState,
    Severity,
    Shipment,
)
from app.models.base import Json
from app.orchestration.allocations.candidates import Candidate, Part
from app.orchestration.allocations.verdicts import Verdict
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.exceptions.policies import UNALLOCATED
from app.orchestration.inventory import operations as stock
from app.orchestration.orders import policies as orders
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.shipments import operations as shipments
from app.orchestration.tenders import counters
from app.orchestration.tenders import operations as tenders

MOST_ALTERNATIVES = 20


class Outcome(StrEnum):
    """What became of one order of a run."""

    ALLOCATED = "allocated"
    UNALLOCATED = "unallocated"
    MOVED_ON = "movedOn"  # changed, cancelled or outrun since it was loaded: the next run looks at it again


@dataclass(frozen=True, kw_only=True)
class Source:
    """Whose rules and which solver decided. `respond_minutes`: how long a carrier that is asked may think."""

    policy_name: str
    policy_version: int
    respond_minutes: int
    solver: str


async def adopt(
    session: AsyncSession, *, verdicts: Sequence[Verdict], source: Source, now: datetime
) -> dict[Outcome, int]:
    """Carries out the verdicts, and answers how many ended how.

    Locks the orders by reference, then every level of stock that is wanted. An order that changed since it was
    loaded, or whose stock or capacity went to another meanwhile, is left for the next run.
    """
    verdicts = sorted(verdicts, key=lambda verdict: verdict.demand.order.reference)
    found = await session.scalars(
        select(Order)
        .where(col(Order.id).in_([verdict.demand.order.id for verdict in verdicts]))
        .order_by(col(Order.reference))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    locked = {order.id: order for order in found}
    await stock.lock_levels(session, _levels(verdicts))
    numbers = await _shipment_counts(session, list(locked))
    counts = dict.fromkeys(Outcome, 0)
    for verdict in verdicts:
        order = locked[verdict.demand.order.id]
        if order.state is not OrderState.RECEIVED or order.version != verdict.demand.order.version:
            counts[Outcome.MOVED_ON] += 1
        elif verdict.chosen is None:
            await _leave(session, order, verdict, source=source, now=now)
            counts[Outcome.UNALLOCATED] += 1
        else:
            first_number = numbers.get(order.id, 0) + 1
            outcome = await _try(session, order, verdict, first_number=first_number, source=source, now=now)
            counts[outcome] += 1
    return counts


def _levels(verdicts: Sequence[Verdict]) -> set[tuple[uuid.UUID, str]]:
    return {
        (part.node.id, sku)
        for verdict in verdicts
        if verdict.chosen is not None
        for part in verdict.chosen.parts
        for sku in part.quantities
    }


async def _shipment_counts(session: AsyncSession, order_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    found = await session.execute(
        select(col(Shipment.order_id), func.count())
        .where(col(Shipment.order_id).in_(order_ids))
        .group_by(col(Shipment.order_id))
    )
    return {row[0]: row[1] for row in found.all()}


async def _try(
    session: AsyncSession, order: Order, verdict: Verdict, *, first_number: int, source: Source, now: datetime
) -> Outcome:
    """Takes stock and capacity for the whole order, or nothing."""
    chosen = verdict.chosen
    assert chosen is not None
    try:
        async with session.begin_nested():
            goods = [
                each
                for part in chosen.parts
                for each in stock.goods_of(part.node.id, part.quantities, order_id=order.id)
            ]
            await stock.move(session, MovementReason.RESERVE, goods, now=now)
            await capacity.take(session, _claims(chosen))
    except Refusal:
        return Outcome.MOVED_ON
    await _commit(session, order, verdict, chosen, now=now)
    for number, part in enumerate(chosen.parts, start=first_number):
        await _ship(session, order, verdict, chosen, part, number=number, source=source, now=now)
    return Outcome.ALLOCATED


def _claims(chosen: Candidate) -> list[Claim]:
    return [
        Claim(node_id=part.node.id, carrier_id=part.carrier.id, service=part.service, day=part.day)
        for part in chosen.parts
    ]


async def _commit(session: AsyncSession, order: Order, verdict: Verdict, chosen: Candidate, *, now: datetime) -> None:
    """The order is allocated, with this promise."""
    had_reason = order.unassigned is not None
    is_new_promise = (order.promised_start, order.promised_end) != (chosen.window_start, chosen.window_end)
    order.state = orders.next_state(order.state, OrderEvent.ALLOCATE, reference=order.reference)
    order.promised_start, order.promised_end = chosen.window_start, chosen.window_end
    order.unassigned = None
    order.version, order.updated_at = order.version + 1, now
    _log(
        session,
        order,
        # A second allocation that keeps the promise is no news for the customer.
        type="order.allocated" if is_new_promise or not verdict.demand.declined else "order.updated",
        now=now,
        data={
            "promisedWindow": {"start": chosen.window_start.isoformat(), "end": chosen.window_end.isoformat()},
            "nodes": [part.node.reference for part in chosen.parts],
            "carriers": [part.carrier.reference for part in chosen.parts],
        },
    )
    if had_reason:
        await exceptions.settle(
            session, kind=UNALLOCATED, subject_id=order.id, resolution="The order was allocated.", now=now
        )


async def _ship(
    session: AsyncSession,
    order: Order,
    verdict: Verdict,
    chosen: Candidate,
    part: Part,
    *,
    number: int,
    source: Source,
    now: datetime,
) -> None:
    """One part: its allocation, its shipment, its decision, and the carrier that is told or asked."""
    allocation = Allocation(
        order_id=order.id,
        node_id=part.node.id,
        carrier_id=part.carrier.id,
        service=part.service,
        window_start=chosen.window_start,
        window_end=chosen.window_end,
        lines=[{"sku": sku, "quantity": quantity} for sku, quantity in part.quantities.items()],
        cost_minor=part.cost_minor,
        price_minor=part.price_minor,
        currency=order.currency,
        capacity_date=part.day,
        created_at=now,
    )
    session.add(allocation)
    await session.flush()
    shipment = await shipments.create(
        session,
        order=order,
        number=number,
        allocation=allocation,
        lines=verdict.demand.lines,
        quantities=part.quantities,
        actor=SYSTEM,
        now=now,
    )
    session.add(
        Decision(
            kind=DecisionKind.ALLOCATION,
            at=now,
            order_id=order.id,
            shipment_id=shipment.id,
            automatic=True,
            policy_name=source.policy_name,
            policy_version=source.policy_version,
            model_name=source.solver,
            model_version="1",
            chosen=_told(chosen, part, currency=order.currency),
            alternatives=_alternatives(verdict, currency=order.currency),
        )
    )
    await tenders.hand_over(
        session, shipment, part.carrier, respond_minutes=source.respond_minutes, actor=SYSTEM, now=now
    )


async def _leave(session: AsyncSession, order: Order, verdict: Verdict, *, source: Source, now: datetime) -> None:
    """Says why the order got nothing, once for each reason."""
    unassigned = verdict.unassigned or {}
    is_news = (order.unassigned or {}).get("code") != unassigned.get("code")
    order.unassigned = unassigned
    if not is_news:
        return
    _log(session, order, type="order.unallocated", now=now, data=unassigned)
    session.add(
        Decision(
            kind=DecisionKind.ALLOCATION,
            at=now,
            order_id=order.id,
            automatic=True,
            policy_name=source.policy_name,
            policy_version=source.policy_version,
            model_name=source.solver,
            model_version="1",
            alternatives=_alternatives(verdict, currency=order.currency),
        )
    )
    relaxation = unassigned.get("cheapestRelaxation") or {}
    summary = f"{unassigned.get('detail', '')} Cheapest way out: {relaxation.get('change', 'none was found')}."
    suggestion = {"action": relaxation.get("constraint") or "CONTACT_CUSTOMER", "summary": summary}
    trouble = Trouble(
        kind=UNALLOCATED,
        severity=Severity.CRITICAL,
        subject=_subject(order),
        due_at=order.promised_end,
        suggestion=await counters.suggestion(session, order.id) or suggestion,
    )
    await exceptions.open_case(session, trouble, now=now)


def _alternatives(verdict: Verdict, *, currency: str) -> list[Json]:
    """What lost, cheapest first, and what was never possible."""
    losers = [
        {**_told(candidate, candidate.parts[0], currency=currency), "rejectedBecause": {"code": code, "detail": detail}}
        for candidate, code, detail in verdict.losers
    ]
    impossible: list[Json] = [
        {
            "nodeId": str(way.node.id),
            "node": way.node.reference,
            "carrierId": str(way.carrier.id) if way.carrier else None,
            "carrier": way.carrier.reference if way.carrier else None,
            "costMinor": way.cost_minor,
            "currency": currency,
            "breakdown": [],
            "rejectedBecause": {"code": way.code, "detail": way.detail},
        }
        for way in verdict.ruled_out
    ]
    return [*losers, *impossible][:MOST_ALTERNATIVES]


def _told(candidate: Candidate, part: Part, *, currency: str) -> Json:
    return {
        "nodeId": str(part.node.id),
        "node": part.node.reference,
        "carrierId": str(part.carrier.id),
        "carrier": part.carrier.reference,
        "window": {"start": candidate.window_start.isoformat(), "end": candidate.window_end.isoformat()},
        "costMinor": candidate.cost_minor,
        "currency": currency,
        "breakdown": [{"component": name, "amountMinor": amount} for name, amount in candidate.costs],
    }


def _subject(order: Order) -> Subject:
    return Subject(kind="order", id=order.id, reference=order.reference, order_id=order.id)


def _log(session: AsyncSession, order: Order, *, type: str, now: datetime, data: Json) -> None:
    happened = type.partition(".")[2]
    log.append(
        session,
        type=type,
        subject=_subject(order),
        actor=SYSTEM,
        now=now,
        summary=f"Order {order.reference} was {happened}.",
        data=data,
    )
