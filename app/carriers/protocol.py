"""One protocol for every way of speaking to a carrier: quote, book, label, track, cancel.

Plain data in, plain data out, or a failure that says whether another try makes sense. Leaves out the database: what is
booked, when it is tried again and what follows are orchestration/bookings' affair.

    GatewayFailure
    |-- TemporaryFailure   may pass: a time-out, a lost connection, 429, a server's fault
    +-- PermanentFailure   will not: a refused address, a wrong credential, an answer that cannot be read
        +-- NotOffered     this carrier's gateway has no such call
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.core.money import Money
from app.models import FailureReason, MilestoneKind

# The most that one call may take, all its tries together. A worker's lease on a booking outlasts it.
CALL_LIMIT_SECONDS = 90


class Capability(StrEnum):
    """What a gateway can be asked for."""

    QUOTE = "QUOTE"
    BOOK = "BOOK"
    LABEL = "LABEL"
    TRACK = "TRACK"
    CANCEL = "CANCEL"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A name and an address. `country` is ISO 3166-1 alpha-2; degrees are WGS 84."""

    name: str
    line1: str
    city: str
    country: str
    latitude: float
    longitude: float
    line2: str | None = None
    region: str | None = None
    postal_code: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, kw_only=True)
class GoodsLine:
    """So many of one sku."""

    sku: str
    quantity: int
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class Consignment:
    """What a carrier is to take over.

    `key` names this booking for good, `reference` is what people call it: both are the same at every try, so that a
    carrier can tell a repeat. `attempt` counts from 1; above it, an earlier try may have reached the carrier.
    `is_outcome_unknown`: an earlier try was begun, and nobody recorded how it ended.
    """

    key: str
    reference: str
    order_reference: str
    service: str
    sender: Place
    recipient: Place
    window_start: datetime
    window_end: datetime
    weight_kg: float
    volume_l: float
    lines: tuple[GoodsLine, ...]
    price: Money
    made_at: datetime
    attempt: int = 1
    is_outcome_unknown: bool = False
    cash: Money | None = None
    instructions: str | None = None
    skills: tuple[str, ...] = ()
    respond_by: datetime | None = None
    # The number of the EDI envelope, taken before the call.
    control_number: int | None = None


@dataclass(frozen=True, kw_only=True)
class Booked:
    """A consignment with what its carrier calls it."""

    consignment: Consignment
    tracking_number: str | None
    booking_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What a carrier would take for a service."""

    service: str
    price: Money
    quote_id: str | None = None
    arrives_by: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Label:
    """A label as it goes to a printer."""

    contents: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a carrier answered to a booking. Where `is_confirmed` is false, its answer comes later (an EDI 990)."""

    tracking_number: str | None
    booking_id: str | None = None
    price: Money | None = None
    label: Label | None = None
    is_confirmed: bool = True


@dataclass(frozen=True, kw_only=True)
class CarrierEvent:
    """One milestone in our words, named by the carrier's number, our reference, or both."""

    event_id: str
    kind: MilestoneKind
    at: datetime
    tracking_number: str | None = None
    reference: str | None = None
    reason: FailureReason | None = None
    note: str | None = None
    received_by: str | None = None


class GatewayFailure(Exception):
    """The carrier did not do what it was asked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TemporaryFailure(GatewayFailure):
    """It may do it later. `retry_after_seconds` is the carrier's own wish."""

    def __init__(self, code: str, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after_seconds = retry_after_seconds


class PermanentFailure(GatewayFailure):
    """It will not, however often it is asked."""


class NotOffered(PermanentFailure):
    """The gateway has no such call."""

    def __init__(self, what: Capability, carrier: str) -> None:
        super().__init__(
            "NOT_OFFERED", f"The gateway of {carrier} cannot {what.value.lower()}. Its document describes no such call."
        )


class Gateway(Protocol):
    """A carrier. Every call ends within `CALL_LIMIT_SECONDS` and raises a `GatewayFailure` where it fails."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can be asked for."""
        ...

    async def quote(self, consignment: Consignment) -> Sequence[Quote]:
        """What it would take, cheapest first."""
        ...

    async def book(self, consignment: Consignment) -> Receipt:
        """Hands a consignment over. The same `key` twice makes one booking."""
        ...

    async def label(self, booked: Booked) -> Label:
        """The label of a booking."""
        ...

    async def track(self, booked: Booked) -> Sequence[CarrierEvent]:
        """Everything that has happened so far, in any order."""
        ...

    async def cancel(self, booked: Booked) -> None:
        """Gives the booking up. One that is gone already counts as cancelled."""
        ...
