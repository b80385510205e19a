"""Carriers: own fleets and third parties."""

import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.core.ids import to_global
from app.models import Carrier, CarrierCapacity, CarrierKind, TenderMode
from app.orchestration.carriers import queries, scorecards
from app.orchestration.carriers.capacity import DayLimit
from app.orchestration.carriers.operations import CarrierRow
from app.orchestration.carriers.scorecards import Scorecard
from app.orchestration.tenders import queries as tenders
from app.schema.connections import Connection, PageArguments, connection
from app.schema.context import Info
from app.schema.errors import UserErrorType
from app.schema.rates import RateType, wilson
from app.schema.relay import Node
from app.schema.scalars import MoneyType, money

if TYPE_CHECKING:
    from app.schema.tenders import TenderFilter, TenderType

MOST_DAYS = 366

Filter = Annotated["TenderFilter", strawberry.lazy("app.schema.tenders")]
Offered = Annotated["TenderType", strawberry.lazy("app.schema.tenders")]

CarrierKindEnum = strawberry.enum(CarrierKind, description="Whose vans they are.")
TenderModeEnum = strawberry.enum(TenderMode, description="Whether a carrier is asked or told.")


@strawberry.type(name="CarrierCapacity", description="How many shipments a carrier takes on a local day.")
class CarrierCapacityType:
    """A day's limit, and how much of it is booked."""

    date: datetime.date
    booked: int
    limit: int

    @staticmethod
    def of(row: CarrierCapacity) -> "CarrierCapacityType":
        """The GraphQL form of a day's capacity."""
        return CarrierCapacityType(date=row.date, booked=row.booked, limit=row.daily_limit)


@strawberry.type(name="Scorecard")
class ScorecardType:
    """How a carrier did. Shares are null where nothing was counted; no rank below 200 shipments."""

    shipments: int
    on_time_rate: RateType | None
    expected_on_time_rate: float | None
    first_attempt_rate: RateType | None
    cost_per_shipment: MoneyType | None
    tender_acceptance_rate: float | None
    average_rating: float | None
    rank: int | None

    @staticmethod
    def of(score: Scorecard, *, currency: str) -> "ScorecardType":
        """The GraphQL form of a scorecard."""
        return ScorecardType(
            shipments=score.shipments,
            on_time_rate=wilson(score.on_time_share, score.shipments),
            expected_on_time_rate=score.expected_on_time_share,
            first_attempt_rate=wilson(score.first_attempt_share, score.attempted),
            cost_per_shipment=money(score.cost_per_shipment_minor, currency),
            tender_acceptance_rate=score.tender_acceptance,
            average_rating=score.average_rating,
            rank=score.rank,
        )


@strawberry.type(name="Carrier", description="Who carries: an own fleet, or a third party.")
class CarrierType(Node):
    """A carrier."""

    row: strawberry.Private[Carrier]
    reference: str
    name: str
    kind: CarrierKind

    @strawberry.field
    async def capacity(self, info: Info) -> list[CarrierCapacityType]:
        """The days with a limit of their own or with bookings. Staff and the carrier see it."""
        rows = await info.context.load(queries.capacities, self.row.id)
        return [CarrierCapacityType.of(row) for row in rows or []]

    @strawberry.field
    async def tenders(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        where: Filter | None = None,
    ) -> Connection[Offered]:
        """What was offered to the carrier, newest first. Staff and the carrier see it."""
        from app.schema.tenders import TenderType as Tender  # the two files name each other

        arguments, context = PageArguments(first=first, after=after, last=last, before=before), info.context
        async with context.database.reading() as session:
            page = await tenders.of_carrier(
                session,
                context.principal,
                carrier_id=self.row.id,
                state=where.state if where is not None else None,
                **arguments.as_keywords(),
            )
        return connection(page, Tender.of)

    @strawberry.field
    async def scorecard(self, info: Info, days: int) -> ScorecardType | None:
        """How the carrier did in the last days, at most 366. Staff and the carrier see it."""
        context = info.context
        since = scorecards.since(context.now(), days=min(max(days, 0), MOST_DAYS))
        found = await context.load(scorecards.of_carriers, (self.row.id, since))
        return None if found is None else ScorecardType.of(found, currency=context.settings.currency)

    @staticmethod
    def of(row: Carrier) -> "CarrierType":
        """The GraphQL form of a carrier."""
        return CarrierType(
            id=strawberry.ID(to_global("Carrier", row.id)),
            row=row,
            reference=row.reference,
            name=row.name,
            kind=row.kind,
        )


@strawberry.input
class CarrierInput:
    """A carrier, found again by its reference. Amounts are minor units; minutes count from local midnight."""

    reference: str
    name: str
    kind: CarrierKind = CarrierKind.THIRD_PARTY
    tender_mode: TenderMode = TenderMode.ASK
    services: list[str] = strawberry.field(default_factory=lambda: ["STANDARD"])
    skills: list[str] = strawberry.field(default_factory=list)
    zone_radius_metres: int
    base_minor: int = 0
    per_km_minor: int = 0
    per_kg_minor: int = 0
    max_weight_kg: float
    response_minutes: int = 30
    cutoff_minute: int = 1440
    daily_limit: int
    grams_co2_per_km: int = strawberry.field(default=0, name="gramsCo2PerKm")
    is_active: bool = True

    def to_row(self) -> CarrierRow:
        """The input for the operation."""
        return CarrierRow(**vars(self))


@strawberry.input
class UpsertCarriersInput:
    """At most 1000 carriers."""

    carriers: list[CarrierInput]
    idempotency_key: str | None = None


@strawberry.input
class CapacityInput:
    """How many shipments the carrier takes on a local day."""

    date: datetime.date
    limit: int

    def to_limit(self) -> DayLimit:
        """The input for the operation."""
        return DayLimit(date=self.date, limit=self.limit)


@strawberry.input
class SetCarrierCapacityInput:
    """`carrier` is the reference that staff name; a carrier sets its own."""

    capacities: list[CapacityInput]
    carrier: str | None = None
    idempotency_key: str | None = None


@strawberry.type
class SetCarrierCapacityPayload:
    """The capacity of the days that were set."""

    capacity: list[CarrierCapacityType] = strawberry.field(default_factory=list)
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
