"""Which zone a door is in, whatever its shape."""

import numpy as np
import pytest

from app.core.errors import Refusal
from app.core.geo import Point, great_circle_metres
from app.orchestration.carriers import documents
from app.orchestration.carriers.documents import Zone
from app.orchestration.carriers.zones import NOWHERE, Doors, metres_from, normalised_postcode, zone_numbers

LISBON = Point(latitude=38.72, longitude=-9.14)
SQUARE = ((-9.2, 38.7), (-9.1, 38.7), (-9.1, 38.8), (-9.2, 38.8), (-9.2, 38.7))
HOLE = ((-9.16, 38.74), (-9.14, 38.74), (-9.14, 38.76), (-9.16, 38.76), (-9.16, 38.74))


def doors(*places: tuple[float, float, str], country: str = "PT") -> Doors:
    return Doors(
        latitudes=np.array([place[0] for place in places]),
        longitudes=np.array([place[1] for place in places]),
        countries=[country] * len(places),
        postcodes=[normalised_postcode(place[2]) for place in places],
    )


def found(zones: list[Zone], there: Doors) -> list[int]:
    numbers: list[int] = zone_numbers(zones, there, metres=metres_from(LISBON, there)).tolist()
    return numbers


def test_a_circle_holds_what_is_near_the_node() -> None:
    there = doors((38.72, -9.14, ""), (38.74, -9.14, ""), (41.15, -8.61, ""))
    assert found([Zone(name="NEAR", radius_metres=3_000)], there) == [0, 0, NOWHERE]
    assert metres_from(LISBON, there)[2] == pytest.approx(
        great_circle_metres(LISBON, Point(latitude=41.15, longitude=-8.61))
    )


def test_a_postcode_counts_without_its_blanks_and_dashes_and_a_country_narrows_it() -> None:
    there = doors((0, 0, "1000-205"), (0, 0, "10 00"), (0, 0, "2000"), (0, 0, ""))
    assert found([Zone(name="A", postcode_prefixes=("10-00",))], there) == [0, 0, NOWHERE, NOWHERE]
    assert found([Zone(name="A", country="ES", postcode_prefixes=("10",))], there) == [NOWHERE] * 4


def test_a_polygon_holds_what_is_inside_and_not_what_is_in_its_hole() -> None:
    zone = Zone(name="CITY", polygon=(SQUARE, HOLE))
    there = doors((38.71, -9.15, ""), (38.75, -9.15, ""), (38.85, -9.15, ""), (38.79, -9.11, ""))
    assert found([zone], there) == [0, NOWHERE, NOWHERE, 0]


def test_the_first_zone_that_holds_a_door_is_its_zone() -> None:
    zones = [Zone(name="CITY", polygon=(SQUARE,)), Zone(name="ALL", radius_metres=10_000_000)]
    assert found(zones, doors((38.75, -9.15, ""), (41.15, -8.61, ""))) == [0, 1]


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        ({"zones": [{"name": "A"}]}, "document.zones.0", "exactly one of"),
        ({"zones": [{"name": "A", "radiusMetres": 5, "postcodePrefixes": ["1"]}]}, "document.zones.0", "exactly one"),
        ({"zones": [{"name": "A", "polygon": [[[0, 0], [1, 1], [0, 0]]]}]}, "document.zones.0", "four positions"),
        ({"rates": {"zones": {"B": 1}}}, "document", "zones B, which the service does not have"),
        (
            {"rates": {"brackets": [{"upToKg": 5, "minor": 1}, {"upToKg": 2, "minor": 1}]}},
            "document.rates",
            "must rise",
        ),
        ({"rates": {"surcharges": [{"code": "x"}]}}, "document.rates.surcharges.0", "percent or an amount"),
        ({"cutoffMinute": 1_441}, "document.cutoffMinute", "1441"),
        ({"colour": "red"}, "document.colour", "red"),
    ],
)
def test_a_service_that_makes_no_sense_is_refused_with_the_value(
    document: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(Refusal) as refused:
        documents.parse(document)
    assert (refused.value.code, refused.value.field) == ("SERVICE_INVALID", field)
    assert words in refused.value.message
