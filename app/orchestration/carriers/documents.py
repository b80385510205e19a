"""What a carrier's service may say: where it goes, what it takes, when, and what it costs. Pure: no clock, no database.

In JSON the keys are camelCase. Money is in minor units of the deployment's currency. What a document leaves out limits
nothing and costs nothing; zones left out mean the circle of the carrier's own radius around the node.
"""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from app.models.base import Json
from app.orchestration.documents import DocumentPart, read
from app.orchestration.weekdays import EVERY_DAY, Weekday

NonNegative = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Above = Annotated[float, Field(gt=0, allow_inf_nan=False)]
MinuteOfDay = Annotated[int, Field(ge=0, le=1_440)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
# GeoJSON: longitude first.
Position = tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]]
LEAST_RING = 4


class Zone(DocumentPart):
    """An area with a name, by exactly one of: a circle around the node, postcode prefixes, a polygon.

    `polygon`: rings as GeoJSON has them, the outer first, then holes. Several zones may share a name.
    """

    name: Name
    radius_metres: Above | None = None
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    postcode_prefixes: tuple[Name, ...] = ()
    polygon: tuple[tuple[Position, ...], ...] = ()

    @model_validator(mode="after")
    def _has_one_shape(self) -> Self:
        shapes = [self.radius_metres is not None, bool(self.postcode_prefixes), bool(self.polygon)]
        if sum(shapes) != 1:
            raise ValueError(f"zone {self.name} needs exactly one of radiusMetres, postcodePrefixes and polygon")
        for ring in self.polygon:
            if len(ring) < LEAST_RING or ring[0] != ring[-1]:
                raise ValueError(f"a ring of zone {self.name} needs four positions or more, the last being the first")
        return self


class Limits(DocumentPart):
    """The most that one shipment may be. Girth is twice the sum of the two shorter sides."""

    max_weight_kg: Above | None = None
    max_volume_l: Above | None = None
    max_length_cm: Above | None = None
    max_length_and_girth_cm: Above | None = None


class Bracket(DocumentPart):
    """What a shipment of up to so many chargeable kilograms costs."""

    up_to_kg: Above
    minor: NonNegative


class Condition(DocumentPart):
    """When a surcharge is due: every part that is given must hold."""

    weekdays: frozenset[Weekday] = frozenset()
    from_day: date | None = None
    until_day: date | None = None
    zones: frozenset[str] = frozenset()
    postcode_prefixes: tuple[Name, ...] = ()
    above_kg: Amount | None = None
    above_litres: Amount | None = None
    above_metres: Amount | None = None
    above_length_cm: Amount | None = None
    skills: frozenset[str] = frozenset()


class Surcharge(DocumentPart):
    """An addition by rule: a share of the carriage before surcharges, a fixed amount, or both."""

    code: Name
    percent: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    minor: NonNegative = 0
    when: Condition = Condition()

    @model_validator(mode="after")
    def _costs_something(self) -> Self:
        if not self.percent and not self.minor:
            raise ValueError(f"surcharge {self.code} needs a percent or an amount in minor units")
        return self


class RateCard(DocumentPart):
    """What a shipment costs. Above the last bracket each kilogram costs `above_per_kg_minor`.

    `litres_per_kg` makes bulk pay: the chargeable weight is the greater of weight and volume over it.
    """

    base_minor: NonNegative = 0
    per_km_minor: NonNegative = 0
    free_km: Amount = 0.0
    per_kg_minor: NonNegative = 0
    free_kg: Amount = 0.0
    litres_per_kg: Above | None = None
    brackets: tuple[Bracket, ...] = ()
    above_per_kg_minor: NonNegative = 0
    zones: dict[str, NonNegative] = Field(default_factory=dict)
    per_stop_minor: NonNegative = 0
    minimum_minor: NonNegative = 0
    surcharges: tuple[Surcharge, ...] = ()

    @model_validator(mode="after")
    def _brackets_rise(self) -> Self:
        limits = [bracket.up_to_kg for bracket in self.brackets]
        if limits != sorted(set(limits)):
            raise ValueError(f"brackets must rise, but they are {limits}")
        return self


class ServiceDocument(DocumentPart):
    """One service of one carrier. `skills`: what it can do, such as COLD, HAZARDOUS, TWO_PERSON; None: the carrier's.

    `serves`: the service levels that it fulfils besides the one of its own name. `daily_limit` counts shipments of this
    service, on top of the carrier's own limit. `transit_days` lie between the node's door and the customer's.
    """

    serves: frozenset[Name] = frozenset()
    zones: tuple[Zone, ...] = ()
    limits: Limits = Limits()
    skills: frozenset[str] | None = None
    days: frozenset[Weekday] = frozenset(EVERY_DAY)
    cutoff_minute: MinuteOfDay | None = None
    cutoffs: dict[Weekday, MinuteOfDay] = Field(default_factory=dict)
    daily_limit: NonNegative | None = None
    transit_days: Annotated[int, Field(ge=0, le=30)] = 0
    rates: RateCard | None = None
    grams_co2_per_tonne_km: Amount | None = None
    grams_co2_per_stop: Amount = 0.0

    @model_validator(mode="after")
    def _zones_agree(self) -> Self:
        names = {zone.name for zone in self.zones}
        rates = self.rates or RateCard()
        named = set(rates.zones).union(*(surcharge.when.zones for surcharge in rates.surcharges))
        if unknown := sorted(named - names):
            raise ValueError(f"rates name the zones {', '.join(unknown)}, which the service does not have")
        if not self.days:
            raise ValueError("a service needs a day of the week on which it runs")
        return self


def parse(document: Json, *, field: str = "document") -> ServiceDocument:
    """The service that this JSON describes. Refuses what it cannot read, naming the value."""
    return read(ServiceDocument, document, code="SERVICE_INVALID", noun="service", field=field)
