"""The first carrier of a new shipment: asked with the shipment's birth, so that a thousand cost a few statements.

Leaves out who is asked beside it or after it: that is waterfall.py.
"""

from datetime import datetime, timedelta
from typing import Any

from app.auth.principals import SYSTEM
from app.core.ids import new_id
from app.models import Carrier, DecisionKind, TenderMode, TenderState
from app.models.base import Json
from app.orchestration.policies.documents import PolicyDocument
from app.orchestration.shipments.births import Birth
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.tenders import offers
from app.orchestration.tenders.counters import AgreedPrices
from app.orchestration.tenders.policies import NEXT, TenderEvent

Row = dict[str, Any]
# The turn of the carrier that the decision chose.
FIRST = 1


def first_event(carrier: Carrier, chosen: Json, rules: PolicyDocument) -> ShipmentEvent | None:
    """What a shipment begins with, from the decision that chose its carrier: told, asked, or None: a person decides."""
    if carrier.tender_mode is TenderMode.AUTOMATIC:
        return ShipmentEvent.ASSIGN
    may_ask = rules.autonomy_of(DecisionKind.TENDER).may_act(confidence=chosen.get("probabilityOnTime"))
    return ShipmentEvent.TENDER if may_ask else None


def ask(
    birth: Birth, carrier: Carrier, *, agreed: AgreedPrices, rules: PolicyDocument, now: datetime
) -> tuple[Row, Row]:
    """The columns of the tender of a shipment that begins with TENDER, and of the event that says so.

    It is offered at its price, or at the counter price that was agreed to.
    """
    allocation = birth.allocation
    price, agreed_at = agreed.get((birth.order.id, carrier.id), (allocation["price_minor"], None))
    latest = allocation["window_end"] - timedelta(minutes=rules.tendering.last_offer_lead_minutes)
    due = offers.respond_by(now=now, minutes=rules.tender_respond_minutes, carrier=carrier, latest=latest)
    tender: Row = {
        "id": new_id(),
        "shipment_id": birth.id,
        "carrier_id": carrier.id,
        "state": NEXT[TenderState.QUEUED, TenderEvent.OFFER],
        "place": FIRST,
        "offered_at": now,
        "respond_by": due,
        "price_minor": price,
        "counter_accepted_at": agreed_at,
        "currency": allocation["currency"],
        "created_at": now,
        "version": 1,
    }
    told = offers.entry(
        tender_id=tender["id"],
        carrier_id=carrier.id,
        respond_by=due,
        reference=birth.reference,
        order_id=birth.order.id,
        type=offers.OFFERED,
        actor=SYSTEM,
        now=now,
        data={"place": FIRST},
    )
    return tender, told
