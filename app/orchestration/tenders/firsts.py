"""The first carrier of a new shipment: asked with the shipment's birth, so that a thousand cost a few statements.

Leaves out who is asked beside it or after it: that is waterfall.py.
"""

from datetime import datetime, timedelta
from typing import Any

from app.auth.principals import SYSTEM
from app.models import Carrier, DecisionKind, Tender, TenderMode
from app.models.base import Json
from app.orchestration.policies.documents import PolicyDocument
from app.orchestration.shipments.births import Birth
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.tenders import offers
from app.orchestration.tenders.counters import AgreedPrices


def first_event(carrier: Carrier, chosen: Json, rules: PolicyDocument) -> ShipmentEvent | None:
    """What a shipment begins with, from the decision that chose its carrier: told, asked, or None: a person decides."""
    if carrier.tender_mode is TenderMode.AUTOMATIC:
        return ShipmentEvent.ASSIGN
    may_ask = rules.autonomy_of(DecisionKind.TENDER).may_act(confidence=chosen.get("probabilityOnTime"))
    return ShipmentEvent.TENDER if may_ask else None


def ask(
    birth: Birth, carrier: Carrier, *, agreed: AgreedPrices, rules: PolicyDocument, now: datetime
) -> tuple[Tender, dict[str, Any]]:
    """Offers a shipment that begins with TENDER, at its price or the counter price that was agreed to; and the event.

    Neither is written here.
    """
    allocation = birth.allocation
    price, agreed_at = agreed.get((birth.order.id, carrier.id), (allocation["price_minor"], None))
    tender = Tender(
        shipment_id=birth.id,
        carrier_id=carrier.id,
        price_minor=price,
        counter_accepted_at=agreed_at,
        currency=allocation["currency"],
        created_at=now,
    )
    latest = allocation["window_end"] - timedelta(minutes=rules.tendering.last_offer_lead_minutes)
    due = offers.respond_by(now=now, minutes=rules.tender_respond_minutes, carrier=carrier, latest=latest)
    offers.make(tender, respond_by=due, now=now)
    told = offers.entry(
        tender,
        reference=birth.reference,
        order_id=birth.order.id,
        type=offers.OFFERED,
        actor=SYSTEM,
        now=now,
        data={"place": tender.place},
    )
    return tender, told
