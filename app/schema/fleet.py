"""Inputs of vehicles, drivers and products as master data. Their types are beside their nouns."""

import strawberry

from app.orchestration.fleet.operations import DriverRow, VehicleRow
from app.orchestration.products.operations import ProductRow


@strawberry.input
class VehicleInput:
    """A vehicle, found again by its registration. `carrier` and `node` are references; amounts are minor units.

    `kind` is what the policy's `vehicleKinds` know it by.
    """

    registration: str
    carrier: str
    node: str
    max_weight_kg: float
    max_volume_l: float
    fixed_minor: int = 0
    per_km_minor: int = 0
    per_hour_minor: int = 0
    kind: str = "van"
    skills: list[str] = strawberry.field(default_factory=list)
    is_active: bool = True

    def to_row(self) -> VehicleRow:
        """The input for the operation."""
        return VehicleRow(**vars(self))


@strawberry.input
class UpsertVehiclesInput:
    """At most 1000 vehicles."""

    vehicles: list[VehicleInput]
    idempotency_key: str | None = None


@strawberry.input
class DriverInput:
    """A driver, found by reference. `carrier` is a reference, `vehicle` a registration; shifts in local minutes."""

    reference: str
    name: str
    carrier: str
    vehicle: str | None = None
    phone: str | None = None
    skills: list[str] = strawberry.field(default_factory=list)
    shift_start_minute: int
    shift_end_minute: int
    is_active: bool = True

    def to_row(self) -> DriverRow:
        """The input for the operation."""
        return DriverRow(**vars(self))


@strawberry.input
class UpsertDriversInput:
    """At most 1000 drivers."""

    drivers: list[DriverInput]
    idempotency_key: str | None = None


@strawberry.input
class ProductInput:
    """A product, found again by its sku. Weight and volume are of one piece."""

    sku: str
    description: str | None = None
    weight_kg: float = 0.0
    volume_l: float = 0.0
    required_skills: list[str] = strawberry.field(default_factory=list)

    def to_row(self) -> ProductRow:
        """The input for the operation."""
        return ProductRow(**vars(self))


@strawberry.input
class UpsertProductsInput:
    """At most 1000 products."""

    products: list[ProductInput]
    idempotency_key: str | None = None
