"""What a customer's page shows, and when. Pure.

The van's place and the number of stops before are shown only near the end: within so many stops or minutes of the
door (policy `tracking`), and only while the driver is on the way there.
"""

from datetime import datetime, timedelta

from app.models import RouteState, ShipmentState
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
        "shipment.collected",
        "shipment.partially_collected",
        "shipment.collection_failed",
        "shipment.given_up",
        "shipment.returning",
        "shipment.returned",
        "shipment.lost",
    }
)


def is_on_the_way(state: ShipmentState, *, is_collection: bool, route: RouteState | None) -> bool:
    """Whether a driver is on the way to the door; what is collected there is planned until then."""
    if is_collection:
        return state is ShipmentState.PLANNED and route is RouteState.IN_PROGRESS
    return state in ON_THE_WAY


def may_show_vehicle(
    rule: TrackingVisibility,
    *,
    is_on_the_way: bool,
    stops_before: int | None,
    eta: datetime | None,
    now: datetime,
) -> bool:
    """Whether the page may show where the van is."""
    if not is_on_the_way or stops_before is None:
        return False
    is_near = eta is not None and eta - now <= timedelta(minutes=rule.within_minutes)
    return stops_before <= rule.within_stops or is_near
