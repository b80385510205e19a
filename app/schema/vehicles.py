"""Vehicles, as staff, their carrier and their driver see them."""

import strawberry

from app.core.ids import to_global
from app.models import Vehicle
from app.schema.relay import Node


@strawberry.type(name="Vehicle", description="A van with its capacities.")
class VehicleType(Node):
    """A vehicle."""

    registration: str
    kind: str
    max_weight_kg: float
    max_volume_l: float

    @staticmethod
    def of(row: Vehicle) -> "VehicleType":
        """The GraphQL form of a vehicle."""
        return VehicleType(
            id=strawberry.ID(to_global("Vehicle", row.id)),
            registration=row.registration,
            kind=row.kind,
            max_weight_kg=row.max_weight_kg,
            max_volume_l=row.max_volume_l,
        )
