"""Stock: levels, counts, movements, and deliveries to nodes."""

from datetime import date, datetime

import strawberry

from app.core.ids import to_global
from app.models import InboundDelivery, InventoryLevel
from app.orchestration.inventory import queries
from app.orchestration.inventory.arrivals import ArrivalRow, ExpectedRow
from app.orchestration.inventory.policies import available
from app.orchestration.inventory.stocktaking import CountRow, MovementRow
from app.orchestration.nodes import queries as nodes
from app.orchestration.rows import RowOutcome
from app.schema.context import Info
from app.schema.errors import UserErrorType
from app.schema.nodes import FulfilmentNodeType
from app.schema.relay import Node


@strawberry.type(name="InboundDelivery", description="So many of an sku that a node still expects on a local day.")
class InboundDeliveryType:
    """A delivery to a node; `reserved` of it is promised to orders, `arrived` has come before."""

    reference: str
    expected_on: date
    quantity: int
    reserved: int
    arrived: int

    @staticmethod
    def of(row: InboundDelivery) -> "InboundDeliveryType":
        """The GraphQL form of a delivery."""
        return InboundDeliveryType(
            reference=row.reference,
            expected_on=row.expected_on,
            quantity=row.quantity,
            reserved=row.reserved,
            arrived=row.arrived,
        )


@strawberry.type(
    name="InventoryLevel",
    description=(
        "How many of an sku a node has; available is on hand less reserved. In transit is what carriers have on their"
        " trucks, to doors or back; inbound is what deliveries are still to bring to the node."
    ),
)
class InventoryLevelType(Node):
    """The level of an sku at a node."""

    row: strawberry.Private[InventoryLevel]
    sku: str
    on_hand: int
    reserved: int
    available: int
    in_transit: int
    inbound: int
    inbound_reserved: int
    counted_at: datetime | None

    @strawberry.field
    async def node(self, info: Info) -> FulfilmentNodeType | None:
        """Where."""
        row = await info.context.load(nodes.by_ids, self.row.node_id)
        return None if row is None else FulfilmentNodeType.of(row)

    @strawberry.field
    async def deliveries(self, info: Info) -> list[InboundDeliveryType]:
        """What is still to come in, the next first."""
        found = await info.context.load(queries.deliveries_of, (self.row.node_id, self.row.sku))
        return [InboundDeliveryType.of(row) for row in found or []]

    @staticmethod
    def of(row: InventoryLevel) -> "InventoryLevelType":
        """The GraphQL form of a level."""
        return InventoryLevelType(
            id=strawberry.ID(to_global("InventoryLevel", row.id)),
            row=row,
            sku=row.sku,
            on_hand=row.on_hand,
            reserved=row.reserved,
            available=available(row),
            in_transit=row.in_transit,
            inbound=row.inbound,
            inbound_reserved=row.inbound_reserved,
            counted_at=row.counted_at,
        )


@strawberry.input
class InventoryLevelInput:
    """So many were counted at `node` (a reference) as of then."""

    node: str
    sku: str
    on_hand: int
    as_of: datetime

    def to_row(self) -> CountRow:
        """The input for the operation."""
        return CountRow(node=self.node, sku=self.sku, on_hand=self.on_hand, as_of=self.as_of)


@strawberry.input
class SetInventoryInput:
    """A stock count: at most 1000 levels. An sku that is new also becomes a product."""

    levels: list[InventoryLevelInput]
    idempotency_key: str | None = None


@strawberry.input
class InventoryMovementInput:
    """So many came in (above zero) or went out (below) at `node` (a reference).

    `reason` is RECEIPT, ADJUSTMENT, RETURN, LOSS or TRANSFER; any other text is kept beside ADJUSTMENT.
    """

    node: str
    sku: str
    delta: int
    reason: str
    expected_on_hand: int | None = None

    def to_row(self) -> MovementRow:
        """The input for the operation."""
        return MovementRow(
            node=self.node,
            sku=self.sku,
            delta=self.delta,
            reason=self.reason,
            expected_on_hand=self.expected_on_hand,
        )


@strawberry.input
class MoveInventoryInput:
    """Movements in their order: at most 1000."""

    movements: list[InventoryMovementInput]
    idempotency_key: str | None = None


@strawberry.input
class ExpectedDeliveryInput:
    """So many are still to come to `node` (a reference) on a local day; 0: nothing more comes.

    `reference` is the supplier's or the warehouse's, and finds the delivery again.
    """

    node: str
    sku: str
    reference: str
    quantity: int
    expected_on: date

    def to_row(self) -> ExpectedRow:
        """The input for the operation."""
        return ExpectedRow(
            node=self.node,
            sku=self.sku,
            reference=self.reference,
            quantity=self.quantity,
            expected_on=self.expected_on,
        )


@strawberry.input
class ExpectInventoryInput:
    """Deliveries to nodes: at most 1000."""

    deliveries: list[ExpectedDeliveryInput]
    idempotency_key: str | None = None


@strawberry.input
class ArrivalInput:
    """So many of a delivery have come."""

    node: str
    sku: str
    reference: str
    quantity: int

    def to_row(self) -> ArrivalRow:
        """The input for the operation."""
        return ArrivalRow(node=self.node, sku=self.sku, reference=self.reference, quantity=self.quantity)


@strawberry.input
class ReceiveInventoryInput:
    """Arrivals: at most 1000."""

    arrivals: list[ArrivalInput]
    idempotency_key: str | None = None


@strawberry.type(name="InventoryResult", description="What became of one row; level is null where it was refused.")
class InventoryResultType:
    """One row's outcome."""

    index: int
    outcome: RowOutcome
    level: InventoryLevelType | None
    errors: list[UserErrorType]


@strawberry.type(description="What became of each row. userErrors refuse the call as a whole.")
class InventoryPayload:
    """The outcome of a count or of movements."""

    results: list[InventoryResultType] = strawberry.field(default_factory=list)
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
