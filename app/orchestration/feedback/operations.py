"""Taking a customer's answers, once per order."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Conflict, NotFound
from app.core.ids import new_id
from app.models import Feedback, Order, Questionnaire, Route, Shipment, Stop, StopShipment
from app.orchestration.events import log
from app.orchestration.feedback import policies, queries


async def ensure_defaults(session: AsyncSession, *, now: datetime) -> None:
    """Adds the standard questionnaire where there is none yet."""
    await session.execute(
        insert(Questionnaire)
        .values(
            id=new_id(),
            created_at=now,
            name=policies.STANDARD_NAME,
            version=1,
            questions=policies.STANDARD,
            is_current=True,
        )
        .on_conflict_do_nothing()
    )


async def submit(
    session: AsyncSession, *, actor: Principal, now: datetime, order_id: uuid.UUID, answers: Sequence[policies.Answer]
) -> Feedback:
    """Stores the answers with their score; refuses a second time, and before the order has ended."""
    order = await session.get(Order, order_id, with_for_update={"key_share": True})
    if order is None:
        raise NotFound("order", order_id)
    if order.state not in policies.ANSWERABLE:
        raise Conflict("NOT_DELIVERED_YET", f"Order {order.reference} is {order.state}; rate it once it has ended.")
    if await session.scalar(select(col(Feedback.id)).where(col(Feedback.order_id) == order_id)) is not None:
        raise Conflict("FEEDBACK_ALREADY_SUBMITTED", f"Order {order.reference} was rated already. Thank you.")
    questionnaire = await queries.current(session)
    assert questionnaire is not None, "the standard questionnaire is there since the platform started"
    policies.checked(questionnaire.questions, answers)
    carrier_id, driver_id = await _who_delivered(session, order_id)
    feedback = Feedback(
        created_at=now,
        order_id=order_id,
        questionnaire_id=questionnaire.id,
        carrier_id=carrier_id,
        driver_id=driver_id,
        answers=[asdict(answer) for answer in answers],
        score=policies.score(questionnaire.questions, answers),
        comment=policies.comment(answers),
    )
    session.add(feedback)
    log.append(
        session,
        type="feedback.submitted",
        subject=log.Subject(
            kind="order", id=order.id, reference=order.reference, order_id=order.id, carrier_id=carrier_id
        ),
        actor=actor,
        now=now,
        summary=f"Order {order.reference} rated",
        data={"score": feedback.score, "driverId": str(driver_id) if driver_id else None},
    )
    return feedback


async def _who_delivered(session: AsyncSession, order_id: uuid.UUID) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """The carrier and the driver who were at the door last; the newest shipment's carrier where nobody was."""
    row = (
        await session.execute(
            select(col(Shipment.carrier_id), col(Route.driver_id))
            .join(StopShipment, col(StopShipment.shipment_id) == col(Shipment.id), isouter=True)
            .join(Stop, col(Stop.id) == col(StopShipment.stop_id), isouter=True)
            .join(Route, col(Route.id) == col(Stop.route_id), isouter=True)
            .where(col(Shipment.order_id) == order_id)
            .order_by(col(Stop.arrived_at).desc().nulls_last(), col(Shipment.id).desc())
            .limit(1)
        )
    ).first()
    return (None, None) if row is None else (row[0], row[1])
