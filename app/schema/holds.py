"""The checkout: windows that can be offered, and those that are held."""

from datetime import date, datetime

import strawberry

from app.core.ids import to_global
from app.models import Hold, HoldState
from app.orchestration.holds.offers import Offer, Offers, Unavailable, Wish
from app.orchestration.holds.policies import UnavailableReason
from app.schema.errors import UserErrorType
from app.schema.order_inputs import AddressInput, OrderLineInput
from app.schema.relay import Node
from app.schema.scalars import MoneyType, WindowType, money

HoldStateEnum = strawberry.enum(HoldState, description="Whether it is kept.")
UnavailableReasonEnum = strawberry.enum(UnavailableReason, description="Why nothing can be offered on a day.")


@strawberry.input
class DeliveryOffersInput:
    """What is to be delivered where, and for which local days: `days` (1 to 14) of them, `from` the first.

    `serviceLevel` is the policy's where it is left out; `requiredSkills` adds to what the goods need themselves.
    """

    address: AddressInput
    lines: list[OrderLineInput]
    from_: date = strawberry.field(name="from")
    days: int
    service_level: str | None = None
    required_skills: list[str] | None = None

    def to_wish(self) -> Wish:
        """The input for the query."""
        return Wish(
            address=self.address.to_draft(),
            lines=[line.to_draft() for line in self.lines],
            first=self.from_,
            days=self.days,
            service_level=self.service_level,
            required_skills=self.required_skills or [],
        )


@strawberry.type
class DeliveryOffer:
    """A window that could be kept now. Its price is what serving it costs by the rules that allocation decides by.

    `isGreen`: nothing that is offered emits less, and something emits more. `remaining`: how many such baskets the best
    way to serve it could still take. Until `expiresAt` it can be held at this price, as long as there is room.
    """

    id: strawberry.ID
    window: WindowType
    price: MoneyType | None
    is_green: bool
    carbon_grams: int
    expires_at: datetime
    remaining: int

    @staticmethod
    def of(offer: Offer, *, currency: str) -> "DeliveryOffer":
        """The GraphQL form of an offer."""
        return DeliveryOffer(
            id=strawberry.ID(offer.id),
            window=WindowType(start=offer.window.start, end=offer.window.end),
            price=money(offer.price_minor, currency),
            is_green=offer.is_green,
            carbon_grams=offer.grams_co2,
            expires_at=offer.expires_at,
            remaining=offer.remaining,
        )


@strawberry.type
class UnavailableDay:
    """A local day on which nothing can be offered."""

    date: date
    reason: UnavailableReason

    @staticmethod
    def of(found: Unavailable) -> "UnavailableDay":
        """The GraphQL form of a day without an offer."""
        return UnavailableDay(date=found.day, reason=found.reason)


@strawberry.type
class DeliveryOffers:
    """Windows, the cheapest to serve first, and the days that have none."""

    offers: list[DeliveryOffer]
    unavailable: list[UnavailableDay]

    @staticmethod
    def of(found: Offers, *, currency: str) -> "DeliveryOffers":
        """The GraphQL form of what can be offered."""
        return DeliveryOffers(
            offers=[DeliveryOffer.of(offer, currency=currency) for offer in found.offers],
            unavailable=[UnavailableDay.of(day) for day in found.unavailable],
        )


@strawberry.type(name="Hold", description="A window kept for a checkout, with stock and capacity, until `expiresAt`.")
class HoldType(Node):
    """A window that is kept."""

    window: WindowType
    price: MoneyType | None
    state: HoldState
    expires_at: datetime

    @staticmethod
    def of(row: Hold) -> "HoldType":
        """The GraphQL form of a hold."""
        return HoldType(
            id=strawberry.ID(to_global("Hold", row.id)),
            window=WindowType(start=row.window_start, end=row.window_end),
            price=money(row.price_minor, row.currency),
            state=row.state,
            expires_at=row.expires_at,
        )


@strawberry.input
class HoldDeliveryOfferInput:
    """An offer, by its id."""

    offer_id: strawberry.ID
    idempotency_key: str | None = None


@strawberry.input
class ReleaseHoldInput:
    """A hold, by its id."""

    hold_id: strawberry.ID
    idempotency_key: str | None = None


@strawberry.type
class HoldPayload:
    """The hold as it is now."""

    hold: HoldType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
