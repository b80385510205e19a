"""Fulfilment nodes: where goods leave from."""

import strawberry

from app.core.geo import Point
from app.core.ids import to_global
from app.models import FulfilmentNode, NodeKind
from app.orchestration.nodes.operations import NodeRow
from app.schema.addresses import AddressType
from app.schema.relay import Node
from app.schema.scalars import LocationInput

NodeKindEnum = strawberry.enum(NodeKind, description="What a node is.")


@strawberry.type(name="FulfilmentNode", description="A warehouse, dark store, shop or hub.")
class FulfilmentNodeType(Node):
    """A place that goods leave from."""

    row: strawberry.Private[FulfilmentNode]
    reference: str
    name: str
    kind: NodeKind
    address: AddressType
    time_zone: str
    opens_minute: int = strawberry.field(description="Minutes after local midnight.")
    closes_minute: int = strawberry.field(description="Minutes after local midnight; 1440 is the next midnight.")
    cutoff_minute: int = strawberry.field(description="Until when, after local midnight, an order still leaves today.")
    is_active: bool

    @staticmethod
    def of(row: FulfilmentNode) -> "FulfilmentNodeType":
        """The GraphQL form of a node."""
        return FulfilmentNodeType(
            id=strawberry.ID(to_global("FulfilmentNode", row.id)),
            row=row,
            reference=row.reference,
            name=row.name,
            kind=row.kind,
            address=AddressType.of_node(row),
            time_zone=row.time_zone,
            opens_minute=row.opens_minute,
            closes_minute=row.closes_minute,
            cutoff_minute=row.cutoff_minute,
            is_active=row.is_active,
        )


@strawberry.input
class NodeInput:
    """A node, found again by its reference. Minutes count from local midnight; amounts are minor units."""

    reference: str
    name: str
    kind: NodeKind = NodeKind.WAREHOUSE
    line1: str
    city: str
    postal_code: str | None = None
    country: str
    location: LocationInput
    time_zone: str
    opens_minute: int = 0
    closes_minute: int = 1440
    cutoff_minute: int = 1440
    throughput_per_hour: int = 100
    handling_minor: int = 0
    is_active: bool = True

    def to_row(self) -> NodeRow:
        """The input for the operation."""
        values = {name: value for name, value in vars(self).items() if name != "location"}
        place = Point(latitude=self.location.latitude, longitude=self.location.longitude)
        return NodeRow(**values, latitude=place.latitude, longitude=place.longitude)


@strawberry.input
class UpsertNodesInput:
    """At most 1000 nodes."""

    nodes: list[NodeInput]
    idempotency_key: str | None = None
