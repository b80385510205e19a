"""Sending goods back after a failed attempt: those that waited too long, and those of which a person says so.

What was to be collected is given up instead. Also lets a person have the next attempt made. Leaves out what the policy
says right after a failure: operations.py.
"""

import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import Conflict, NotFound
from app.models import DeliveryAttempt, Order, Shipment, ShipmentState
from app.models.base import Json
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.policies import queries as rules
from app.orchestration.shipments import operations
from app.orchestration.shipments.policies import last_resort
from app.orchestration.shipments.proposals import KIND

BATCH = 100


async def send_back_due(session: AsyncSession, *, now: datetime) -> int:
    """Sends back what has waited for another attempt longer than the policy allows; answers how many it were."""
    policy = await rules.current(session)
    too_long = (
        select(col(DeliveryAttempt.shipment_id))
        .join(Shipment, col(Shipment.id) == col(DeliveryAttempt.shipment_id))
        .where(col(Shipment.state) == ShipmentState.ATTEMPT_FAILED)
        .group_by(col(DeliveryAttempt.shipment_id))
        .having(func.min(col(DeliveryAttempt.at)) < now - policy.return_after)
    )
    found = await session.scalars(
        select(Shipment).where(col(Shipment.id).in_(too_long)).order_by(col(Shipment.order_id)).limit(BATCH)
    )
    because = {"code": "WAITED_TOO_LONG", "detail": f"Nobody tried again within {policy.return_after_hours} hours."}
    sent_back = 0
    for waiting in list(found):
        order, shipment = await operations.lock(session, waiting)
        if shipment.state is ShipmentState.ATTEMPT_FAILED:
            await _send_back(session, order, shipment, because=because, actor=SYSTEM, now=now)
            await exceptions.settle(
                session, kind=KIND, subject_id=shipment.id, resolution="The goods went back.", now=now
            )
            sent_back += 1
    return sent_back


async def send_back(session: AsyncSession, *, shipment_id: uuid.UUID, actor: Principal, now: datetime) -> Shipment:
    """A person sends the goods back, or fetches them no more, instead of having another attempt made."""
    order, shipment = await _failed(session, shipment_id)
    done = "wants no other attempt" if order.kind.is_collection else "sent the goods back"
    because = {"code": "DECIDED", "detail": f"{actor.name} {done}."}
    return await _send_back(session, order, shipment, because=because, actor=actor, now=now)


async def try_again(session: AsyncSession, *, shipment_id: uuid.UUID, not_before: datetime) -> Shipment:
    """A person has another attempt made."""
    _, shipment = await _failed(session, shipment_id)
    shipment.not_before = not_before
    shipment.version += 1
    return shipment


async def _failed(session: AsyncSession, shipment_id: uuid.UUID) -> tuple[Order, Shipment]:
    found = await session.get(Shipment, shipment_id)
    if found is None:
        raise NotFound("shipment", shipment_id)
    order, shipment = await operations.lock(session, found)
    if shipment.state is not ShipmentState.ATTEMPT_FAILED:
        raise Conflict(
            "INVALID_STATE",
            f"Shipment {shipment.reference} is {shipment.state.value} by now, so that this is decided. Dismiss it.",
        )
    return order, shipment


async def _send_back(
    session: AsyncSession, order: Order, shipment: Shipment, *, because: Json, actor: Principal, now: datetime
) -> Shipment:
    shipment.not_before = None
    event = last_resort(is_collection=order.kind.is_collection)
    return await operations.advance(session, shipment, event, actor=actor, now=now, data={"because": because})
