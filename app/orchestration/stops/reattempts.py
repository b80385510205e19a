"""Recording why goods go round again after a failed attempt, or back. Leaves out the choice: shipments/failures.py."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Decision, DecisionKind, FailureReason, Shipment, ShipmentState
from app.orchestration.policies import queries as rules
from app.orchestration.shipments.failures import RULES


async def explain(
    session: AsyncSession, shipment: Shipment, *, reason: FailureReason, is_collection: bool = False, now: datetime
) -> None:
    """Writes the decision that followed a failed attempt. The loser says why it lost."""
    policy = await rules.current_version(session)
    again = {"action": "REATTEMPT", "notBefore": shipment.not_before and shipment.not_before.isoformat()}
    is_back = shipment.state in (ShipmentState.RETURNING, ShipmentState.CANCELLED)
    back = {"action": "GIVE_UP" if is_collection else "RETURN"}
    same = {"nodeId": str(shipment.node_id), "carrierId": str(shipment.carrier_id)}
    because = {"reason": reason.value, "party": RULES[reason].party.value, "attempts": shipment.attempt_count}
    detail = f"{reason.value} after {shipment.attempt_count} attempts."
    chosen, lost = (back, again) if is_back else (again, back)
    code = "NO_REATTEMPT" if is_back else "MAY_BE_REATTEMPTED"
    session.add(
        Decision(
            kind=DecisionKind.REATTEMPT,
            at=now,
            order_id=shipment.order_id,
            shipment_id=shipment.id,
            automatic=policy.document.autonomy_of(DecisionKind.REATTEMPT).may_act(confidence=None),
            policy_name=policy.name,
            policy_version=policy.version,
            chosen={**same, **chosen, **because},
            alternatives=[{**same, **lost, "rejectedBecause": {"code": code, "detail": detail}}],
        )
    )
