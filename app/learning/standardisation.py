"""What anybody would have achieved with the same mix of work: indirect standardisation. Pure: counts in, shares out.

Each kind of work (a stratum) has the rate that all carriers together achieve at it; a carrier's expected rate is the
mean of these, weighted by its own work (Breslow and Day, "Statistical methods in cancer research II", 1987, chapter 2).
A carrier that drives where everybody is late is so compared with being late there, not with an easier town. The rate of
a stratum seen too little is drawn to the rate of all work (app/learning/shrinkage.py).
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from app.learning.shrinkage import rate_prior

Stratum = TypeVar("Stratum", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """So many successes among so many cases."""

    successes: int
    count: int


def stratum_rates(tallies: Mapping[Stratum, Tally]) -> dict[Stratum, float]:
    """The rate of each kind of work over everybody, drawn to the rate of all work where it was seen too little."""
    if not tallies:
        return {}
    successes = np.array([tally.successes for tally in tallies.values()], dtype=float)
    counts = np.array([tally.count for tally in tallies.values()], dtype=float)
    drawn = rate_prior(successes, counts).drawn(successes, counts)
    return dict(zip(tallies, (float(rate) for rate in drawn), strict=True))


def expected_rate(own: Mapping[Stratum, int], rates: Mapping[Stratum, float]) -> float | None:
    """The rate that `own` work (cases by stratum) would have at everybody's rates; None without any work."""
    total = sum(own.values())
    if total == 0:
        return None
    return sum(count * rates[stratum] for stratum, count in own.items()) / total
