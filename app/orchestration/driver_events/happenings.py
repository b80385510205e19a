"""What a driver's device may record, as plain values. Leaves out what each of them does: operations.py."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.core.errors import Refusal
from app.core.geo import Point
from app.models import FailureReason
from app.models.base import Json
from app.orchestration.proofs.policies import GivenProof
from app.orchestration.stops.handovers import GivenHandover


@dataclass(frozen=True, kw_only=True)
class RouteStarted:
    """The van left the node."""

    route_id: uuid.UUID


@dataclass(frozen=True, kw_only=True)
class LoadScanned:
    """Parcels went into the van."""

    route_id: uuid.UUID
    barcodes: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class RouteCompleted:
    """The van is back."""

    route_id: uuid.UUID


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """The van stands at the door."""

    stop_id: uuid.UUID


@dataclass(frozen=True, kw_only=True)
class Departed:
    """The van left the door."""

    stop_id: uuid.UUID


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """Goods were handed over."""

    stop_id: uuid.UUID
    given: GivenHandover


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Nothing could be handed over."""

    stop_id: uuid.UUID
    reason: FailureReason
    note: str | None = None
    proofs: Sequence[GivenProof] = ()


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """The stop was not visited."""

    stop_id: uuid.UUID
    reason: FailureReason
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Noted:
    """The driver wrote something about a stop."""

    stop_id: uuid.UUID
    text: str


OnRoute = RouteStarted | LoadScanned | RouteCompleted
AtStop = Arrived | Departed | Delivered | Failed | Skipped | Noted
Happening = OnRoute | AtStop


@dataclass(frozen=True, kw_only=True)
class SentEvent:
    """One event of a batch. `happening` is a refusal where the device's words could not be read.

    `kind` is the name of the input field that says what happened; `words` is what is kept of it, without PINs.
    """

    event_id: uuid.UUID
    device_at: datetime
    kind: str
    happening: Happening | Refusal
    place: Point | None = None
    words: Json
