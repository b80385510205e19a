"""Orders as shops send them. Names that a row gets wrong are refused per row, so they come in as text."""

import strawberry

from app.core.geo import Point
from app.models import OrderKind
from app.orchestration.orders.drafts import (
    AddressDraft,
    CashDraft,
    LineDraft,
    OrderDraft,
    RecipientDraft,
    WindowDraft,
)
from app.orchestration.rows import ErrorPolicy
from app.schema.scalars import LocationInput, MoneyInput, WindowInput


@strawberry.input
class RecipientInput:
    """Who takes the goods, and how to reach them: `channels` are SMS, WHATSAPP, EMAIL or IN_APP."""

    name: str
    phone: str | None = None
    email: str | None = None
    locale: str | None = None
    channels: list[str] | None = None

    def to_draft(self) -> RecipientDraft:
        """The input for the operation."""
        return RecipientDraft(
            name=self.name, phone=self.phone, email=self.email, locale=self.locale, channels=self.channels
        )


@strawberry.input
class AddressInput:
    """Where to. The location is required for now: addresses are not geocoded yet."""

    line1: str
    line2: str | None = None
    city: str
    region: str | None = None
    postal_code: str | None = None
    country: str
    location: LocationInput | None = None
    instructions: str | None = None

    def to_draft(self) -> AddressDraft:
        """The input for the operation."""
        place = self.location
        return AddressDraft(
            line1=self.line1,
            line2=self.line2,
            city=self.city,
            region=self.region,
            postal_code=self.postal_code,
            country=self.country,
            location=Point(latitude=place.latitude, longitude=place.longitude) if place else None,
            instructions=self.instructions,
        )


@strawberry.input
class OrderLineInput:
    """So many of one sku. Weight and volume are of one piece; the product's where they are left out."""

    sku: str
    quantity: int
    weight_kg: float | None = None
    volume_l: float | None = None

    def to_draft(self) -> LineDraft:
        """The input for the operation."""
        return LineDraft(sku=self.sku, quantity=self.quantity, weight_kg=self.weight_kg, volume_l=self.volume_l)


@strawberry.input
class MetadataInput:
    """Something of the shop's own to find again."""

    key: str
    value: str


@strawberry.input
class OrderInput:
    """An order, found again by its reference. What is left out takes its default; `priority` is 0 to 100.

    `proofRequirements` are SIGNATURE, PHOTO, PIN, BARCODE, AGE_CHECK, CASH or DOCUMENT.
    """

    reference: str
    service_level: str | None = None
    recipient: RecipientInput
    address: AddressInput
    lines: list[OrderLineInput]
    requested_window: WindowInput | None = None
    hold_id: strawberry.ID | None = None
    kind: OrderKind | None = None
    priority: int | None = None
    required_skills: list[str] | None = None
    proof_requirements: list[str] | None = None
    cash_to_collect: MoneyInput | None = None
    service_seconds: int | None = None
    metadata: list[MetadataInput] | None = None

    def to_draft(self) -> OrderDraft:
        """The input for the operation."""
        window, cash = self.requested_window, self.cash_to_collect
        return OrderDraft(
            reference=self.reference,
            service_level=self.service_level,
            recipient=self.recipient.to_draft(),
            address=self.address.to_draft(),
            lines=[line.to_draft() for line in self.lines],
            requested_window=WindowDraft(start=window.start, end=window.end) if window else None,
            hold_id=self.hold_id,
            kind=self.kind or OrderKind.DELIVERY,
            priority=self.priority or 0,
            required_skills=self.required_skills or [],
            proof_requirements=self.proof_requirements or [],
            cash_to_collect=CashDraft(amount=cash.amount, currency=cash.currency) if cash else None,
            service_seconds=self.service_seconds,
            metadata=[(entry.key, entry.value) for entry in self.metadata or []],
        )


@strawberry.input
class UpsertOrdersInput:
    """At most 1000 orders. One bad row refuses the call, or only itself, as `errorPolicy` says."""

    orders: list[OrderInput]
    error_policy: ErrorPolicy = ErrorPolicy.REJECT_EVERYTHING
    idempotency_key: str | None = None


@strawberry.input
class CancelOrderInput:
    """The order by `reference` or by `orderId`, one of them, and why."""

    reference: str | None = None
    order_id: strawberry.ID | None = None
    reason: str
    idempotency_key: str | None = None
