"""Asking a person before a carrier is asked: where the policy lets the platform only propose tenders."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.money import Money
from app.models import Carrier, Decision, DecisionKind, Order, Severity, Shipment, Tender
from app.models.base import Json
from app.orchestration.events import subjects
from app.orchestration.exceptions.operations import Trouble, open_case
from app.orchestration.policies import queries as rules

KIND, ACTION = "TENDER_PROPOSED", "OFFER_TENDER"


async def propose(
    session: AsyncSession, order: Order, shipment: Shipment, tender: Tender, *, because: str, now: datetime
) -> None:
    """Opens a case that asks for this tender; it stays QUEUED until a person agrees."""
    carrier = await session.get(Carrier, tender.carrier_id)
    assert carrier is not None, "carriers are never deleted"
    policy = await rules.current_version(session)
    decision = Decision(
        kind=DecisionKind.TENDER,
        at=now,
        order_id=order.id,
        shipment_id=shipment.id,
        automatic=False,
        policy_name=policy.name,
        policy_version=policy.version,
        chosen={
            "nodeId": str(shipment.node_id),
            "carrierId": str(carrier.id),
            "carrier": carrier.reference,
            "costMinor": tender.price_minor,
            "currency": tender.currency,
        },
        detail={"because": because, "tenderId": str(tender.id)},
    )
    session.add(decision)
    await session.flush()
    trouble = Trouble(
        kind=KIND,
        severity=Severity.WARNING,
        subject=subjects.of_shipment(shipment, carrier_id=carrier.id),
        node_id=shipment.node_id,
        due_at=shipment.window_end,
        suggestion=_suggestion(tender, shipment, carrier, decision),
    )
    await open_case(session, trouble, now=now)


def _suggestion(tender: Tender, shipment: Shipment, carrier: Carrier, decision: Decision) -> Json:
    price = Money(minor=tender.price_minor, currency=tender.currency).to_decimal()
    return {
        "action": ACTION,
        "summary": f"Offer {shipment.reference} to {carrier.name} for {price} {tender.currency}.",
        "tenderId": str(tender.id),
        "decisionId": str(decision.id),
    }
