"""Rates with their confidence interval."""

import strawberry

from app.learning import rates


@strawberry.type(name="Rate")
class RateType:
    """A share of 0 to 1, and the interval that holds the true one with 95% confidence."""

    value: float
    low: float
    high: float


def wilson(share: float | None, count: int) -> RateType | None:
    """The share with its Wilson score interval; null where nothing was counted."""
    if share is None or count == 0:
        return None
    found = rates.wilson(share, count)
    return RateType(value=found.value, low=found.low, high=found.high)
