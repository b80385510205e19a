"""Drivers, as staff, their carrier and they themselves see them."""

import strawberry

from app.core.ids import to_global
from app.models import Driver
from app.schema.relay import Node


@strawberry.type(name="Driver", description="Who drives.")
class DriverType(Node):
    """A driver."""

    row: strawberry.Private[Driver]
    name: str
    reference: str

    @staticmethod
    def of(row: Driver) -> "DriverType":
        """The GraphQL form of a driver."""
        return DriverType(
            id=strawberry.ID(to_global("Driver", row.id)), row=row, name=row.name, reference=row.reference
        )
