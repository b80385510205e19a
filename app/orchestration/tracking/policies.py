"""What a customer's page shows, and when. Pure.

The van's place and the number of stops before are shown only near the end: within so many stops or minutes of the
door (policy `tracking`), and only while the driver is on the way there.
"""

from datetime import datetime, timedelta

from app.models import ShipmentState
from app.orchestration.policies.documents import TrackingVisibility

ON_THE_WAY = (ShipmentState.OUT_FOR_DELIVERY,)
# Events that a customer's timeline shows.
SHOWN_EVENTS = frozenset(
    {
        "order.received",
        "order.allocated",
        "order.cancelled",
        "shipment.picked_up",
        "shipment.out_for_delivery",
        "shipment.approaching",
        "shipment.delivered",
        "shipment.partially_delivered",
        "shipment.attempt_failed",
        "shipment.returning",
        "shipment.returned",
        "shipment.lost",
    }
)


def may_show_vehicle(
    rule: TrackingVisibility,
    *,
    state: ShipmentState,
    stops_before: int | None,
    eta: datetime | None,
    now: datetime,
) -> bool:
    """Whether the page may show where the van is."""
    if state not in ON_THE_WAY or stops_before is None:
        return False
    is_near = eta is not None and eta - now <= timedelta(minutes=rule.within_minutes)
    return stops_before <= rule.within_stops or is_near
