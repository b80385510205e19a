"""Rates with the interval that holds the true one. Pure."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A share of 0 to 1, and where the true one lies with the confidence that was asked for."""

    value: float
    low: float
    high: float


def wilson(share: float, count: int, *, confidence: float = CONFIDENCE) -> Interval:
    """The Wilson score interval of a share seen in `count` > 0 cases (Wilson, JASA 22, 1927).

    Unlike the normal interval it stays within 0 to 1, and is wide enough where the share is near either end or the
    count is small (Brown, Cai and DasGupta, "Interval estimation for a binomial proportion", 2001).
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return Interval(value=share, low=max(0.0, centre - half), high=min(1.0, centre + half))
