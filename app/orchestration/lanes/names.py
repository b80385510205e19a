"""How a lane is named: a service, from a node, to the area of a door. Pure."""

from app.models import Order
from app.orchestration.carriers.zones import normalised_postcode

# So many characters of a postcode make an area in which doors are alike for a carrier.
AREA_CHARACTERS = 3


def area_of(order: Order) -> str:
    """The area of an order's door: the beginning of its postcode, its town where it has none."""
    postcode = normalised_postcode(order.postal_code)
    return f"{order.country}-{postcode[:AREA_CHARACTERS] if postcode else order.city.strip().upper()}"


def lane_of(service: str, node_reference: str, area: str) -> str:
    """The name of a lane of a carrier."""
    return f"{service}|{node_reference}|{area}"
