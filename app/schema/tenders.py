"""Tenders: shipments offered to carriers."""

from datetime import datetime

import strawberry

from app.core.ids import to_global
from app.models import Tender, TenderState
from app.orchestration.shipments import queries as shipments
from app.schema.context import Info
from app.schema.errors import UserErrorType
from app.schema.relay import Node
from app.schema.scalars import MoneyInput, MoneyType, money
from app.schema.shipments import ShipmentType

TenderStateEnum = strawberry.enum(TenderState, description="What the carrier said.")


@strawberry.type(name="Tender")
class TenderType(Node):
    """One offer to one carrier."""

    row: strawberry.Private[Tender]
    state: TenderState
    offered_at: datetime | None
    respond_by: datetime | None
    responded_at: datetime | None
    reason: str | None

    @strawberry.field
    def price(self) -> MoneyType | None:
        """What is offered for the carriage."""
        return money(self.row.price_minor, self.row.currency)

    @strawberry.field
    async def shipment(self, info: Info) -> ShipmentType | None:
        """What is to be carried."""
        row = await info.context.load(shipments.by_ids, self.row.shipment_id)
        return None if row is None else ShipmentType.of(row)

    @staticmethod
    def of(row: Tender) -> "TenderType":
        """The GraphQL form of a tender."""
        return TenderType(
            id=strawberry.ID(to_global("Tender", row.id)),
            row=row,
            state=row.state,
            offered_at=row.offered_at,
            respond_by=row.respond_by,
            responded_at=row.responded_at,
            reason=row.reason,
        )


@strawberry.input
class TenderFilter:
    """What is left out narrows nothing."""

    state: TenderState | None = None


@strawberry.input
class AcceptTenderInput:
    """`carrierTrackingNumber` is the carrier's own number of the shipment."""

    tender_id: strawberry.ID
    carrier_tracking_number: str | None = None
    idempotency_key: str | None = None


@strawberry.input
class RejectTenderInput:
    """`counterPrice` is what the carrier would have done it for."""

    tender_id: strawberry.ID
    reason: str
    counter_price: MoneyInput | None = None
    idempotency_key: str | None = None


@strawberry.type
class TenderPayload:
    """The tender as it is now."""

    tender: TenderType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
