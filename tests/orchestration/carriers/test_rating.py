"""What carriage costs by a rate card, to the last minor unit."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orchestration.carriers import rating
from app.orchestration.carriers.documents import RateCard, Zone
from app.orchestration.carriers.rating import Loads, Trips
from app.orchestration.carriers.zones import NOWHERE, Doors

ZONES = (Zone(name="CITY", radius_metres=5_000), Zone(name="ISLAND", postcode_prefixes=("90",)))
SATURDAY, MONDAY = date(2026, 11, 21), date(2026, 11, 23)


def loads(*weights: float, litres: float = 1.0, length: float = 0.0, skills: tuple[str, ...] = ()) -> Loads:
    count = len(weights)
    return Loads(
        weight_kg=np.array(weights),
        volume_l=np.full(count, litres),
        length_cm=np.full(count, length),
        girth_cm=np.zeros(count),
        skills=[skills] * count,
    )


def trips(*metres: float, zone: int = 0, day: date = MONDAY) -> Trips:
    count = len(metres)
    doors = Doors(
        latitudes=np.zeros(count), longitudes=np.zeros(count), countries=["PT"] * count, postcodes=["9000123"] * count
    )
    return Trips(
        metres=np.array(metres), zones=ZONES, zone_numbers=np.full(count, zone, dtype=np.int64), doors=doors, day=day
    )


def price(card: RateCard, load: Loads, trip: Trips) -> list[int]:
    found: list[int] = rating.total(rating.rate(card, load, trip)).tolist()
    return found


def test_base_distance_and_weight_are_each_rounded_up() -> None:
    card = RateCard(base_minor=200, per_km_minor=45, per_kg_minor=8)
    assert price(card, loads(0, 0, 0, 2.5), trips(0, 1_000, 1_001, 10_000)) == [200, 245, 246, 670]


def test_the_first_kilometres_and_kilograms_may_be_free() -> None:
    card = RateCard(per_km_minor=100, free_km=3, per_kg_minor=50, free_kg=2)
    assert price(card, loads(1, 3), trips(2_000, 5_000)) == [0, 250]


def test_a_bracket_holds_its_own_limit_and_the_last_goes_on_by_the_kilogram() -> None:
    card = RateCard(
        brackets=[{"upToKg": 1, "minor": 300}, {"upToKg": 5, "minor": 500}],
        above_per_kg_minor=40,
    )
    assert price(card, loads(1, 1.01, 5, 7.5), trips(0, 0, 0, 0)) == [300, 500, 500, 600]


def test_bulky_goods_pay_for_their_volume() -> None:
    card = RateCard(per_kg_minor=10, litres_per_kg=5)
    assert price(card, loads(2, litres=50), trips(0)) == [100]


def test_a_minimum_fills_up_and_surcharges_come_on_top_of_it() -> None:
    card = RateCard.model_validate(
        {
            "baseMinor": 100,
            "minimumMinor": 400,
            "surcharges": [
                {"code": "fuel", "percent": 12.5},
                {"code": "weekend", "minor": 90, "when": {"weekdays": ["SAT", "SUN"]}},
            ],
        }
    )
    assert price(card, loads(1), trips(0, day=MONDAY)) == [450]
    parts = rating.rate(card, loads(1), trips(0, day=SATURDAY))
    assert {name: int(amounts[0]) for name, amounts in parts.items() if amounts[0]} == {
        "base": 100,
        "minimum": 300,
        "fuel": 50,
        "weekend": 90,
    }


@pytest.mark.parametrize(
    ("when", "is_due"),
    [
        ({"zones": ["ISLAND"]}, False),
        ({"zones": ["CITY"]}, True),
        ({"postcodePrefixes": ["90", "95"]}, True),
        ({"aboveKg": 10}, False),
        ({"aboveKg": 9.9}, True),
        ({"aboveMetres": 4_000}, True),
        ({"aboveLitres": 1}, False),
        ({"aboveLengthCm": 119}, True),
        ({"skills": ["TWO_PERSON"]}, True),
        ({"skills": ["TWO_PERSON", "COLD"]}, False),
        ({"fromDay": "2026-11-23", "untilDay": "2026-12-24"}, True),
        ({"fromDay": "2026-11-24"}, False),
        ({"fromDay": "2026-11-23", "aboveKg": 50}, False),
    ],
)
def test_a_surcharge_is_due_where_all_of_its_condition_holds(when: dict[str, Any], is_due: bool) -> None:
    card = RateCard.model_validate({"surcharges": [{"code": "extra", "minor": 7, "when": when}]})
    load = loads(10, length=120, skills=("TWO_PERSON",))
    assert price(card, load, trips(4_500)) == [7 if is_due else 0]


def test_zones_have_prices_and_nowhere_has_none() -> None:
    card = RateCard(zones={"CITY": 100, "ISLAND": 900})
    found = [price(card, loads(1), trips(0, zone=zone))[0] for zone in (0, 1, NOWHERE)]
    assert found == [100, 900, 0]


@given(
    weights=st.lists(st.floats(0, 100), min_size=1, max_size=8),
    metres=st.floats(0, 50_000),
    percent=st.floats(0.1, 50),
    day=st.sampled_from([SATURDAY, MONDAY]),
)
def test_many_at_once_cost_what_each_costs_alone_and_more_weight_never_less(
    weights: list[float], metres: float, percent: float, day: date
) -> None:
    card = RateCard.model_validate(
        {
            "baseMinor": 150,
            "perKmMinor": 33,
            "perKgMinor": 7,
            "minimumMinor": 500,
            "surcharges": [{"code": "fuel", "percent": percent, "when": {"weekdays": ["SAT"]}}],
        }
    )
    rising = sorted(weights)
    together = price(card, loads(*rising), trips(*[metres] * len(rising), day=day))
    assert together == [price(card, loads(weight), trips(metres, day=day))[0] for weight in rising]
    assert together == sorted(together)
