"""The customer's tracking page: one order as whoever holds its link sees it."""

from datetime import datetime

import strawberry

from app.models import Channel, Message, OrderState
from app.orchestration.feedback.policies import ANSWERABLE
from app.orchestration.tracking.queries import TrackingView
from app.schema.errors import UserErrorType
from app.schema.feedback import FeedbackFormType
from app.schema.proofs import ProofType
from app.schema.scalars import LocationType, WindowType, location, window
from app.schema.shipments import EtaType


@strawberry.type(name="TrackedVehicle")
class TrackedVehicleType:
    """Where the van is; only near the end, see the policy's visibility rules."""

    location: LocationType
    heading: float | None
    at: datetime


@strawberry.type(name="TrackingEvent")
class TrackingEventType:
    """One line of the customer's timeline, in the recipient's language."""

    at: datetime
    title: str
    detail: str | None


@strawberry.type(name="InboxMessage")
class InboxMessageType:
    """An in-app message."""

    at: datetime
    text: str

    @staticmethod
    def of(row: Message) -> "InboxMessageType":
        """The message for an answer."""
        return InboxMessageType(at=row.sent_at or row.created_at, text=row.text)


@strawberry.type(name="QuietHours")
class QuietHoursType:
    """Local times of day such as 21:30, between which only what is urgent is sent."""

    start: str
    end: str


@strawberry.type(name="DeliveryPreferences")
class DeliveryPreferencesType:
    """What the customer wishes for."""

    safe_place: str | None
    instructions: str | None
    neighbour: str | None
    channels: list[Channel]
    quiet_hours: QuietHoursType | None


@strawberry.type(name="RescheduleOption")
class RescheduleOptionType:
    """Another window that this order could have."""

    id: strawberry.ID
    window: WindowType


@strawberry.type(name="Tracking")
class TrackingType:
    """One order as its customer sees it. What the visibility rules hide is null."""

    view: strawberry.Private[TrackingView]
    reference: str
    state: OrderState
    headline: str
    timeline: list[TrackingEventType]

    @strawberry.field
    def promised_window(self) -> WindowType | None:
        """When we promised to come."""
        return window(self.view.order.promised_start, self.view.order.promised_end)

    @strawberry.field
    def eta(self) -> EtaType | None:
        """When we expect to come; latest less earliest is the calibrated interval."""
        return EtaType.of(self.view.shipment) if self.view.shipment else None

    @strawberry.field
    def stops_before(self) -> int | None:
        """How many stops the driver makes before this one; null outside the visibility rules."""
        return self.view.stops_before

    @strawberry.field
    def vehicle(self) -> TrackedVehicleType | None:
        """Where the van is; null outside the visibility rules."""
        position = self.view.position
        if position is None or (place := location(position.latitude, position.longitude)) is None:
            return None
        return TrackedVehicleType(location=place, heading=position.heading_degrees, at=position.at)

    @strawberry.field
    def driver_first_name(self) -> str | None:
        """Who is coming; null outside the visibility rules."""
        return self.view.driver.name.split()[0] if self.view.driver else None

    @strawberry.field
    def carrier_name(self) -> str | None:
        """Who carries it."""
        return self.view.carrier.name if self.view.carrier else None

    @strawberry.field
    def destination(self) -> LocationType | None:
        """The door."""
        return location(self.view.order.latitude, self.view.order.longitude)

    @strawberry.field
    def inbox(self) -> list[InboxMessageType]:
        """The in-app messages of this order, newest first."""
        return [InboxMessageType.of(row) for row in self.view.inbox]

    @strawberry.field
    def proof(self) -> list[ProofType]:
        """What shows that it was delivered."""
        return [ProofType.of(row, file=self.view.files.get(row.id)) for row in self.view.proofs]

    @strawberry.field
    def pin(self) -> str | None:
        """What to tell the driver at the door; only where this order asks for one."""
        return self.view.order.pin

    @strawberry.field
    def preferences(self) -> DeliveryPreferencesType:
        """What the customer wishes for."""
        order = self.view.order
        quiet = None
        if order.quiet_start is not None and order.quiet_end is not None:
            quiet = QuietHoursType(start=order.quiet_start, end=order.quiet_end)
        return DeliveryPreferencesType(
            safe_place=order.safe_place,
            instructions=order.instructions,
            neighbour=order.neighbour,
            channels=[Channel(name) for name in order.channels],
            quiet_hours=quiet,
        )

    @strawberry.field
    def can_reschedule(self) -> bool:
        """Whether another window may be chosen. Not yet offered."""
        return False

    @strawberry.field
    def reschedule_options(self) -> list[RescheduleOptionType]:
        """The windows to choose from; none while rescheduling is not offered."""
        return []

    @strawberry.field
    def feedback_form(self) -> FeedbackFormType | None:
        """The questionnaire, once the order has ended."""
        if self.view.questionnaire is None or self.state not in ANSWERABLE:
            return None
        return FeedbackFormType.of(self.view.questionnaire, locale=self.view.order.locale, feedback=self.view.feedback)


@strawberry.input
class QuietHoursInput:
    """Local times of day such as 21:30; equal ends mean none."""

    start: str
    end: str


@strawberry.input
class UpdateDeliveryPreferencesInput:
    """What to change; null leaves a value as it is, an empty text clears it."""

    safe_place: str | None = None
    instructions: str | None = None
    neighbour: str | None = None
    channels: list[Channel] | None = None
    quiet_hours: QuietHoursInput | None = None
    idempotency_key: str | None = None


@strawberry.type
class UpdateDeliveryPreferencesPayload:
    """The page after the change."""

    tracking: TrackingType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)


__all__ = ["TrackingType", "UpdateDeliveryPreferencesInput", "UpdateDeliveryPreferencesPayload"]
