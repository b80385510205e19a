"""An order as a shop sends it, before anything is known to be right. Plain data."""

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal

import orjson

from app.core.geo import Point
from app.models import OrderKind


@dataclass(frozen=True, kw_only=True)
class RecipientDraft:
    """Who takes the goods. `channels` None leaves the choice to us."""

    name: str
    phone: str | None = None
    email: str | None = None
    locale: str | None = None
    channels: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class AddressDraft:
    """Where to."""

    line1: str
    line2: str | None = None
    city: str
    region: str | None = None
    postal_code: str | None = None
    country: str
    location: Point | None = None
    instructions: str | None = None


@dataclass(frozen=True, kw_only=True)
class LineDraft:
    """So many of one sku. Weight and volume are of one piece; None takes the product's."""

    sku: str
    quantity: int
    weight_kg: float | None = None
    volume_l: float | None = None


@dataclass(frozen=True, kw_only=True)
class WindowDraft:
    """When the customer asked for it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class CashDraft:
    """What the driver takes at the door, in major units."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class OrderDraft:
    """One row of an upsert."""

    reference: str
    service_level: str | None = None
    recipient: RecipientDraft
    address: AddressDraft
    lines: list[LineDraft]
    requested_window: WindowDraft | None = None
    hold_id: str | None = None
    kind: OrderKind = OrderKind.DELIVERY
    priority: int = 0
    required_skills: list[str] = field(default_factory=list)
    proof_requirements: list[str] = field(default_factory=list)
    cash_to_collect: CashDraft | None = None
    service_seconds: int | None = None
    metadata: list[tuple[str, str]] = field(default_factory=list)

    def input_hash(self) -> str:
        """The same for the same content: what tells UPDATED from UNCHANGED."""
        return hashlib.sha256(orjson.dumps(asdict(self), default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()
