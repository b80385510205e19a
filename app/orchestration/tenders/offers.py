"""One offer to one carrier: making it, ending it, and what the log says of it. Leaves out who comes next."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.models import Allocation, Carrier, Event, Shipment, Tender
from app.models.base import Json
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.tenders.policies import OPEN, TenderEvent, next_state
from app.orchestration.writing import one_of

OFFERED = "tender.offered"


async def open_tenders(session: AsyncSession, shipments: Sequence[Shipment]) -> list[Tender]:
    """The tenders of these shipments that are not over, by their turn, locked. The caller has locked the shipments."""
    found = await session.scalars(
        select(Tender)
        .where(one_of(Tender.shipment_id, [shipment.id for shipment in shipments]), col(Tender.state).in_(OPEN))
        .order_by(col(Tender.place), col(Tender.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(found)


def offer(
    session: AsyncSession, tender: Tender, shipment: Shipment, *, respond_by: datetime, actor: Principal, now: datetime
) -> None:
    """Asks the carrier."""
    tender.state = next_state(tender, TenderEvent.OFFER)
    tender.offered_at, tender.respond_by = now, respond_by
    tender.version += 1
    record(session, tender, shipment, type=OFFERED, actor=actor, now=now, data={"place": tender.place})


def respond_by(*, now: datetime, minutes: int, carrier: Carrier, latest: datetime | None = None) -> datetime:
    """Until when the carrier may think: as the policy and the carrier allow, and not past `latest`."""
    due = now + timedelta(minutes=min(minutes, carrier.response_minutes))
    return due if latest is None or latest <= now else min(due, latest)


def end(
    session: AsyncSession,
    tender: Tender,
    shipment: Shipment,
    event: TenderEvent,
    *,
    now: datetime,
    reason: str | None = None,
    actor: Principal = SYSTEM,
) -> None:
    """The offer is over: expired, withdrawn or broken. Who was never asked hears nothing of it."""
    was_asked = tender.offered_at is not None
    tender.state = next_state(tender, event)
    tender.reason = reason or tender.reason
    tender.version += 1
    if was_asked:
        data = {"because": reason} if reason else None
        record(session, tender, shipment, type=f"tender.{event.value}", actor=actor, now=now, data=data)


async def move_to(session: AsyncSession, shipment: Shipment, tender: Tender) -> bool:
    """Gives the shipment to the tender's carrier, with its place on the day; False where that day is full.

    What the carrier before had booked is given back. The caller has locked the order and the shipment.
    """
    if shipment.carrier_id == tender.carrier_id:
        return True
    allocation = await session.get(Allocation, shipment.allocation_id) if shipment.allocation_id is not None else None
    if allocation is not None and not await _rebook(session, allocation, tender):
        return False
    shipment.carrier_id, shipment.estimated_minor = tender.carrier_id, tender.price_minor
    shipment.version += 1
    return True


async def _rebook(session: AsyncSession, allocation: Allocation, tender: Tender) -> bool:
    old = Claim.of(allocation)
    new = Claim(node_id=old.node_id, carrier_id=tender.carrier_id, service=old.service, day=old.day)
    room = await capacity.lock(session, [old, new])
    room.give_back([old])
    if room.lacking([new]) is not None:
        room.take([old])
        return False
    room.take([new])
    allocation.carrier_id, allocation.price_minor = tender.carrier_id, tender.price_minor
    return True


def record(
    session: AsyncSession,
    tender: Tender,
    shipment: Shipment,
    *,
    type: str,
    actor: Principal,
    now: datetime,
    data: Json | None = None,
) -> None:
    """The event of what happened to a tender."""
    told = entry(
        tender_id=tender.id,
        carrier_id=tender.carrier_id,
        respond_by=tender.respond_by,
        reference=shipment.reference,
        order_id=shipment.order_id,
        type=type,
        actor=actor,
        now=now,
        data=data,
    )
    session.add(Event(**told))


def entry(
    *,
    tender_id: uuid.UUID,
    carrier_id: uuid.UUID,
    respond_by: datetime | None,
    reference: str,
    order_id: uuid.UUID,
    type: str,
    actor: Principal,
    now: datetime,
    data: Json | None = None,
) -> dict[str, Any]:
    """The columns of that event. `reference`: the shipment's."""
    happened = type.partition(".")[2]
    return log.entry(
        type=type,
        subject=Subject(kind="tender", id=tender_id, reference=reference, order_id=order_id, carrier_id=carrier_id),
        actor=actor,
        now=now,
        summary=f"The tender of {reference} was {happened}.",
        data={"respondBy": respond_by and respond_by.isoformat(), **(data or {})},
    )
