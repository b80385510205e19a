"""What a carrier serves, and what it charges."""

import pytest

from app.core.geo import Point
from app.orchestration.carriers import policies
from tests.factories.callers import a_carrier

LISBON, PORTO = Point(latitude=38.72, longitude=-9.14), Point(latitude=41.15, longitude=-8.61)


def test_a_zone_is_a_circle_around_the_node() -> None:
    carrier = a_carrier()
    assert policies.covers(carrier, LISBON, Point(latitude=38.80, longitude=-9.14))
    assert not policies.covers(carrier, LISBON, PORTO)


def test_a_carrier_that_rests_covers_nothing() -> None:
    carrier = a_carrier()
    carrier.is_active = False
    assert not policies.covers(carrier, LISBON, LISBON)


@pytest.mark.parametrize(
    ("distance_metres", "weight_kg", "quote_minor"),
    [(0, 0, 200), (1000, 0, 245), (1001, 0, 246), (10_000, 2.5, 670)],
)
def test_a_quote_is_the_base_and_each_part_rounded_up(
    distance_metres: float, weight_kg: float, quote_minor: int
) -> None:
    carrier = a_carrier()
    carrier.base_minor, carrier.per_km_minor, carrier.per_kg_minor = 200, 45, 8
    assert policies.quote_minor(carrier, distance_metres, weight_kg) == quote_minor


def test_a_carrier_carries_what_its_services_its_weight_and_its_skills_allow() -> None:
    carrier = a_carrier()
    carrier.services, carrier.skills = ["STANDARD"], ["cold"]
    asked = {"service": "STANDARD", "weight_kg": 30.0, "skills": ["cold"]}
    assert policies.carries(carrier, **asked)  # type: ignore[arg-type]  # values of several types
    for change in ({"service": "EXPRESS"}, {"weight_kg": 30.1}, {"skills": ["cold", "glass"]}):
        assert not policies.carries(carrier, **{**asked, **change})  # type: ignore[arg-type]  # values of several types
