from datetime import UTC, datetime, timedelta

import pytest

from app.orchestration.allocations.bidding import Bid

MORNING = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "left", "price"),
    [
        (0, 40, 100.0),
        (12, 20, 100.0),
        (12, 10, 200.0),
        (12, 40, 50.0),
        (12, 1, 400.0),
        (23, 40, 25.0),
        (48, 40, 25.0),
        (12, 0, 100.0),
    ],
)
def test_a_price_follows_what_is_left_by_at_most_a_factor_of_four(hours: int, left: int, price: float) -> None:
    bid = Bid(price_minor=100.0, capacity=40, at=MORNING)
    assert bid.moved(left=left, now=MORNING + timedelta(hours=hours)) == price


def test_what_is_worth_nothing_stays_so() -> None:
    bid = Bid(price_minor=0.0, capacity=40, at=MORNING)
    assert bid.moved(left=1, now=MORNING) == 0.0
