"""Routes: one vehicle's day or wave."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from app.core.ids import to_global
from app.models import Route, RouteState, StopState
from app.orchestration.drivers import queries as drivers
from app.orchestration.routes import queries
from app.orchestration.stops import queries as stops
from app.orchestration.stops.policies import AHEAD
from app.schema.context import Info
from app.schema.errors import UserErrorType
from app.schema.relay import Node
from app.schema.scalars import JSON, LocationType, MoneyType, location, money
from app.schema.stops import StopType
from app.schema.vehicles import VehicleType

if TYPE_CHECKING:
    from app.schema.drivers import DriverType

RouteStateEnum = strawberry.enum(RouteState, description="How far it is.")
Driver = Annotated["DriverType", strawberry.lazy("app.schema.drivers")]


@strawberry.type(name="RouteLoad", description="What is in the van, and the share of its capacity that this takes.")
class RouteLoadType:
    """Weight and volume."""

    weight_kg: float
    volume_l: float
    weight_share: float
    volume_share: float


@strawberry.type(name="Route", description="One vehicle's day or wave.")
class RouteType(Node):
    """A route."""

    row: strawberry.Private[Route]
    reference: str
    state: RouteState
    version: int
    planned_start: datetime
    planned_end: datetime
    started_at: datetime | None
    completed_at: datetime | None
    distance_metres: int
    duration_seconds: int

    @strawberry.field
    def cost(self) -> MoneyType | None:
        """What the plan says it costs."""
        return money(self.row.cost_minor, self.row.currency)

    @strawberry.field
    async def vehicle(self, info: Info) -> VehicleType | None:
        """The van."""
        row = await info.context.load(queries.vehicles, self.row.vehicle_id)
        return None if row is None else VehicleType.of(row)

    @strawberry.field
    async def driver(self, info: Info) -> Driver | None:
        """Who drives; null where nobody does yet."""
        from app.schema.drivers import DriverType as Shown  # the two files name each other

        if self.row.driver_id is None:
            return None
        row = await info.context.load(drivers.by_ids, self.row.driver_id)
        return None if row is None else Shown.of(row)

    @strawberry.field
    async def load(self, info: Info) -> RouteLoadType | None:
        """What it was planned to carry."""
        vehicle = await info.context.load(queries.vehicles, self.row.vehicle_id)
        if vehicle is None:
            return None
        return RouteLoadType(
            weight_kg=self.row.load_weight_kg,
            volume_l=self.row.load_volume_l,
            weight_share=self.row.load_weight_kg / vehicle.max_weight_kg,
            volume_share=self.row.load_volume_l / vehicle.max_volume_l,
        )

    @strawberry.field
    async def starts_at(self, info: Info) -> LocationType | None:
        """The node where it starts and ends."""
        node = await info.context.load(queries.start_nodes, self.row.id)
        return None if node is None else location(node.latitude, node.longitude)

    @strawberry.field
    async def stops(self, info: Info) -> list[StopType]:
        """The visits, in order."""
        rows = await info.context.load(stops.of_routes, self.row.id)
        return [StopType.of(row) for row in rows or []]

    @strawberry.field
    async def geometry(self, info: Info) -> JSON | None:
        """The remaining way as a GeoJSON LineString (RFC 7946: longitude first), straight from stop to stop."""
        node = await info.context.load(queries.start_nodes, self.row.id)
        rows = await info.context.load(stops.of_routes, self.row.id) or []
        if node is None or self.row.state in (RouteState.COMPLETED, RouteState.CANCELLED):
            return None
        behind = [row for row in rows if row.arrived_at is not None and row.state is not StopState.CANCELLED]
        here = max(behind, key=lambda row: row.arrived_at or row.planned_arrival) if behind else node
        end = await info.context.load(queries.end_nodes, self.row.id)
        places = [here, *(row for row in rows if row.state in AHEAD), *([] if end is None else [end])]
        return cast(
            "JSON",
            {
                "type": "LineString",
                "coordinates": [[round(place.longitude, 6), round(place.latitude, 6)] for place in places],
            },
        )

    @staticmethod
    def of(row: Route) -> "RouteType":
        """The GraphQL form of a route."""
        return RouteType(
            id=strawberry.ID(to_global("Route", row.id)),
            row=row,
            reference=row.reference,
            state=row.state,
            version=row.version,
            planned_start=row.planned_start,
            planned_end=row.planned_end,
            started_at=row.started_at,
            completed_at=row.completed_at,
            distance_metres=row.distance_metres,
            duration_seconds=row.duration_seconds,
        )


@strawberry.input
class AcceptRouteInput:
    """`expectedVersion` refuses a route that changed since it was read."""

    route_id: strawberry.ID
    expected_version: int | None = None
    idempotency_key: str | None = None


@strawberry.type
class AcceptRoutePayload:
    """The route as it is now."""

    route: RouteType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)


@strawberry.type(name="RouteChange", description="A route of the driver's that changed, as it is now, and why.")
class RouteChangeType:
    """A changed route."""

    id: strawberry.ID
    version: int
    state: RouteState
    reason: str = strawberry.field(description="The type of the event, or the reason that the event gives.")
    stops: list[StopType]
