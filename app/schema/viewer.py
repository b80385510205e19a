"""Who asks, and what belongs to them."""

import strawberry

from app.auth.principals import Principal, PrincipalKind
from app.orchestration.carriers import queries as carriers
from app.orchestration.drivers import queries as drivers
from app.schema.carriers import CarrierType
from app.schema.context import Info
from app.schema.drivers import DriverType

PrincipalKindEnum = strawberry.enum(PrincipalKind, description="The kinds of caller.")


@strawberry.type(name="Viewer", description="Who asks.")
class ViewerType:
    """A caller."""

    principal: strawberry.Private[Principal]
    kind: PrincipalKind
    name: str

    @strawberry.field
    async def driver(self, info: Info) -> DriverType | None:
        """The driver who asks; null for other callers, and in the answer to signIn."""
        if self.principal.driver_id is None:
            return None
        row = await info.context.load(drivers.by_ids, self.principal.driver_id)
        return None if row is None else DriverType.of(row)

    @strawberry.field
    async def carrier(self, info: Info) -> CarrierType | None:
        """The carrier that asks, or whose user asks; null for other callers, and in the answer to signIn."""
        if self.principal.carrier_id is None:
            return None
        row = await info.context.load(carriers.by_ids, self.principal.carrier_id)
        return None if row is None else CarrierType.of(row)

    @staticmethod
    def of(principal: Principal) -> "ViewerType":
        """The GraphQL form of a principal."""
        return ViewerType(principal=principal, kind=principal.kind, name=principal.name)
