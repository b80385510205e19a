"""Whether a promised volume will be reached at the pace so far. Pure."""

from math import erfc, exp, log, sqrt

# Above so many expected arrivals a normal distribution is as good, and faster.
NORMAL_ABOVE = 200.0
# The promise itself is what is expected before anything came, as strongly as a fifth of its time would say otherwise.
PRIOR_SHARE = 0.2


def shortfall_probability(*, booked: int, minimum: int, elapsed_share: float) -> float:
    """The probability that a volume of `booked` after `elapsed_share` (0 to 1) of the time ends below `minimum`.

    What is still to come is Poisson; its rate is the pace so far, drawn to the promised pace (gamma prior).
    """
    missing = minimum - booked
    if missing <= 0:
        return 0.0
    elapsed = min(1.0, max(0.0, elapsed_share))
    pace = (booked + minimum * PRIOR_SHARE) / (elapsed + PRIOR_SHARE)
    return _poisson_below(missing, pace * (1.0 - elapsed))


def _poisson_below(least: int, mean: float) -> float:
    """P(X < least) of a Poisson variable."""
    if mean <= 0:
        return 1.0
    if mean > NORMAL_ABOVE:
        return 0.5 * erfc((mean - (least - 0.5)) / sqrt(2 * mean))
    total, term = 0.0, -mean
    for count in range(least):
        total += exp(term)
        term += log(mean) - log(count + 1)
    return min(1.0, total)
