"""Plans: one node's routes of one day, as one answer of the solver."""

import datetime
import uuid

import strawberry

from app.core.ids import to_global
from app.models import Plan, PlanState
from app.models.base import Json
from app.orchestration.nodes import queries as nodes
from app.orchestration.plans import totals
from app.orchestration.plans.comparing import Comparison, Figures, Place, StopChange
from app.orchestration.plans.totals import Totals
from app.orchestration.routes import queries as routes
from app.orchestration.shipments import queries as shipments
from app.schema.context import Info
from app.schema.decisions import RelaxationType, RuledOutType, relaxation, ruled_out
from app.schema.errors import UserErrorType
from app.schema.nodes import FulfilmentNodeType
from app.schema.relay import Node
from app.schema.routes import RouteType
from app.schema.scalars import MoneyType, money
from app.schema.shipments import ShipmentType
from app.schema.vehicles import VehicleType

MOST_CHANGED = 1_000
PlanStateEnum = strawberry.enum(PlanState, description="Whether it is driven.")


@strawberry.type(name="PlanQuality")
class PlanQualityType:
    """How the plan was found. `bound`: a proved lower bound of the cost, null where there is none."""

    solver: str
    seconds: float
    iterations: int | None
    bound: MoneyType | None


@strawberry.type(name="UnassignedShipment")
class UnassignedShipmentType:
    """A shipment that is on no route, and why. `refusedBy`: the first rule that keeps it off its best vehicle."""

    given: strawberry.Private[Json]
    code: str
    detail: str
    refused_by: str | None
    ruled_out: list[RuledOutType]
    cheapest_relaxation: RelaxationType | None

    @strawberry.field
    async def shipment(self, info: Info) -> ShipmentType | None:
        """The shipment."""
        row = await info.context.load(shipments.by_ids, uuid.UUID(self.given["shipmentId"]))
        return None if row is None else ShipmentType.of(row)

    @strawberry.field
    async def vehicle(self, info: Info) -> VehicleType | None:
        """The vehicle that would serve it for least if no rule held; null where none was looked for."""
        if self.given.get("vehicleId") is None:
            return None
        row = await info.context.load(routes.vehicles, uuid.UUID(self.given["vehicleId"]))
        return None if row is None else VehicleType.of(row)


@strawberry.type(name="PlanLateness")
class LatenessType:
    """Visits that are planned to begin after their window: how many, by how much together, and at most."""

    stops: int
    total_seconds: int
    worst_seconds: int

    @staticmethod
    def of(row: Totals) -> "LatenessType":
        """The GraphQL form."""
        return LatenessType(stops=row.late_stops, total_seconds=row.late_seconds, worst_seconds=row.worst_late_seconds)


@strawberry.type(name="Plan")
class PlanType(Node):
    """A draft until it is published. Its figures are those of its routes as they are now."""

    row: strawberry.Private[Plan]
    date: datetime.date
    state: PlanState
    version: int
    published_at: datetime.datetime | None

    @strawberry.field
    async def cost(self, info: Info) -> MoneyType | None:
        """What the routes cost: vehicles, metres, hours and overtime; what wishes weigh is not in it."""
        return money((await self._totals(info)).cost_minor, self.row.currency)

    @strawberry.field
    async def distance_metres(self, info: Info) -> int:
        """Of all routes."""
        return (await self._totals(info)).distance_metres

    @strawberry.field
    async def duration_seconds(self, info: Info) -> int:
        """Of all routes, from departure to return."""
        return (await self._totals(info)).duration_seconds

    @strawberry.field
    async def lateness(self, info: Info) -> LatenessType:
        """How late the plan is, where the policy lets it be late at a price."""
        return LatenessType.of(await self._totals(info))

    async def _totals(self, info: Info) -> Totals:
        return await info.context.load(totals.of_plans, self.row.id) or Totals()

    @strawberry.field
    def quality(self) -> PlanQualityType:
        """How the plan was found."""
        return PlanQualityType(
            solver=self.row.solver,
            seconds=self.row.solve_seconds,
            iterations=self.row.iterations,
            bound=money(self.row.bound_minor, self.row.currency),
        )

    @strawberry.field
    async def node(self, info: Info) -> FulfilmentNodeType | None:
        """Where the routes start and end."""
        if self.row.node_id is None:
            return None
        row = await info.context.load(nodes.by_ids, self.row.node_id)
        return None if row is None else FulfilmentNodeType.of(row)

    @strawberry.field
    async def routes(self, info: Info) -> list[RouteType]:
        """The routes, by reference."""
        return [RouteType.of(row) for row in await info.context.load(routes.of_plans, self.row.id) or []]

    @strawberry.field
    def unassigned(self) -> list[UnassignedShipmentType]:
        """What is on no route, and why."""
        return [
            UnassignedShipmentType(
                given=given,
                code=given["code"],
                detail=given["detail"],
                refused_by=given.get("refusedBy"),
                ruled_out=ruled_out(given),
                cheapest_relaxation=relaxation(given.get("cheapestRelaxation"), currency=self.row.currency),
            )
            for given in self.row.unassigned
        ]

    @staticmethod
    def of(row: Plan) -> "PlanType":
        """The GraphQL form of a plan."""
        return PlanType(
            id=strawberry.ID(to_global("Plan", row.id)),
            row=row,
            date=row.date,
            state=row.state,
            version=row.version,
            published_at=row.published_at,
        )


StopChangeEnum = strawberry.enum(StopChange, description="How an order is brought otherwise.")


@strawberry.type(name="PlanFigures")
class PlanFiguresType:
    """What a plan comes to: its routes as they are now."""

    row: strawberry.Private[Figures]
    currency: strawberry.Private[str]
    distance_metres: int
    duration_seconds: int
    vehicles: int
    stops: int
    unassigned: int

    @strawberry.field
    def cost(self) -> MoneyType | None:
        """What the routes cost."""
        return money(self.row.totals.cost_minor, self.currency)

    @strawberry.field
    def lateness(self) -> LatenessType:
        """How late the plan is."""
        return LatenessType.of(self.row.totals)

    @staticmethod
    def of(row: Figures, *, currency: str) -> "PlanFiguresType":
        """The GraphQL form."""
        return PlanFiguresType(
            row=row,
            currency=currency,
            distance_metres=row.totals.distance_metres,
            duration_seconds=row.totals.duration_seconds,
            vehicles=row.vehicles,
            stops=row.stops,
            unassigned=row.unassigned,
        )


@strawberry.type(name="PlannedPlace")
class PlannedPlaceType:
    """Where an order is on a plan."""

    vehicle: str
    sequence: int
    planned_arrival: datetime.datetime

    @staticmethod
    def of(row: Place | None) -> "PlannedPlaceType | None":
        """The GraphQL form; null where it is on none."""
        if row is None:
            return None
        return PlannedPlaceType(vehicle=row.vehicle, sequence=row.sequence, planned_arrival=row.planned_arrival)


@strawberry.type(name="ChangedStop")
class ChangedStopType:
    """An order that two plans bring otherwise."""

    order: str
    change: StopChange
    before: PlannedPlaceType | None
    after: PlannedPlaceType | None


@strawberry.type(name="PlanComparison")
class PlanComparisonType:
    """Two plans side by side. `changed` holds at most 1000 orders, by reference; `changedCount` counts them all."""

    first: PlanFiguresType
    second: PlanFiguresType
    changed_count: int
    changed: list[ChangedStopType]

    @staticmethod
    def of(row: Comparison) -> "PlanComparisonType":
        """The GraphQL form."""
        first, second = row.figures
        return PlanComparisonType(
            first=PlanFiguresType.of(first, currency=row.first.currency),
            second=PlanFiguresType.of(second, currency=row.second.currency),
            changed_count=len(row.changed),
            changed=[
                ChangedStopType(
                    order=each.order,
                    change=each.change,
                    before=PlannedPlaceType.of(each.before),
                    after=PlannedPlaceType.of(each.after),
                )
                for each in row.changed[:MOST_CHANGED]
            ],
        )


@strawberry.input
class PublishPlanInput:
    """`expectedVersion` refuses a plan that changed since it was read."""

    plan_id: strawberry.ID
    expected_version: int
    idempotency_key: str | None = None


@strawberry.type
class PublishPlanPayload:
    """The plan as it is now."""

    plan: PlanType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)


@strawberry.input
class ReassignStopInput:
    """`position`: among the stops that are still before the driver, 1 is the next; without it, where it costs least.

    `expectedVersion`, of the route that the stop is on, refuses what changed since it was read.
    """

    stop_id: strawberry.ID
    to_route_id: strawberry.ID
    position: int | None = None
    expected_version: int
    idempotency_key: str | None = None


@strawberry.type
class ReassignStopPayload:
    """The routes that changed, as they are now: the one that the stop was on first."""

    routes: list[RouteType] = strawberry.field(default_factory=list)
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
