"""Asking a person what becomes of goods whose attempt failed, where the policy lets the platform only propose."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Severity, Shipment
from app.models.base import Json
from app.orchestration.events import subjects
from app.orchestration.exceptions.operations import Trouble, open_case
from app.orchestration.shipments.failures import Reattempt

KIND = "REATTEMPT_PROPOSED"
AGAIN, BACK = "REATTEMPT", "SEND_BACK"


async def propose(
    session: AsyncSession, shipment: Shipment, found: Reattempt, *, wait_until: datetime, now: datetime
) -> None:
    """Opens a case that asks what becomes of the goods. Until a person says so they wait, but not past `wait_until`."""
    shipment.not_before = wait_until
    again = found.not_before
    action = BACK if again is None else AGAIN
    what = "Send the goods back" if again is None else f"Try again from {again:%Y-%m-%d %H:%M} UTC"
    suggestion: Json = {
        "action": action,
        "summary": f"{what}: {found.detail}",
        "notBefore": again and again.isoformat(),
    }
    subject = subjects.of_shipment(shipment)
    trouble = Trouble(
        kind=KIND,
        severity=Severity.WARNING,
        subject=subject,
        node_id=shipment.node_id,
        due_at=wait_until,
        suggestion=suggestion,
    )
    await open_case(session, trouble, now=now)
