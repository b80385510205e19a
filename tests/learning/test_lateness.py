"""Lanes are drawn to their carrier and carriers to each other, the more the less was seen of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.learning.commitments import shortfall_probability
from app.learning.lateness import NOTHING_SEEN, LaneHistory, learn
from app.learning.shrinkage import MOST_STRENGTH, mean_prior, rate_prior


def lane(carrier: str, name: str, deliveries: int, in_time: int, late: float = 0.0) -> LaneHistory:
    missed = deliveries - in_time
    return LaneHistory(
        carrier=carrier,
        lane=name,
        deliveries=deliveries,
        in_time=in_time,
        late_seconds=late * missed,
        late_seconds_squared=late * late * missed,
    )


def test_before_anything_was_delivered_nobody_is_expected_to_be_late() -> None:
    assert learn([]).expected("swift", "lane") == NOTHING_SEEN


def test_a_lane_of_few_deliveries_says_what_its_carrier_does_and_one_of_many_what_it_did() -> None:
    history = [lane("swift", f"L{number}", 500, 450 + number, 600) for number in range(8)]
    table = learn([*history, lane("swift", "rare", 2, 0, 3_600), lane("swift", "poor", 2_000, 1_600, 3_600)])
    carrier = table.expected("swift", "never seen").on_time_probability
    assert 0.9 * carrier < table.expected("swift", "rare").on_time_probability < carrier
    assert table.expected("swift", "poor").on_time_probability == pytest.approx(0.8, abs=0.02)
    assert table.expected("swift", "poor").late_seconds == pytest.approx(720, rel=0.05)


def test_a_new_carrier_is_expected_to_do_what_carriers_do() -> None:
    table = learn([lane("a", "L", 100, 90, 600), lane("b", "L", 300, 240, 600)])
    assert table.expected("new", "L").on_time_probability == pytest.approx(330 / 400)


def test_groups_that_do_not_differ_are_taken_as_one() -> None:
    counts = np.full(6, 200.0)
    prior = rate_prior(counts * 0.9, counts)
    assert (round(prior.value, 9), prior.strength) == (0.9, MOST_STRENGTH)


def test_groups_that_differ_wildly_keep_what_they_did() -> None:
    counts = np.full(6, 1_000.0)
    prior = rate_prior(counts * np.array([0.1, 0.9, 0.1, 0.9, 0.1, 0.9]), counts)
    assert prior.strength < 5


def test_the_strength_of_a_rate_is_found_again_from_groups_that_were_drawn_with_it() -> None:
    random = np.random.default_rng(1)
    rates, counts = random.beta(36, 4, size=400), np.full(400, 200.0)
    prior = rate_prior(random.binomial(200, rates).astype(float), counts)
    assert prior.value == pytest.approx(0.9, abs=0.01)
    assert prior.strength == pytest.approx(40, rel=0.25)


def test_the_strength_of_a_mean_is_the_variance_within_over_that_between() -> None:
    random = np.random.default_rng(1)
    means, counts = random.normal(600, 100, size=4_000), np.full(4_000, 50.0)
    samples = random.normal(means[:, None], 400, size=(4_000, 50))
    prior = mean_prior(samples.sum(axis=1), (samples**2).sum(axis=1), counts)
    assert prior.value == pytest.approx(600, abs=20)
    assert prior.strength == pytest.approx(16, rel=0.1)


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 1)), min_size=1, max_size=10))
def test_what_is_expected_lies_between_what_a_lane_did_and_what_its_carrier_does(rows: list[tuple[int, float]]) -> None:
    history = [lane("swift", str(at), count, round(count * share), 900) for at, (count, share) in enumerate(rows)]
    table = learn(history)
    carrier = table.carriers["swift"].on_time_probability
    for row in history:
        own, found = row.in_time / row.deliveries, table.expected("swift", row.lane).on_time_probability
        assert min(own, carrier) - 1e-9 <= found <= max(own, carrier) + 1e-9


@pytest.mark.parametrize(
    ("booked", "minimum", "share", "low", "high"),
    [
        (100, 100, 0.1, 0, 0),
        (0, 100, 1.0, 1, 1),
        (99, 100, 1.0, 1, 1),
        (50, 100, 0.5, 0.4, 0.6),
        (900, 1_000, 0.5, 0, 1e-6),
    ],
)
def test_the_chance_to_miss_a_promised_volume(booked: int, minimum: int, share: float, low: float, high: float) -> None:
    found = shortfall_probability(booked=booked, minimum=minimum, elapsed_share=share)
    assert low <= found <= high
