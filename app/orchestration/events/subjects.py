"""What events and cases are about, of each noun that several places tell about."""

import uuid

from app.models import Carrier, Order, Route, Shipment
from app.orchestration.events.log import Subject


def of_order(order: Order) -> Subject:
    """The order, for whoever sees it."""
    return Subject(kind="order", id=order.id, reference=order.reference, order_id=order.id)


def of_shipment(
    shipment: Shipment, *, carrier_id: uuid.UUID | None = None, route_id: uuid.UUID | None = None
) -> Subject:
    """The shipment, for its carrier or for another one that has to do with it, and for who drives the route."""
    return Subject(
        kind="shipment",
        id=shipment.id,
        reference=shipment.reference,
        order_id=shipment.order_id,
        carrier_id=carrier_id or shipment.carrier_id,
        route_id=route_id,
    )


def of_route(route: Route) -> Subject:
    """The route, for its carrier and who drives it."""
    return Subject(kind="route", id=route.id, reference=route.reference, carrier_id=route.carrier_id, route_id=route.id)


def of_carrier(carrier: Carrier) -> Subject:
    """The carrier, for itself."""
    return Subject(kind="carrier", id=carrier.id, reference=carrier.reference, carrier_id=carrier.id)
