"""Addresses, as orders and nodes share them."""

import strawberry

from app.models import FulfilmentNode, Order
from app.schema.scalars import LocationType, location


@strawberry.type(name="Address", description="A postal address and its place.")
class AddressType:
    """Where something is."""

    line1: str
    line2: str | None = None
    city: str
    region: str | None = None
    postal_code: str | None = None
    country: str = strawberry.field(description="ISO 3166-1 alpha-2.")
    location: LocationType | None = None
    instructions: str | None = strawberry.field(default=None, description="How to find the door, for the driver.")

    @staticmethod
    def of_order(row: Order) -> "AddressType":
        """The door of an order."""
        return AddressType(
            line1=row.line1,
            line2=row.line2,
            city=row.city,
            region=row.region,
            postal_code=row.postal_code,
            country=row.country,
            location=location(row.latitude, row.longitude),
            instructions=row.instructions,
        )

    @staticmethod
    def of_area(row: Order) -> "AddressType":
        """Roughly where an order goes."""
        return AddressType(line1="", city=row.city, region=row.region, postal_code=row.postal_code, country=row.country)

    @staticmethod
    def of_node(row: FulfilmentNode) -> "AddressType":
        """The gate of a node."""
        return AddressType(
            line1=row.line1,
            city=row.city,
            postal_code=row.postal_code,
            country=row.country,
            location=location(row.latitude, row.longitude),
        )
