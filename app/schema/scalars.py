"""Values that many types share: times, money, windows, places, JSON. Units are in the names."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition, scalar

from app.core.geo import Point
from app.core.money import Money, money_from_decimal


def to_utc(value: datetime) -> str:
    """ISO 8601 in UTC."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(value: object) -> datetime:
    """Reads ISO 8601 with an offset; a time without one is refused, as nobody knows which instant it means."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise GraphQLError(f"{value!r} is not a time with an offset, such as 2030-05-17T09:30:00+01:00.")
    return found.astimezone(UTC)


DATE_TIME = scalar(
    name="DateTime",
    description="ISO 8601 with an offset; answered in UTC.",
    specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    serialize=to_utc,
    parse_value=parse_time,
)

UUID_TEXT = scalar(
    name="UUID",
    description="A UUID as RFC 9562 writes it.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc9562",
    serialize=str,
    parse_value=uuid.UUID,
)

SCALARS: Mapping[object, ScalarDefinition] = {datetime: DATE_TIME, uuid.UUID: UUID_TEXT}


@strawberry.type(name="Money", description="An amount in major units, with the currency's own digits.")
class MoneyType:
    """An amount and its currency."""

    amount: Decimal
    currency: str


@strawberry.input(description="An amount in major units, such as 12.50, and an ISO 4217 currency.")
class MoneyInput:
    """An amount and its currency."""

    amount: Decimal
    currency: str

    def to_money(self, *, field: str | None = None) -> Money:
        """The amount in minor units; refuses digits that the currency does not have."""
        return money_from_decimal(self.amount, self.currency, field=field)


@strawberry.type(name="Window", description="From start (inclusive) to end.")
class WindowType:
    """A time window."""

    start: datetime
    end: datetime


@strawberry.input(description="From start (inclusive) to end.")
class WindowInput:
    """A time window."""

    start: datetime
    end: datetime


@strawberry.type(name="Location", description="WGS 84.")
class LocationType:
    """A place on earth."""

    latitude: float
    longitude: float


@strawberry.input(description="WGS 84.")
class LocationInput:
    """A place on earth."""

    latitude: float
    longitude: float
    accuracy_metres: float | None = None


def money(minor: int | None, currency: str | None) -> MoneyType | None:
    """Money for an answer, or null where there is no amount."""
    if minor is None or currency is None:
        return None
    return MoneyType(amount=Money(minor=minor, currency=currency).to_decimal(), currency=currency)


def window(start: datetime | None, end: datetime | None) -> WindowType | None:
    """A window for an answer, or null where it is not set."""
    return None if start is None or end is None else WindowType(start=start, end=end)


def location(latitude: float | None, longitude: float | None) -> LocationType | None:
    """A place for an answer, or null where it is not known."""
    return None if latitude is None or longitude is None else LocationType(latitude=latitude, longitude=longitude)


def location_of(point: Point | None) -> LocationType | None:
    """A point for an answer."""
    return None if point is None else LocationType(latitude=point.latitude, longitude=point.longitude)


__all__ = [
    "JSON",
    "SCALARS",
    "LocationInput",
    "LocationType",
    "MoneyInput",
    "MoneyType",
    "WindowInput",
    "WindowType",
    "location",
    "location_of",
    "money",
    "window",
]
