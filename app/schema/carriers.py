"""Carriers: own fleets and third parties."""

import strawberry

from app.core.ids import to_global
from app.models import Carrier
from app.schema.relay import Node


@strawberry.type(name="Carrier", description="Who carries: an own fleet, or a third party.")
class CarrierType(Node):
    """A carrier."""

    row: strawberry.Private[Carrier]
    reference: str
    name: str

    @staticmethod
    def of(row: Carrier) -> "CarrierType":
        """The GraphQL form of a carrier."""
        return CarrierType(
            id=strawberry.ID(to_global("Carrier", row.id)), row=row, reference=row.reference, name=row.name
        )
