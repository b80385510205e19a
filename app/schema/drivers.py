"""Drivers, as staff, their carrier and they themselves see them."""

import strawberry

from app.core.ids import to_global
from app.models import Driver
from app.orchestration.routes import queries as routes
from app.schema.context import Info
from app.schema.relay import Node
from app.schema.routes import RouteType


@strawberry.type(name="Driver", description="Who drives.")
class DriverType(Node):
    """A driver."""

    row: strawberry.Private[Driver]
    name: str
    reference: str

    @strawberry.field
    async def current_route(self, info: Info) -> RouteType | None:
        """The route under way, or else the next to start; null where there is none."""
        row = await info.context.load(routes.current_of_drivers, self.row.id)
        return None if row is None else RouteType.of(row)

    @staticmethod
    def of(row: Driver) -> "DriverType":
        """The GraphQL form of a driver."""
        return DriverType(
            id=strawberry.ID(to_global("Driver", row.id)), row=row, name=row.name, reference=row.reference
        )
