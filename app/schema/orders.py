"""Orders: the promise to a customer."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.auth.principals import STAFF, PrincipalKind
from app.auth.tokens import tracking_token
from app.core.ids import to_global
from app.models import Channel, Order, OrderKind, OrderLine, OrderState, ProofKind
from app.orchestration.allocations import queries as allocations
from app.orchestration.decisions import queries as decisions
from app.orchestration.events import queries as events
from app.orchestration.orders import queries
from app.orchestration.orders.queries import OrderCriteria
from app.orchestration.rows import RowOutcome
from app.orchestration.shipments import queries as shipments
from app.schema.addresses import AddressType
from app.schema.allocations import AllocationType
from app.schema.context import Info
from app.schema.decisions import DecisionType, UnassignedType
from app.schema.errors import UserErrorType
from app.schema.events import EventType
from app.schema.relay import Node
from app.schema.rows import RowOutcomeEnum  # noqa: F401  # an enum is described before a type names it
from app.schema.scalars import MoneyType, WindowType, money, window

OrderKindEnum = strawberry.enum(OrderKind, description="Which way the goods go.")
OrderKindEnum = strawberry.enum(OrderKind, description="Which way the goods go.")
OrderStateEnum = strawberry.enum(OrderState, description="How far the promise is kept.")
ChannelEnum = strawberry.enum(Channel, description="A way to reach a person.")
ProofKindEnum = strawberry.enum(ProofKind, description="What can show that it happened.")

if TYPE_CHECKING:
    from app.schema.shipments import ShipmentType

Shipped = Annotated["ShipmentType", strawberry.lazy("app.schema.shipments")]

# Whoever has the link is the customer, so drivers and carriers do not see it.
SEEING_LINK = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.CUSTOMER}


@strawberry.type(name="Recipient", description="Who takes the goods.")
class RecipientType:
    """A person and how to reach them."""

    name: str
    phone: str | None
    email: str | None
    locale: str
    channels: list[Channel]

    @staticmethod
    def of(row: Order) -> "RecipientType":
        """The recipient of an order."""
        return RecipientType(
            name=row.recipient_name,
            phone=row.recipient_phone,
            email=row.recipient_email,
            locale=row.locale,
            channels=[Channel(channel) for channel in row.channels],
        )


@strawberry.type(name="OrderLine", description="So many of one sku. Weight and volume are of one piece.")
class OrderLineType:
    """One line of an order."""

    sku: str
    description: str | None
    quantity: int
    delivered_quantity: int
    weight_kg: float
    volume_l: float

    @staticmethod
    def of(row: OrderLine) -> "OrderLineType":
        """The GraphQL form of a line."""
        return OrderLineType(
            sku=row.sku,
            description=row.description,
            quantity=row.quantity,
            delivered_quantity=row.delivered_quantity,
            weight_kg=row.weight_kg,
            volume_l=row.volume_l,
        )


@strawberry.type(name="Metadata", description="Something of the shop's own.")
class MetadataType:
    """A key and a value."""

    key: str
    value: str


@strawberry.type(name="Order", description="The promise to a customer.")
class OrderType(Node):
    """An order."""

    row: strawberry.Private[Order]
    reference: str
    kind: OrderKind
    state: OrderState
    service_level: str
    created_at: datetime
    updated_at: datetime
    priority: int
    required_skills: list[str]
    proof_requirements: list[ProofKind]
    cancel_reason: str | None

    @strawberry.field
    def promised_window(self) -> WindowType | None:
        """When the customer was told that it comes."""
        return window(self.row.promised_start, self.row.promised_end)

    @strawberry.field
    def requested_window(self) -> WindowType | None:
        """When the customer asked for it; null where they did not."""
        return window(self.row.requested_start, self.row.requested_end)

    @strawberry.field
    def recipient(self) -> RecipientType:
        """Who takes the goods."""
        return RecipientType.of(self.row)

    @strawberry.field
    def address(self) -> AddressType:
        """Where to."""
        return AddressType.of_order(self.row)

    @strawberry.field
    def cash_to_collect(self) -> MoneyType | None:
        """What the driver takes at the door."""
        return money(self.row.cash_minor, self.row.currency)

    @strawberry.field
    def metadata(self) -> list[MetadataType]:
        """What the shop sent to find again."""
        return [MetadataType(key=entry["key"], value=entry["value"]) for entry in self.row.attributes]

    @strawberry.field
    def tracking_url(self, info: Info) -> str | None:
        """The customer's page. Whoever has it may act for the customer; null for drivers and carriers."""
        if info.context.principal.kind not in SEEING_LINK:
            return None
        settings = info.context.settings
        token = tracking_token(settings.secret_key.get_secret_value(), self.row.id)
        return f"{settings.public_url.rstrip('/')}/track/{token}"

    @strawberry.field
    async def lines(self, info: Info) -> list[OrderLineType]:
        """What was ordered, by sku."""
        rows = await info.context.load(queries.lines_of, self.row.id)
        return [OrderLineType.of(row) for row in rows or []]

    @strawberry.field
    async def allocations(self, info: Info) -> list[AllocationType]:
        """What its lines were bound to, oldest first."""
        rows = await info.context.load(allocations.of_orders, self.row.id)
        return [AllocationType.of(row) for row in rows or []]

    @strawberry.field
    async def shipments(self, info: Info) -> list[Shipped]:
        """The goods on their way, oldest first."""
        from app.schema.shipments import ShipmentType as Shipment  # the two files name each other

        rows = await info.context.load(shipments.of_orders, self.row.id)
        return [Shipment.of(row) for row in rows or []]

    @strawberry.field
    async def decisions(self, info: Info) -> list[DecisionType]:
        """What was chosen for it automatically, and why. For staff and integrations."""
        rows = await info.context.load(decisions.of_orders, self.row.id)
        return [DecisionType.of(row) for row in rows or []]

    @strawberry.field
    def unassigned(self) -> UnassignedType | None:
        """Why it is not served yet; null where it is."""
        return UnassignedType.of(self.row.unassigned, currency=self.row.currency)

    @strawberry.field
    async def timeline(self, info: Info) -> list[EventType]:
        """What happened, oldest first. For staff and integrations."""
        rows = await info.context.load(events.timelines, self.row.id)
        return [EventType.of(row) for row in rows or []]

    @staticmethod
    def of(row: Order) -> "OrderType":
        """The GraphQL form of an order."""
        return OrderType(
            id=strawberry.ID(to_global("Order", row.id)),
            row=row,
            reference=row.reference,
            kind=row.kind,
            state=row.state,
            service_level=row.service_level,
            created_at=row.created_at,
            updated_at=row.updated_at,
            priority=row.priority,
            required_skills=row.required_skills,
            proof_requirements=[ProofKind(kind) for kind in row.proof_requirements],
            cancel_reason=row.cancel_reason,
        )


@strawberry.input
class OrderFilter:
    """What is left out narrows nothing. `node` and `carrier` are references; `search` reads what a dispatcher types."""

    states: list[OrderState] | None = None
    node: str | None = None
    carrier: str | None = None
    window_from: datetime | None = None
    window_to: datetime | None = None
    reference_prefix: str | None = None
    search: str | None = None

    def to_criteria(self) -> OrderCriteria:
        """The filter for the query."""
        return OrderCriteria(
            states=self.states or (),
            node=self.node,
            carrier=self.carrier,
            window_from=self.window_from,
            window_to=self.window_to,
            reference_prefix=self.reference_prefix,
            search=self.search,
        )


@strawberry.type(name="UpsertOrderResult", description="What became of one row; order is null where it was rejected.")
class UpsertOrderResultType:
    """One row's outcome."""

    index: int
    order: OrderType | None
    outcome: RowOutcome
    errors: list[UserErrorType]


@strawberry.type
class UpsertOrdersPayload:
    """What became of each row."""

    results: list[UpsertOrderResultType] = strawberry.field(default_factory=list)
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)


@strawberry.type
class CancelOrderPayload:
    """The order as it is now."""

    order: OrderType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
