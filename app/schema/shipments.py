"""Shipments: goods from one node by one carrier to one door."""

import uuid
from datetime import datetime

import strawberry

from app.core.ids import to_global
from app.models import (
    AttemptOutcome,
    DeliveryAttempt,
    FailureReason,
    MilestoneKind,
    RecordOutcome,
    Shipment,
    ShipmentLine,
    ShipmentState,
    Stop,
)
from app.orchestration.bookings import queries as bookings
from app.orchestration.carriers import queries as carriers
from app.orchestration.etas.policies import CONFIDENCE
from app.orchestration.nodes import queries as nodes
from app.orchestration.proofs import queries as proofs
from app.orchestration.shipments import queries
from app.orchestration.shipments.milestones import Milestone
from app.orchestration.shipments.policies import lateness_risk
from app.orchestration.stops import queries as stops
from app.schema.addresses import AddressType
from app.schema.bookings import BookingType
from app.schema.carriers import CarrierType
from app.schema.context import Info
from app.schema.errors import UserErrorType
from app.schema.nodes import FulfilmentNodeType
from app.schema.proofs import ProofType
from app.schema.relay import Node
from app.schema.scalars import MoneyType, WindowType, money, window

ShipmentStateEnum = strawberry.enum(ShipmentState, description="Where the goods are.")
AttemptOutcomeEnum = strawberry.enum(AttemptOutcome, description="How a visit to the door ended.")
FailureReasonEnum = strawberry.enum(FailureReason, description="Why a visit did not succeed.")
RecordOutcomeEnum = strawberry.enum(RecordOutcome, description="What became of a recorded event.")
MilestoneKindEnum = strawberry.enum(MilestoneKind, description="What a carrier reports of a shipment.")

# From which probability of lateness a risk has which level.
LEVELS = ((0.5, "HIGH"), (0.2, "MEDIUM"), (0.0, "LOW"))


@strawberry.type(name="Eta", description="When it is expected: the mean, and an interval that holds it so surely.")
class EtaType:
    """A time and its interval."""

    expected: datetime
    earliest: datetime
    latest: datetime
    confidence: float = strawberry.field(description="The probability that it comes between earliest and latest.")

    @staticmethod
    def of(row: Shipment | Stop) -> "EtaType | None":
        """The ETA of a shipment or a stop; None where there is none."""
        if row.eta_expected is None:
            return None
        return EtaType(
            expected=row.eta_expected,
            earliest=row.eta_earliest or row.eta_expected,
            latest=row.eta_latest or row.eta_expected,
            confidence=CONFIDENCE,
        )


@strawberry.type(name="ShipmentLine")
class ShipmentLineType:
    """So many of one sku in a shipment."""

    sku: str
    description: str | None
    quantity: int
    delivered_quantity: int

    @staticmethod
    def of(row: ShipmentLine) -> "ShipmentLineType":
        """The GraphQL form of a line."""
        return ShipmentLineType(
            sku=row.sku,
            description=row.description,
            quantity=row.quantity,
            delivered_quantity=row.delivered_quantity,
        )


@strawberry.type(name="DeliveryAttempt")
class DeliveryAttemptType:
    """One visit to the door and how it ended."""

    number: int
    outcome: AttemptOutcome
    reason: FailureReason | None
    note: str | None
    at: datetime

    @staticmethod
    def of(row: DeliveryAttempt) -> "DeliveryAttemptType":
        """The GraphQL form of an attempt."""
        return DeliveryAttemptType(number=row.number, outcome=row.outcome, reason=row.reason, note=row.note, at=row.at)


@strawberry.type(name="ShipmentCost")
class ShipmentCostType:
    """What carriage was estimated at, and what it came to where that is known."""

    estimated: MoneyType
    actual: MoneyType | None


@strawberry.type(name="LatenessRisk")
class LatenessRiskType:
    """How probable it is that the window is missed."""

    probability_late: float
    level: str = strawberry.field(description="LOW, MEDIUM or HIGH.")

    @staticmethod
    def of(probability: float) -> "LatenessRiskType":
        """The probability with its level."""
        level = next(name for least, name in LEVELS if probability >= least)
        return LatenessRiskType(probability_late=probability, level=level)


def _is_anothers(row: Shipment, info: Info) -> bool:
    viewer = info.context.principal
    return viewer.carrier_id is not None and viewer.carrier_id != row.carrier_id


@strawberry.type(name="Shipment")
class ShipmentType(Node):
    """Goods from one node by one carrier to one door."""

    row: strawberry.Private[Shipment]
    reference: str
    state: ShipmentState
    service: str
    carrier_tracking_number: str | None
    weight_kg: float
    volume_l: float = strawberry.field(name="volumeL")
    not_before: datetime | None = strawberry.field(
        description="When the next attempt may start, after one that failed."
    )

    @strawberry.field
    def window(self) -> WindowType | None:
        """When it is to be at the door."""
        return window(self.row.window_start, self.row.window_end)

    @strawberry.field
    def eta(self) -> EtaType | None:
        """When it is expected; null before it is planned and after it came."""
        return EtaType.of(self.row)

    @strawberry.field
    def cost(self, info: Info) -> ShipmentCostType | None:
        """What the carriage costs; null for a carrier that is only offered it, whose tender has a price of its own."""
        if _is_anothers(self.row, info):
            return None
        estimated = money(self.row.estimated_minor, self.row.currency)
        assert estimated is not None
        return ShipmentCostType(estimated=estimated, actual=money(self.row.actual_minor, self.row.currency))

    @strawberry.field
    def risk(self, info: Info) -> LatenessRiskType | None:
        """How probable it is that the window is missed; null where nothing is known yet, or no longer matters."""
        probability = lateness_risk(self.row, now=info.context.now())
        return None if probability is None else LatenessRiskType.of(probability)

    @strawberry.field
    async def carrier(self, info: Info) -> CarrierType | None:
        """Who carries it."""
        row = await info.context.load(carriers.by_ids, self.row.carrier_id)
        return None if row is None else CarrierType.of(row)

    @strawberry.field
    async def booking(self, info: Info) -> BookingType | None:
        """How its carrier's own system has it; null where the carrier has no gateway, and for customers and drivers."""
        row = await info.context.load(bookings.newest_of_shipments, self.row.id)
        return None if row is None else BookingType.of(row)

    @strawberry.field
    async def node(self, info: Info) -> FulfilmentNodeType | None:
        """Where it leaves from."""
        row = await info.context.load(nodes.by_ids, self.row.node_id)
        return None if row is None else FulfilmentNodeType.of(row)

    @strawberry.field
    async def dropoff(self, info: Info) -> AddressType | None:
        """Where it goes; without the street and the place for a carrier that is only offered it."""
        row = await info.context.load(queries.offered_orders, self.row.id)
        if row is None:
            return None
        return AddressType.of_area(row) if _is_anothers(self.row, info) else AddressType.of_order(row)

    @strawberry.field
    async def required_skills(self, info: Info) -> list[str]:
        """What the vehicle and its driver must be able to do."""
        row = await info.context.load(queries.offered_orders, self.row.id)
        return [] if row is None else row.required_skills

    @strawberry.field
    async def lines(self, info: Info) -> list[ShipmentLineType]:
        """What is in it, by sku."""
        return [ShipmentLineType.of(row) for row in await info.context.load(queries.lines, self.row.id) or []]

    @strawberry.field
    async def attempts(self, info: Info) -> list[DeliveryAttemptType]:
        """The visits to the door so far."""
        return [DeliveryAttemptType.of(row) for row in await info.context.load(queries.attempts, self.row.id) or []]

    @strawberry.field
    async def proof(self, info: Info) -> list[ProofType]:
        """What was captured at the door."""
        return [ProofType.of(row) for row in await info.context.load(proofs.of_shipments, self.row.id) or []]

    @strawberry.field
    async def cash_to_collect(self, info: Info) -> MoneyType | None:
        """What is still to be paid at the door."""
        return money(await info.context.load(stops.cash_due, self.row.order_id), self.row.currency)

    @staticmethod
    def of(row: Shipment) -> "ShipmentType":
        """The GraphQL form of a shipment."""
        return ShipmentType(
            id=strawberry.ID(to_global("Shipment", row.id)),
            row=row,
            reference=row.reference,
            state=row.state,
            service=row.service,
            carrier_tracking_number=row.carrier_tracking_number,
            weight_kg=row.weight_kg,
            volume_l=row.volume_l,
            not_before=row.not_before,
        )


@strawberry.input
class ShipmentEventInput:
    """A milestone, by shipment or by the carrier's own number. `reason` is wanted with ATTEMPT_FAILED."""

    event_id: str
    kind: MilestoneKind
    at: datetime
    shipment_id: strawberry.ID | None = None
    carrier_tracking_number: str | None = None
    reason: FailureReason | None = None
    note: str | None = None
    received_by: str | None = None

    def to_milestone(self, shipment_id: uuid.UUID | None) -> Milestone:
        """The input for the operation."""
        return Milestone(
            event_id=self.event_id,
            kind=self.kind,
            at=self.at,
            shipment_id=shipment_id,
            carrier_tracking_number=self.carrier_tracking_number,
            reason=self.reason,
            note=self.note,
            received_by=self.received_by,
        )


@strawberry.input
class ReportShipmentEventsInput:
    """At most 1000 milestones, in any order. The same event id twice changes nothing."""

    events: list[ShipmentEventInput]
    idempotency_key: str | None = None


@strawberry.type(name="ShipmentEventResult")
class ShipmentEventResultType:
    """What became of one milestone."""

    event_id: str
    outcome: RecordOutcome
    errors: list[UserErrorType]
    shipment: ShipmentType | None


@strawberry.type
class ReportShipmentEventsPayload:
    """What became of each milestone."""

    results: list[ShipmentEventResultType] = strawberry.field(default_factory=list)
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
