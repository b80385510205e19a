"""Rates with intervals, and what anybody would have achieved at the same mix of work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.learning.rates import wilson
from app.learning.standardisation import Tally, expected_rate, stratum_rates


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    [(0.5, 10, 0.2366, 0.7634), (1.0, 10, 0.7225, 1.0), (0.0, 10, 0.0, 0.2775), (0.95, 400, 0.9240, 0.9674)],
)
def test_the_interval_is_wilsons(share: float, count: int, low: float, high: float) -> None:
    found = wilson(share, count)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 5_000), st.data())
def test_the_interval_holds_the_share_and_narrows_with_the_count(count: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, count)) / count
    found, more = wilson(share, count), wilson(share, count * 4)
    assert 0.0 <= found.low <= share + 1e-12
    assert share - 1e-12 <= found.high <= 1.0
    assert more.high - more.low < found.high - found.low


def test_who_works_where_everybody_is_late_is_expected_to_be_late() -> None:
    tallies = {"town": Tally(successes=960, count=1_000), "hills": Tally(successes=600, count=1_000)}
    rates = stratum_rates(tallies)
    assert rates["town"] == pytest.approx(0.96, abs=0.02)
    assert rates["hills"] == pytest.approx(0.60, abs=0.02)
    mixed = expected_rate({"town": 100, "hills": 300}, rates)
    assert mixed == pytest.approx(0.25 * rates["town"] + 0.75 * rates["hills"])


def test_all_carriers_together_are_expected_to_do_what_they_did() -> None:
    tallies = {"a": Tally(successes=90, count=100), "b": Tally(successes=50, count=100)}
    expected = expected_rate({name: tally.count for name, tally in tallies.items()}, stratum_rates(tallies))
    assert expected == pytest.approx(0.7, abs=1e-6)


def test_one_bad_delivery_on_a_new_lane_says_little_of_the_lane() -> None:
    tallies = {str(lane): Tally(successes=95, count=100) for lane in range(5)} | {"new": Tally(successes=0, count=1)}
    assert stratum_rates(tallies)["new"] > 0.85


def test_without_work_nothing_is_expected() -> None:
    assert expected_rate({}, {}) is None
    assert stratum_rates({}) == {}
