"""Plans: one node's routes of one day, as one answer of the solver."""

import datetime
import uuid

import strawberry

from app.core.ids import to_global
from app.models import Plan, PlanState
from app.models.base import Json
from app.orchestration.nodes import queries as nodes
from app.orchestration.routes import queries as routes
from app.orchestration.shipments import queries as shipments
from app.schema.context import Info
from app.schema.decisions import RelaxationType, relaxation
from app.schema.errors import UserErrorType
from app.schema.nodes import FulfilmentNodeType
from app.schema.relay import Node
from app.schema.routes import RouteType
from app.schema.scalars import MoneyType, money
from app.schema.shipments import ShipmentType

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
    """A shipment that is on no route, and why."""

    given: strawberry.Private[Json]
    code: str
    detail: str
    cheapest_relaxation: RelaxationType | None

    @strawberry.field
    async def shipment(self, info: Info) -> ShipmentType | None:
        """The shipment."""
        row = await info.context.load(shipments.by_ids, uuid.UUID(self.given["shipmentId"]))
        return None if row is None else ShipmentType.of(row)


@strawberry.type(name="Plan")
class PlanType(Node):
    """A draft until it is published."""

    row: strawberry.Private[Plan]
    date: datetime.date
    state: PlanState
    version: int
    distance_metres: int
    duration_seconds: int
    published_at: datetime.datetime | None

    @strawberry.field
    def cost(self) -> MoneyType | None:
        """What the routes cost."""
        return money(self.row.cost_minor, self.row.currency)

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
            distance_metres=row.distance_metres,
            duration_seconds=row.duration_seconds,
            published_at=row.published_at,
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
