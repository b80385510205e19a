"""What another carrier would have cost, from the log of decisions: each keeps what else there was, and what it cost.

With the terms of a service that nobody offers yet, it says what that would have cost for the same goods and doors.
Leaves out what a carrier could not have taken then, and what its price would have changed elsewhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.geo import Point
from app.core.money import Money
from app.models import Decision, DecisionKind, FulfilmentNode
from app.models.base import Json
from app.orchestration.allocations.ways import DETOUR_FACTOR
from app.orchestration.carriers import rating
from app.orchestration.carriers.documents import RateCard, ServiceDocument, Zone
from app.orchestration.carriers.rating import Loads, Trips
from app.orchestration.carriers.zones import NOWHERE, Doors, metres_from, normalised_postcode, zone_numbers

PROPOSED = "proposed"
# Lacking room or stock, the carrier could not have taken it at any price.
COULD_NOT = frozenset({"RESOURCE_EXHAUSTED"})
EVERYWHERE = Zone(name="EVERYWHERE", radius_metres=21_000_000.0)


@dataclass(kw_only=True)
class Counterfactual:
    """One carrier: how often it was chosen, how often it could have been instead, and what that would have cost.

    Amounts are minor units, over the decisions where it could have been: what the chosen one charged, what it would.
    """

    carrier: str
    currency: str
    chosen: int = 0
    possible: int = 0
    price_minor: int = 0
    instead_minor: int = 0
    on_time: list[float] = field(default_factory=list)
    instead_on_time: list[float] = field(default_factory=list)

    def add(self, chosen: Json, other: Json) -> None:
        """One more decision in which it could have been chosen."""
        self.possible += 1
        self.price_minor += int(chosen["priceMinor"])
        self.instead_minor += int(other["priceMinor"])
        self.on_time += _present(chosen)
        self.instead_on_time += _present(other)

    def to_json(self) -> Json:
        """For a program."""
        return {
            "carrier": self.carrier,
            "chosen": self.chosen,
            "couldInstead": self.possible,
            "price": str(self._major(self.price_minor)),
            "wouldHave": str(self._major(self.instead_minor)),
            "difference": str(self._major(self.instead_minor - self.price_minor)),
            "currency": self.currency,
            "onTime": _mean(self.on_time),
            "wouldHaveBeenOnTime": _mean(self.instead_on_time),
        }

    def cells(self) -> tuple[str, ...]:
        """For a table."""
        told = self.to_json()
        shares = [_percent(told["onTime"]), _percent(told["wouldHaveBeenOnTime"])]
        amounts = [f"{told[name]} {self.currency}" for name in ("price", "wouldHave", "difference")]
        return (self.carrier, str(self.chosen), str(self.possible), *amounts, *shares)

    def _major(self, minor: int) -> Decimal:
        return Money(minor=minor, currency=self.currency).to_decimal()


async def report(
    session: AsyncSession, *, since: datetime, service: ServiceDocument | None = None
) -> list[Counterfactual]:
    """A row per carrier, those that would have saved most first; and one for the service that is asked about."""
    decisions = await _decisions(session, since=since)
    rows: dict[str, Counterfactual] = {}
    for decision in decisions:
        chosen = decision.chosen or {}
        _row(rows, chosen["carrier"], chosen["currency"]).chosen += 1
        for other in _others(decision):
            _row(rows, other["carrier"], chosen["currency"]).add(chosen, other)
    found = sorted(rows.values(), key=lambda row: (row.instead_minor - row.price_minor, row.carrier))
    return found if service is None else [*found, *await _proposed(session, decisions, service)]


async def _decisions(session: AsyncSession, *, since: datetime) -> list[Decision]:
    found = await session.scalars(
        select(Decision).where(
            col(Decision.kind) == DecisionKind.ALLOCATION,
            col(Decision.at) >= since,
            col(Decision.chosen).is_not(None),
            col(Decision.overridden_by).is_(None),
        )
    )
    return [decision for decision in found if "priceMinor" in (decision.chosen or {})]


def _row(rows: dict[str, Counterfactual], carrier: str, currency: str) -> Counterfactual:
    return rows.setdefault(carrier, Counterfactual(carrier=carrier, currency=currency))


def _others(decision: Decision) -> Iterator[Json]:
    """The cheapest way of each other carrier that was possible then, undivided."""
    chosen = decision.chosen or {}
    if "sharedWith" in chosen:
        return
    best: dict[str, Json] = {}
    for other in decision.alternatives:
        if "priceMinor" not in other or "sharedWith" in other or other["carrier"] == chosen["carrier"]:
            continue
        if (other.get("rejectedBecause") or {}).get("code") in COULD_NOT:
            continue
        known = best.get(other["carrier"])
        if known is None or other["priceMinor"] < known["priceMinor"]:
            best[other["carrier"]] = other
    yield from best.values()


async def _proposed(
    session: AsyncSession, decisions: Sequence[Decision], service: ServiceDocument
) -> list[Counterfactual]:
    """What the service would have cost from the same nodes to the same doors."""
    known = [decision for decision in decisions if "goods" in decision.detail]
    if not known:
        return []
    rows = await session.scalars(select(FulfilmentNode))
    places = {node.reference: Point(latitude=node.latitude, longitude=node.longitude) for node in rows}
    row = Counterfactual(carrier=PROPOSED, currency=(known[0].chosen or {})["currency"])
    for decision in known:
        chosen = decision.chosen or {}
        price = _price(service, decision.detail["goods"], places[chosen["node"]], decision.at.date())
        if price is not None:
            row.add(chosen, {"priceMinor": price})
    return [row]


def _price(service: ServiceDocument, goods: Json, place: Point, day: date) -> int | None:
    """What the service asks for these goods; None where it does not go there, or does not take them."""
    doors = Doors(
        latitudes=np.array([goods["latitude"]]),
        longitudes=np.array([goods["longitude"]]),
        countries=[goods["country"]],
        postcodes=[normalised_postcode(goods["postalCode"])],
    )
    metres = metres_from(place, doors)
    zones = service.zones or (EVERYWHERE,)
    numbers = zone_numbers(zones, doors, metres=metres)
    limits, skills = service.limits, tuple(goods.get("skills", []))
    is_taken = (
        numbers[0] != NOWHERE
        and goods["weightKg"] <= (limits.max_weight_kg or np.inf)
        and goods["volumeL"] <= (limits.max_volume_l or np.inf)
        and set(skills) <= (service.skills or set())
    )
    if not is_taken:
        return None
    loads = Loads(
        weight_kg=np.array([goods["weightKg"]]),
        volume_l=np.array([goods["volumeL"]]),
        length_cm=np.zeros(1),
        girth_cm=np.zeros(1),
        skills=[skills],
    )
    trips = Trips(metres=metres * DETOUR_FACTOR, zones=zones, zone_numbers=numbers, doors=doors, day=day)
    return int(rating.total(rating.rate(service.rates or RateCard(), loads, trips))[0])


def _present(told: Json) -> list[float]:
    share = told.get("probabilityOnTime")
    return [] if share is None else [float(share)]


def _mean(shares: Sequence[float]) -> float | None:
    return round(sum(shares) / len(shares), 4) if shares else None


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
