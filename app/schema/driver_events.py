"""What a driver's device sends: batches of events, and positions."""

import uuid
from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any

import strawberry

from app.core.errors import NotFound, Refusal
from app.core.geo import Point
from app.core.ids import from_global
from app.models import FailureReason, Handover, RecordOutcome
from app.models.base import Json
from app.orchestration.driver_events import happenings as heard
from app.orchestration.driver_events.driving import unknown_route
from app.orchestration.driver_events.happenings import SentEvent
from app.orchestration.drivers.operations import Position
from app.orchestration.stops.handovers import GivenHandover, Item, ItemCondition
from app.orchestration.stops.operations import unknown_stop
from app.schema.errors import UserErrorType
from app.schema.proofs import ProofInput
from app.schema.routes import RouteType
from app.schema.scalars import LocationInput, MoneyInput

ItemConditionEnum = strawberry.enum(ItemCondition, description="How pieces were, and whether they were taken.")


def stop_key(value: strawberry.ID) -> uuid.UUID:
    """The key of a stop; what is no stop's id is refused as an unknown stop."""
    try:
        return from_global("Stop", value)
    except NotFound:
        raise unknown_stop() from None


def route_key(value: strawberry.ID) -> uuid.UUID:
    """The key of a route; what is no route's id is refused as another driver's route is."""
    try:
        return from_global("Route", value)
    except NotFound:
        raise unknown_route() from None


@strawberry.input(description="Which route.")
class RouteEventInput:
    """A route."""

    route_id: strawberry.ID


@strawberry.input(description="The parcels that were scanned into the van; a barcode is a shipment's reference.")
class LoadScannedInput:
    """Parcels."""

    route_id: strawberry.ID
    barcodes: list[str]


@strawberry.input(description="Which stop.")
class StopEventInput:
    """A stop."""

    stop_id: strawberry.ID


@strawberry.input(description="So many pieces of one sku of one shipment, and how they were.")
class DeliveredItemInput:
    """Pieces."""

    shipment_id: strawberry.ID
    sku: str
    quantity: int
    condition: ItemCondition = ItemCondition.GOOD

    def to_item(self) -> Item:
        """The input for the operation."""
        key = from_global("Shipment", self.shipment_id, field="items.shipmentId")
        return Item(shipment_id=key, sku=self.sku, quantity=self.quantity, condition=self.condition)


@strawberry.input(
    description="A handover at the door, to the recipient or, at a stop of kind PICKUP or RETURN, to the driver: then"
    " `receivedBy` names who gave the goods. With items, what is not listed as GOOD or DAMAGED was not handed over."
)
class DeliveredInput:
    """Goods handed over."""

    stop_id: strawberry.ID
    handover: Handover
    received_by: str | None = None
    proofs: list[ProofInput] = strawberry.field(default_factory=list)
    items: list[DeliveredItemInput] | None = None
    cash: MoneyInput | None = None

    def to_happening(self) -> heard.Delivered:
        """The input for the operation."""
        given = GivenHandover(
            handover=self.handover,
            received_by=self.received_by and self.received_by[:200],
            proofs=[proof.to_given() for proof in self.proofs],
            items=None if self.items is None else [item.to_item() for item in self.items],
            cash=None if self.cash is None else self.cash.to_money(field="cash"),
        )
        return heard.Delivered(stop_id=stop_key(self.stop_id), given=given)


@strawberry.input(description="A visit at which nothing could be handed over. OTHER needs a note.")
class FailedInput:
    """A failed visit."""

    stop_id: strawberry.ID
    reason: FailureReason
    note: str | None = None
    proofs: list[ProofInput] = strawberry.field(default_factory=list)


@strawberry.input(description="A stop that is not visited. OTHER needs a note.")
class SkippedInput:
    """A skipped stop."""

    stop_id: strawberry.ID
    reason: FailureReason
    note: str | None = None


@strawberry.input(description="What the driver writes about a stop.")
class NoteInput:
    """A text."""

    stop_id: strawberry.ID
    text: str


# The input field that says what happened -> how it is read.
READERS: dict[str, Callable[[Any], heard.Happening]] = {
    "route_started": lambda given: heard.RouteStarted(route_id=route_key(given.route_id)),
    "load_scanned": lambda given: heard.LoadScanned(route_id=route_key(given.route_id), barcodes=given.barcodes),
    "route_completed": lambda given: heard.RouteCompleted(route_id=route_key(given.route_id)),
    "arrived": lambda given: heard.Arrived(stop_id=stop_key(given.stop_id)),
    "departed": lambda given: heard.Departed(stop_id=stop_key(given.stop_id)),
    "delivered": lambda given: given.to_happening(),
    "failed": lambda given: heard.Failed(
        stop_id=stop_key(given.stop_id),
        reason=given.reason,
        note=given.note,
        proofs=[proof.to_given() for proof in given.proofs],
    ),
    "skipped": lambda given: heard.Skipped(stop_id=stop_key(given.stop_id), reason=given.reason, note=given.note),
    "note": lambda given: heard.Noted(stop_id=stop_key(given.stop_id), text=given.text),
}


@strawberry.input(description="One event, with the id and time that the device gave it, and exactly one of the rest.")
class DriverEventInput:
    """An event."""

    event_id: uuid.UUID
    at: datetime
    location: LocationInput | None = None
    route_started: RouteEventInput | None = None
    load_scanned: LoadScannedInput | None = None
    arrived: StopEventInput | None = None
    departed: StopEventInput | None = None
    delivered: DeliveredInput | None = None
    failed: FailedInput | None = None
    skipped: SkippedInput | None = None
    note: NoteInput | None = None
    route_completed: RouteEventInput | None = None

    def to_event(self) -> SentEvent:
        """The input for the operation. What cannot be read is refused as this event alone."""
        named = [name for name in READERS if getattr(self, name) is not None]
        kind = named[0] if len(named) == 1 else "event"
        place = self.location
        return SentEvent(
            event_id=self.event_id,
            device_at=self.at,
            kind=_camel(kind),
            happening=self._read(named),
            place=None if place is None else Point(latitude=place.latitude, longitude=place.longitude),
            words=_words(getattr(self, kind)) if len(named) == 1 else {"named": [_camel(name) for name in named]},
        )

    def _read(self, named: list[str]) -> heard.Happening | Refusal:
        if len(named) != 1:
            found = ", ".join(_camel(name) for name in named) or "nothing"
            return Refusal(
                "EXACTLY_ONE_EVENT", f"An event says exactly one thing that happened, but this says {found}."
            )
        try:
            return READERS[named[0]](getattr(self, named[0]))
        except Refusal as refusal:
            return refusal


def _words(given: Any) -> Json:
    """What is kept of an event in the record: its fields as JSON, without PINs."""
    return {_camel(name): _word(value) for name, value in vars(given).items() if value is not None}


def _word(value: Any) -> Any:
    if isinstance(value, ProofInput):
        return value.to_words()
    if isinstance(value, list):
        return [_word(each) for each in value]
    if is_dataclass(value):
        return _words(value)
    return value if isinstance(value, int | float | bool) else str(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


@strawberry.input
class RecordDriverEventsInput:
    """At most 500 events. `sentAt`, the device's time of sending, lets a wrong clock be corrected."""

    events: list[DriverEventInput]
    sent_at: datetime | None = None
    idempotency_key: str | None = None


@strawberry.type(name="DriverEventResult", description="What became of one event. A replay answers DUPLICATE.")
class DriverEventResultType:
    """One event's outcome."""

    event_id: uuid.UUID
    outcome: RecordOutcome
    errors: list[UserErrorType]


@strawberry.type
class RecordDriverEventsPayload:
    """What became of each event, in the order sent, and the route after them."""

    results: list[DriverEventResultType] = strawberry.field(default_factory=list)
    route: RouteType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)


@strawberry.input
class PositionInput:
    """Where a device was."""

    at: datetime
    latitude: float
    longitude: float
    accuracy_metres: float | None = None
    speed_mps: float | None = None
    heading_degrees: float | None = None

    def to_position(self) -> Position:
        """The input for the operation."""
        return Position(
            at=self.at,
            point=Point(latitude=self.latitude, longitude=self.longitude),
            accuracy_metres=self.accuracy_metres,
            speed_mps=self.speed_mps,
            heading_degrees=self.heading_degrees,
        )


@strawberry.input
class ReportPositionsInput:
    """At most 500 positions."""

    positions: list[PositionInput]
    idempotency_key: str | None = None


@strawberry.type
class ReportPositionsPayload:
    """How many positions were new."""

    accepted: int = 0
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
