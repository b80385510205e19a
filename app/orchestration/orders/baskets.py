"""What is to be delivered and where, before there is an order: what a checkout shows, and a hold keeps. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.core.geo import Point
from app.models import Order, OrderLine
from app.models.base import Json
from app.orchestration.carriers.zones import normalised_postcode
from app.orchestration.orders.drafts import OrderDraft, WindowDraft
from app.orchestration.orders.intake import DEFAULT_LOCALE, Intake, line_values, order_values

NO_ORDER = uuid.UUID(int=0)


@dataclass(frozen=True, kw_only=True)
class BasketLine:
    """So many of one sku. Weight and volume are of one piece."""

    sku: str
    quantity: int
    weight_kg: float
    volume_l: float


@dataclass(frozen=True, kw_only=True)
class Basket:
    """Goods and a door, and what carrying them takes."""

    service_level: str
    country: str
    city: str
    postal_code: str
    latitude: float
    longitude: float
    required_skills: tuple[str, ...]
    lines: tuple[BasketLine, ...]

    @property
    def door(self) -> Point:
        """Where to."""
        return Point(latitude=self.latitude, longitude=self.longitude)

    @property
    def quantities(self) -> dict[str, int]:
        """Sku -> quantity."""
        return {line.sku: line.quantity for line in self.lines}

    @property
    def weight_kg(self) -> float:
        """All lines together."""
        return sum(line.weight_kg * line.quantity for line in self.lines)

    @property
    def volume_l(self) -> float:
        """All lines together."""
        return sum(line.volume_l * line.quantity for line in self.lines)

    def to_json(self) -> Json:
        """The basket as it is stored."""
        return asdict(self)


def read(stored: Mapping[str, Any]) -> Basket:
    """The basket that `to_json` wrote."""
    lines = tuple(BasketLine(**line) for line in stored["lines"])
    return Basket(**{**stored, "lines": lines, "required_skills": tuple(stored["required_skills"])})


def basket_of(draft: OrderDraft, intake: Intake) -> Basket:
    """The basket of a draft that was found right."""
    values = order_values(draft, intake)
    return Basket(
        service_level=values["service_level"],
        country=values["country"],
        city=values["city"],
        postal_code=normalised_postcode(values["postal_code"]),
        latitude=values["latitude"],
        longitude=values["longitude"],
        required_skills=tuple(values["required_skills"]),
        lines=tuple(
            BasketLine(
                sku=line["sku"], quantity=line["quantity"], weight_kg=line["weight_kg"], volume_l=line["volume_l"]
            )
            for line in line_values(draft, order_id=NO_ORDER, products=intake.products)
        ),
    )


def order_of(basket: Basket, window: WindowDraft, *, key: uuid.UUID, currency: str) -> tuple[Order, list[OrderLine]]:
    """The order that the basket would become with this window; never to be stored."""
    order = Order(
        id=key,
        reference="checkout",
        recipient_name="",
        locale=DEFAULT_LOCALE,
        line1="",
        service_seconds=0,
        input_hash="",
        tracking_token_hash="",
        service_level=basket.service_level,
        country=basket.country,
        city=basket.city,
        postal_code=basket.postal_code,
        latitude=basket.latitude,
        longitude=basket.longitude,
        required_skills=list(basket.required_skills),
        requested_start=window.start,
        requested_end=window.end,
        promised_start=window.start,
        promised_end=window.end,
        priority=0,
        currency=currency,
    )
    return order, [OrderLine(order_id=key, **asdict(line)) for line in basket.lines]
