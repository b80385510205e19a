"""Carrying out what was chosen for many orders with a few statements: promises, allocations, shipments, decisions.

Stock and capacity are taken first, and for all of them together; where that is too much, one by one.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import SQLModel

from app.auth.principals import SYSTEM
from app.core.database import savepoint
from app.core.errors import Refusal
from app.core.ids import new_id
from app.models import Allocation, Carrier, Decision, Event, MovementReason, Order, Shipment, Tender
from app.models.base import Json
from app.orchestration.allocations import taking
from app.orchestration.allocations.candidates import Candidate, Part
from app.orchestration.allocations.taking import Place
from app.orchestration.allocations.telling import Source, decision
from app.orchestration.allocations.verdicts import Verdict
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.orchestration.events import log, subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.policies import UNALLOCATED
from app.orchestration.inventory import operations as stock
from app.orchestration.nodes import policies as nodes
from app.orchestration.orders import policies as orders
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.policies.queries import Current
from app.orchestration.shipments import births
from app.orchestration.shipments.births import Birth
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.tenders import counters, firsts, waterfall
from app.orchestration.tenders import operations as tenders
from app.orchestration.tenders.waterfall import Turn
from app.orchestration.writing import write_together

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
        for each in stock.goods_of(part.node.id, part.from_stock, order_id=order_id, detail=detail, by=part.expected_by)
    ]
    places = [_place(part) for part, _ in wanted]
    if not any(part.expected_by for part, _ in wanted):
        return await taking.take(session, goods, places, now=now)
    try:
        async with savepoint(session):
            await stock.move(session, MovementReason.RESERVE, goods, now=now)
            await capacity.take(session, [place.claim for place in places])
    except Refusal:
        return False
    return True


def _place(part: Part) -> Place:
    assert part.terms is not None, "what is taken was weighed just now"
    return Place(
        claim=Claim(node_id=part.node.id, carrier_id=part.carrier.id, service=part.service, day=part.day),
        node_limit=nodes.daily_throughput(part.node, part.day),
        carrier_limit=part.carrier.daily_limit,
        service_limit=part.terms.document.daily_limit,
        contract_ids=[contract.id for contract in part.terms.contracts_on(part.day)],
    )


async def carry_out(session: AsyncSession, winners: Sequence[Winner], *, source: Source, now: datetime) -> None:
    """The orders are allocated, and their shipments made; their carriers are told or asked."""
    if not winners:
        return
    explained = [winner.order.id for winner in winners if winner.order.unassigned]
    promises = [_promise(winner, now=now) for winner in winners]
    before = [winner.order.id for winner in winners if winner.first_number > 1]
    agreed = await counters.agreed_prices(session, before)
    allocations: list[Row] = []
    decisions: list[Row] = []
    entries: list[Row] = []
    born: list[tuple[Birth, Carrier]] = []
    offered: list[Row] = []
    for winner, promise in zip(winners, promises, strict=True):
        entries.append(_allocated(winner, promise, now=now))
        for number, part in enumerate(winner.chosen.parts):
            told = {**decision(winner.verdict, part, source, now=now), **(winner.told[number] if winner.told else {})}
            allocation = allocation_of(winner, part, now=now)
            begins_with = firsts.first_event(part.carrier, told["chosen"], source.rules)
            birth = _birth(winner, number, part, allocation, begins_with)
            allocations.append(allocation)
            decisions.append({**told, "shipment_id": birth.id})
            born.append((birth, part.carrier))
            created, *begun = births.events(birth, actor=SYSTEM, now=now)
            entries.append(created)
            if begins_with is ShipmentEvent.TENDER:
                tender, asked = firsts.ask(birth, part.carrier, agreed=agreed, rules=source.rules, now=now)
                offered.append(tender)
                entries.append(asked)
            entries += begun
    rows: dict[type[SQLModel], list[Row]] = {
        Allocation: allocations,
        **births.rows([birth for birth, _ in born], now=now),
        Tender: offered,
        Decision: decisions,
        Event: entries,
    }
    await write_together(session, (Order, promises), rows)
    if explained:
        await exceptions.settle_all(
            session, kind=UNALLOCATED, subject_ids=explained, resolution="The order was allocated.", now=now
        )
    await _ask(session, born, source, now=now)


def _promise(winner: Winner, *, now: datetime) -> Row:
    """The order's columns from now on."""
    order = winner.order
    return {
        "id": order.id,
        "state": orders.next_state(order.state, OrderEvent.ALLOCATE, reference=order.reference),
        "promised_start": winner.chosen.window_start,
        "promised_end": winner.chosen.window_end,
        "unassigned": None,
        "updated_at": now,
        "version": order.version + 1,
    }


def _allocated(winner: Winner, promise: Row, *, now: datetime) -> Row:
    """The order's event; and the order in hand follows what is written."""
    order, chosen = winner.order, winner.chosen
    is_new = (order.promised_start, order.promised_end) != (chosen.window_start, chosen.window_end)
    for name, value in promise.items():
        set_committed_value(order, name, value)
    # A second allocation that keeps the promise is no news for the customer.
    demand = winner.verdict.demand
    happened = "updated" if not is_new and (demand.declined or demand.standing is not None) else "allocated"
    return log.entry(
        type=f"order.{happened}",
        subject=subjects.of_order(order),
        actor=SYSTEM,
        now=now,
        summary=f"Order {order.reference} was {happened}.",
        data={
            "promisedWindow": {"start": chosen.window_start.isoformat(), "end": chosen.window_end.isoformat()},
            "nodes": [part.node.reference for part in chosen.parts],
            "carriers": [part.carrier.reference for part in chosen.parts],
        },
    )


def allocation_of(winner: Winner, part: Part, *, now: datetime) -> Row:
    """The columns of the allocation of one part of what was chosen."""
    return {
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


def _birth(winner: Winner, number: int, part: Part, allocation: Row, begins_with: ShipmentEvent | None) -> Birth:
    return births.new_birth(
        winner.order,
        winner.first_number + number,
        allocation=allocation,
        lines=winner.verdict.demand.lines,
        quantities=part.quantities,
        begins_with=begins_with,
    )


async def _ask(session: AsyncSession, born: Sequence[tuple[Birth, Carrier]], source: Source, *, now: datetime) -> None:
    """Asks a person where the policy wants that, and further carriers where it asks several at once."""
    policy = Current(name=source.policy_name, version=source.policy_version, document=source.rules)
    for birth, carrier in born:
        if birth.begins_with is None:
            shipment = await session.get_one(Shipment, birth.id)
            minutes = source.rules.tender_respond_minutes
            await tenders.hand_over(session, shipment, carrier, respond_minutes=minutes, actor=SYSTEM, now=now)
        elif birth.begins_with is ShipmentEvent.TENDER and source.rules.tendering.at_once > 1:
            shipment = await session.get_one(Shipment, birth.id)
            await waterfall.ask_several(session, Turn(order=birth.order, shipment=shipment, policy=policy, now=now))
