"""Rates with their confidence interval."""

from math import sqrt
from statistics import NormalDist

import strawberry

CONFIDENCE = 0.95


@strawberry.type(name="Rate")
class RateType:
    """A share of 0 to 1, and the interval that holds the true one with 95% confidence."""

    value: float
    low: float
    high: float


def wilson(share: float | None, count: int) -> RateType | None:
    """The share with its Wilson score interval (Wilson 1927); null where nothing was counted."""
    if share is None or count == 0:
        return None
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return RateType(value=share, low=max(0.0, centre - half), high=min(1.0, centre + half))
