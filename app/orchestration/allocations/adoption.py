"""Carrying out what was chosen for many orders with a few statements: promises, allocations, shipments, decisions.

Stock and capacity are taken first, and for all of them together; where that is too much, one by one.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core.database import savepoint
from app.core.errors import Refusal
from app.core.ids import new_id
from app.models import Allocation, Carrier, Decision, MovementReason, Order, Shipment, TenderMode
from app.models.base import Json
from app.orchestration.allocations.candidates import Candidate, Part
from app.orchestration.allocations.telling import Source, decision, subject_of
from app.orchestration.allocations.verdicts import Verdict
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.orchestration.events import log
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.policies import UNALLOCATED
from app.orchestration.inventory import operations as stock
from app.orchestration.orders import policies as orders
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.shipments import births
from app.orchestration.shipments.births import Birth
from app.orchestration.tenders import operations as tenders
from app.orchestration.writing import insert_all, one_of, update_all

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Winner:
    """A locked order with the way that was chosen for it. `first_number`: of its first new shipment.

    `told`: the decision about each part, where it was made before there was an order.
    """

    order: Order
    verdict: Verdict
    chosen: Candidate
    first_number: int
    told: Sequence[Json] = ()


async def take(session: AsyncSession, winners: Sequence[Winner], *, now: datetime) -> bool:
    """Takes stock and capacity for all of these orders; False, and nothing is taken, where that is too much."""
    return await take_parts(
        session, [(part, winner.order.id) for winner in winners for part in winner.chosen.parts], now=now
    )


async def take_parts(
    session: AsyncSession, wanted: Sequence[tuple[Part, uuid.UUID | None]], *, detail: str | None = None, now: datetime
) -> bool:
    """Takes stock and capacity for parts, each with its order where there is one already; False: nothing is taken."""
    goods = [
        each
        for part, order_id in wanted
        for each in stock.goods_of(part.node.id, part.quantities, order_id=order_id, detail=detail, by=part.expected_by)
    ]
    claims = [
        Claim(node_id=part.node.id, carrier_id=part.carrier.id, service=part.service, day=part.day)
        for part, _ in wanted
    ]
    try:
        async with savepoint(session):
            await stock.move(session, MovementReason.RESERVE, goods, now=now)
            await capacity.take(session, claims)
    except Refusal:
        return False
    return True


async def carry_out(session: AsyncSession, winners: Sequence[Winner], *, source: Source, now: datetime) -> None:
    """The orders are allocated, and their shipments made; their carriers are told or asked."""
    explained = [winner.order.id for winner in winners if winner.order.unassigned]
    await _promise(session, winners, now=now)
    allocations: list[Row] = []
    decisions: list[Row] = []
    entries: list[Row] = []
    born: list[tuple[Birth, Carrier]] = []
    for winner in winners:
        entries.append(_allocated(winner, now=now))
        for number, (part, allocation, birth) in enumerate(parts(winner, now=now)):
            allocations.append(allocation)
            born.append((birth, part.carrier))
            entries += births.events(birth, actor=SYSTEM, now=now)
            told = winner.told[number] if winner.told else {}
            decisions.append({**decision(winner.verdict, part, source, now=now), **told, "shipment_id": birth.id})
    await insert_all(session, Allocation, allocations)
    await births.insert(session, [birth for birth, _ in born], now=now)
    await insert_all(session, Decision, decisions)
    await log.append_all(session, entries)
    if explained:
        await exceptions.settle_all(
            session, kind=UNALLOCATED, subject_ids=explained, resolution="The order was allocated.", now=now
        )
    if asked := [(birth, carrier) for birth, carrier in born if not birth.is_assigned]:
        await _ask(session, asked, source, now=now)


async def _promise(session: AsyncSession, winners: Sequence[Winner], *, now: datetime) -> None:
    rows = [
        {
            "id": winner.order.id,
            "state": orders.next_state(winner.order.state, OrderEvent.ALLOCATE, reference=winner.order.reference),
            "promised_start": winner.chosen.window_start,
            "promised_end": winner.chosen.window_end,
            "unassigned": None,
            "updated_at": now,
            "version": winner.order.version + 1,
        }
        for winner in winners
    ]
    await update_all(session, Order, rows)


def _allocated(winner: Winner, *, now: datetime) -> Row:
    """The order's event; and the order in hand follows what was written."""
    order, chosen = winner.order, winner.chosen
    is_new = (order.promised_start, order.promised_end) != (chosen.window_start, chosen.window_end)
    state = orders.next_state(order.state, OrderEvent.ALLOCATE, reference=order.reference)
    for name, value in (
        ("state", state),
        ("promised_start", chosen.window_start),
        ("promised_end", chosen.window_end),
        ("unassigned", None),
        ("updated_at", now),
        ("version", order.version + 1),
    ):
        set_committed_value(order, name, value)
    # A second allocation that keeps the promise is no news for the customer.
    happened = "allocated" if is_new or not winner.verdict.demand.declined else "updated"
    return log.entry(
        type=f"order.{happened}",
        subject=subject_of(order),
        actor=SYSTEM,
        now=now,
        summary=f"Order {order.reference} was {happened}.",
        data={
            "promisedWindow": {"start": chosen.window_start.isoformat(), "end": chosen.window_end.isoformat()},
            "nodes": [part.node.reference for part in chosen.parts],
            "carriers": [part.carrier.reference for part in chosen.parts],
        },
    )


def parts(winner: Winner, *, now: datetime) -> Iterator[tuple[Part, Row, Birth]]:
    """Each part of what was chosen, the columns of its allocation, and its shipment to come."""
    for number, part in enumerate(winner.chosen.parts, start=winner.first_number):
        allocation = {
            "id": new_id(),
            "order_id": winner.order.id,
            "node_id": part.node.id,
            "carrier_id": part.carrier.id,
            "service": part.service,
            "window_start": winner.chosen.window_start,
            "window_end": winner.chosen.window_end,
            "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in part.quantities.items()],
            "cost_minor": part.cost_minor,
            "price_minor": part.price_minor,
            "currency": winner.order.currency,
            "capacity_date": part.day,
            "created_at": now,
        }
        birth = births.new_birth(
            winner.order,
            number,
            allocation=allocation,
            lines=winner.verdict.demand.lines,
            quantities=part.quantities,
            is_assigned=part.carrier.tender_mode is TenderMode.AUTOMATIC,
        )
        yield part, allocation, birth


async def _ask(session: AsyncSession, asked: Sequence[tuple[Birth, Carrier]], source: Source, *, now: datetime) -> None:
    """Offers shipments to the carriers that want to be asked."""
    found = await session.scalars(
        select(Shipment).where(one_of(Shipment.id, [birth.id for birth, _ in asked])).order_by(col(Shipment.id))
    )
    carriers = {birth.id: carrier for birth, carrier in asked}
    for shipment in list(found):
        await tenders.hand_over(
            session,
            shipment,
            carriers[shipment.id],
            respond_minutes=source.respond_minutes,
            actor=SYSTEM,
            now=now,
        )
