"""Routes: one vehicle's day or wave."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from app.core.ids import to_global
from app.models import FulfilmentNode, PauseKind, Route, RouteState, Stop, StopState, Vehicle
from app.orchestration.drivers import queries as drivers
from app.orchestration.routes import pauses, queries
from app.orchestration.stops import queries as stops
from app.orchestration.stops.policies import AHEAD
from app.schema.context import Context, Info
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


PauseKindEnum = strawberry.enum(
    PauseKind, description="What a van does that is neither driving nor a visit. BREAK is lunch, REST is for the hours."
)


@strawberry.type(name="RoutePause", description="A reload, a break or a rest, as it was planned, and where it comes.")
class RoutePauseType:
    """A pause of a route."""

    kind: PauseKind
    start: datetime
    end: datetime
    after_stop: int = strawberry.field(description="The sequence of the stop that it comes after; 0: before the first.")
    drive_seconds: int = strawberry.field(description="The drive that leads to it; 0 where the van is already.")
    drive_metres: int
    location: LocationType | None = strawberry.field(description="The node, where it is there; else null.")
    load: RouteLoadType | None = strawberry.field(description="What a RELOAD takes on board; else null.")


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
        """What it was planned to leave with; what later trips take on board is with their pauses."""
        vehicle = await info.context.load(queries.vehicles, self.row.vehicle_id)
        return None if vehicle is None else _load(vehicle, self.row.load_weight_kg, self.row.load_volume_l)

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
    async def pauses(self, info: Info) -> list[RoutePauseType]:
        """Where the van comes back to load for another trip, and its driver's breaks and rests, in order."""
        return await pauses_of(info.context, self.row)

    @strawberry.field
    async def geometry(self, info: Info) -> JSON | None:
        """The remaining way as a GeoJSON LineString (RFC 7946: longitude first), straight from stop to stop.

        It passes the node where the van reloads.
        """
        node = await info.context.load(queries.start_nodes, self.row.id)
        rows = await info.context.load(stops.of_routes, self.row.id) or []
        if node is None or self.row.state in (RouteState.COMPLETED, RouteState.CANCELLED):
            return None
        behind = [row for row in rows if row.arrived_at is not None and row.state is not StopState.CANCELLED]
        here = max(behind, key=lambda row: row.arrived_at or row.planned_arrival) if behind else node
        end = await info.context.load(queries.end_nodes, self.row.id)
        coming = [row for row in rows if row.state in AHEAD]
        leading = pauses.before(pauses.ahead(pauses.of(self.row), rows), coming)
        places: list[Stop | FulfilmentNode] = [here]
        for row, before in zip(coming, leading, strict=True):
            if any(pause.kind is PauseKind.RELOAD for pause in before):
                places.append(node)
            places.append(row)
        places += [] if end is None else [end]
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


async def pauses_of(context: Context, route: Route) -> list[RoutePauseType]:
    """The GraphQL form of a route's pauses."""
    planned = pauses.of(route)
    node = await context.load(queries.start_nodes, route.id) if planned else None
    vehicle = await context.load(queries.vehicles, route.vehicle_id) if planned else None
    here = None if node is None else location(node.latitude, node.longitude)
    return [
        RoutePauseType(
            kind=pause.kind,
            start=pause.start,
            end=pause.end,
            after_stop=pause.after_stop,
            drive_seconds=pause.drive_seconds,
            drive_metres=pause.drive_metres,
            location=here if pause.at_node else None,
            load=None if vehicle is None else _load(vehicle, pause.weight_kg, pause.volume_l),
        )
        for pause in planned
    ]


def _load(vehicle: Vehicle, weight_kg: float | None, volume_l: float | None) -> RouteLoadType | None:
    if weight_kg is None or volume_l is None:
        return None
    return RouteLoadType(
        weight_kg=weight_kg,
        volume_l=volume_l,
        weight_share=weight_kg / vehicle.max_weight_kg,
        volume_share=volume_l / vehicle.max_volume_l,
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
    pauses: list[RoutePauseType]
