"""What carriage costs by a rate card, part by part. Pure, and over whole arrays: no clock, no database.

Every part is rounded up to the next minor unit. Surcharges by share are taken of the carriage before any surcharge,
after the minimum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from app.orchestration.carriers.documents import Condition, RateCard, Zone
from app.orchestration.carriers.zones import NOWHERE, Doors, Flags, Floats, Numbers, has_prefix
from app.orchestration.weekdays import weekday

METRES_PER_KM = 1_000
# Binary fractions such as 0.1 * 30 must not round a whole amount up.
EXACT_DIGITS = 6

Minors = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Loads:
    """What goes to each door: one entry per order in each array, whole shipments. Sides in centimetres, 0: unknown.

    `skills` of each order are sorted; most orders share the same few tuples.
    """

    weight_kg: Floats
    volume_l: Floats
    length_cm: Floats
    girth_cm: Floats
    skills: Sequence[tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Trips:
    """How far each load goes, into which zone (a number of `zones`), on which local day.

    `metres` and `zone_numbers` are [loads], or [nodes, loads] for several nodes at once.
    """

    metres: Floats
    zones: Sequence[Zone]
    zone_numbers: Numbers
    doors: Doors
    day: date


def rate(card: RateCard, loads: Loads, trips: Trips) -> dict[str, Minors]:
    """Minor units of each part of the price, in the shape of `trips.metres`."""
    parts = {"base": _zeros(trips) + card.base_minor}
    parts |= {name: _zeros(trips) + amounts for name, amounts in _freight(card, loads, trips).items()}
    subtotal = total(parts)
    missing = np.maximum(0, card.minimum_minor - subtotal)
    if missing.any():
        parts["minimum"] = missing
    subtotal = subtotal + missing
    for surcharge in card.surcharges:
        due = _due(surcharge.when, loads, trips)
        if due.any():
            amount = _up(subtotal * surcharge.percent / 100) + surcharge.minor
            parts[surcharge.code] = parts.get(surcharge.code, _zeros(trips)) + np.where(due, amount, 0)
    return parts


def total(parts: dict[str, Minors]) -> Minors:
    """All parts together."""
    return np.asarray(sum(parts.values()), dtype=np.int64)


def chargeable_kg(card: RateCard, loads: Loads) -> Floats:
    """The weight that is paid for: bulky goods count as heavier than they are."""
    if card.litres_per_kg is None:
        return loads.weight_kg
    return np.maximum(loads.weight_kg, loads.volume_l / card.litres_per_kg)


def _freight(card: RateCard, loads: Loads, trips: Trips) -> dict[str, Minors]:
    km = np.maximum(0.0, trips.metres / METRES_PER_KM - card.free_km)
    kg = chargeable_kg(card, loads)
    parts = {
        "distance": _up(card.per_km_minor * km),
        "weight": _up(card.per_kg_minor * np.maximum(0.0, kg - card.free_kg)) + _bracket(card, kg),
    }
    if card.per_stop_minor:
        parts["stop"] = np.full(len(kg), card.per_stop_minor, dtype=np.int64)
    if card.zones:
        of_zone = np.array([card.zones.get(zone.name, 0) for zone in trips.zones] + [0], dtype=np.int64)
        parts["zone"] = of_zone[trips.zone_numbers]
    return parts


def _bracket(card: RateCard, kg: Floats) -> Minors:
    """The price of the first bracket that holds the weight, and above the last what each more kilogram costs."""
    if not card.brackets:
        return np.zeros(len(kg), dtype=np.int64)
    limits = np.array([bracket.up_to_kg for bracket in card.brackets])
    prices = np.array([bracket.minor for bracket in card.brackets], dtype=np.int64)
    number = np.minimum(np.searchsorted(limits, kg, side="left"), len(limits) - 1)
    return np.asarray(prices[number] + _up(card.above_per_kg_minor * np.maximum(0.0, kg - limits[-1])))


def _due(when: Condition, loads: Loads, trips: Trips) -> Flags:
    """For which loads every part of the condition holds."""
    due = np.full(trips.metres.shape, _on_day(when, trips.day))
    for least, amounts in (
        (when.above_kg, loads.weight_kg),
        (when.above_litres, loads.volume_l),
        (when.above_metres, trips.metres),
        (when.above_length_cm, loads.length_cm),
    ):
        if least is not None:
            due &= amounts > least
    if when.zones:
        of_zone = np.array([zone.name in when.zones for zone in trips.zones] + [False])
        due &= of_zone[trips.zone_numbers] & (trips.zone_numbers != NOWHERE)
    if when.postcode_prefixes:
        due &= has_prefix(trips.doors.postcodes, when.postcode_prefixes)
    if when.skills:
        due &= np.fromiter((when.skills <= set(skills) for skills in loads.skills), bool, len(loads.skills))
    return due


def _on_day(when: Condition, day: date) -> bool:
    return (
        (not when.weekdays or weekday(day) in when.weekdays)
        and (when.from_day is None or day >= when.from_day)
        and (when.until_day is None or day <= when.until_day)
    )


def _up(amounts: Floats) -> Minors:
    return np.asarray(np.ceil(np.round(amounts, EXACT_DIGITS)), dtype=np.int64)


def _zeros(trips: Trips) -> Minors:
    return np.zeros(trips.metres.shape, dtype=np.int64)
