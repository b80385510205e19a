"""Empirical Bayes: what a group really does, drawn to what its kind does where it has been seen too little. Pure.

Rates are beta-binomial and means are normal, each with the method of moments for the spread between groups (Efron and
Morris, "Data analysis using Stein's estimator and its generalizations", JASA 70, 1975; Casella, "An introduction to
empirical Bayes data analysis", The American Statistician 39, 1985). Leaves out where the counts come from.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# How many observations the kind's own value is worth where the groups do not show how far they lie apart.
USUAL_STRENGTH = 50.0
LEAST_STRENGTH, MOST_STRENGTH = 1.0, 10_000.0
LEAST_GROUPS = 3


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What a group is drawn to: `value`, as strongly as `strength` observations of its own would say otherwise."""

    value: float
    strength: float

    def drawn(self, totals: Floats, counts: Floats) -> Floats:
        """The groups' sums and counts as means, drawn to the value. A group without counts has the value itself."""
        return np.asarray((totals + self.value * self.strength) / (counts + self.strength))


def rate_prior(successes: Floats, counts: Floats, *, value: float | None = None) -> Prior:
    """The beta prior of rates, as mean and strength (a + b). `value` overrides the pooled rate.

    Moments as in Kleinman, "Proportions with extraneous variance", JASA 68, 1973, weighted by the counts.
    """
    total = float(counts.sum())
    pooled = float(successes.sum()) / total if total else 0.5
    seen = counts > 0
    if seen.sum() < LEAST_GROUPS or pooled in (0.0, 1.0):
        return Prior(value=pooled if value is None else value, strength=USUAL_STRENGTH)
    weights = counts[seen] / total
    rates = successes[seen] / counts[seen]
    spread = float(np.sum(weights * (rates - pooled) ** 2))
    within = pooled * (1 - pooled)
    shares = float(np.sum(weights * (1 - weights) / counts[seen]))
    between = (spread - within * shares) / max(float(np.sum(weights * (1 - weights))) - shares, 1e-12)
    strength = within / between - 1 if between > 0 else MOST_STRENGTH
    return Prior(value=pooled if value is None else value, strength=_kept(strength))


def mean_prior(sums: Floats, squares: Floats, counts: Floats, *, value: float | None = None) -> Prior:
    """The normal prior of means: `strength` is the variance within groups over that between them.

    The DerSimonian-Laird moment estimate (Controlled Clinical Trials 7, 1986) with one variance within all groups.
    """
    total = float(counts.sum())
    pooled = float(sums.sum()) / total if total else 0.0
    seen = counts > 0
    groups = int(seen.sum())
    within = (float(squares[seen].sum()) - float(np.sum(sums[seen] ** 2 / counts[seen]))) / max(total - groups, 1.0)
    if groups < LEAST_GROUPS or within <= 0:
        return Prior(value=pooled if value is None else value, strength=USUAL_STRENGTH)
    means = sums[seen] / counts[seen]
    excess = float(np.sum(counts[seen] * (means - pooled) ** 2)) - (groups - 1) * within
    between = excess / max(total - float(np.sum(counts[seen] ** 2)) / total, 1e-12)
    strength = within / between if between > 0 else MOST_STRENGTH
    return Prior(value=pooled if value is None else value, strength=_kept(strength))


def _kept(strength: float) -> float:
    return min(MOST_STRENGTH, max(LEAST_STRENGTH, strength))
