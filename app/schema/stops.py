"""Stops: one visit on a route."""

from datetime import datetime

import strawberry

from app.core.ids import to_global
from app.models import FailureReason, Handover, ProofKind, Stop, StopKind, StopOutcome, StopState
from app.orchestration.orders import queries as orders
from app.orchestration.proofs import queries as proofs
from app.orchestration.shipments import queries as shipments
from app.orchestration.stops import queries
from app.schema.addresses import AddressType
from app.schema.context import Info
from app.schema.orders import RecipientType
from app.schema.proofs import ProofType
from app.schema.relay import Node
from app.schema.scalars import WindowType, window
from app.schema.shipments import EtaType, ShipmentType

StopKindEnum = strawberry.enum(StopKind, description="What is done there.")
StopStateEnum = strawberry.enum(StopState, description="How far the visit is.")
StopOutcomeEnum = strawberry.enum(StopOutcome, description="How the visit ended.")
HandoverEnum = strawberry.enum(Handover, description="Who or what took the goods.")


@strawberry.type(name="Stop", description="One visit on a route.")
class StopType(Node):
    """A stop."""

    row: strawberry.Private[Stop]
    sequence: int
    kind: StopKind
    state: StopState
    outcome: StopOutcome | None
    reason: FailureReason | None
    planned_arrival: datetime
    service_seconds: int
    arrived_at: datetime | None
    departed_at: datetime | None
    handover: Handover | None
    received_by: str | None
    note: str | None

    @strawberry.field
    def window(self) -> WindowType | None:
        """When it may be visited."""
        return window(self.row.window_start, self.row.window_end)

    @strawberry.field
    def eta(self) -> EtaType | None:
        """When it will be reached; once the van is there, what was last expected."""
        return EtaType.of(self.row)

    @strawberry.field
    async def address(self, info: Info) -> AddressType | None:
        """Where it is."""
        order = await info.context.load(orders.by_ids, self.row.order_id)
        return None if order is None else AddressType.of_order(order)

    @strawberry.field
    async def recipient(self, info: Info) -> RecipientType | None:
        """Who takes the goods."""
        order = await info.context.load(orders.by_ids, self.row.order_id)
        return None if order is None else RecipientType.of(order)

    @strawberry.field
    async def shipments(self, info: Info) -> list[ShipmentType]:
        """The goods that it is about."""
        rows = await info.context.load(shipments.of_stops, self.row.id)
        return [ShipmentType.of(row) for row in rows or []]

    @strawberry.field
    async def proofs(self, info: Info) -> list[ProofType]:
        """What was captured there, oldest first."""
        rows = await info.context.load(proofs.of_stops, self.row.id)
        return [ProofType.of(row) for row in rows or []]

    @strawberry.field
    async def proof_requirements(self, info: Info) -> list[ProofKind]:
        """The proofs without which a delivery is refused. CASH is one while an amount is due."""
        order = await info.context.load(orders.by_ids, self.row.order_id)
        if order is None:
            return []
        due = await info.context.load(queries.cash_due, order.id)
        return queries.requirements(order, due_minor=due)

    @strawberry.field
    def navigation_url(self) -> str:
        """Opens the way there in the device's own map (RFC 5870)."""
        place = f"{self.row.latitude:.6f},{self.row.longitude:.6f}"
        return f"geo:{place}?q={place}"

    @staticmethod
    def of(row: Stop) -> "StopType":
        """The GraphQL form of a stop."""
        return StopType(
            id=strawberry.ID(to_global("Stop", row.id)),
            row=row,
            sequence=row.sequence,
            kind=row.kind,
            state=row.state,
            outcome=row.outcome,
            reason=row.reason,
            planned_arrival=row.planned_arrival,
            service_seconds=row.service_seconds,
            arrived_at=row.arrived_at,
            departed_at=row.departed_at,
            handover=row.handover,
            received_by=row.received_by,
            note=row.note,
        )
