"""When the rest of a route will be reached, projected from the last known fact. Pure: no clock, no database.

The way ahead is summed in means, as medians run short along a route. Its uncertainty has two parts: one of each drive
and service alone, which averages out, and one that the whole route shares (the driver's day, the traffic), which does
not; so the buffer belongs to the route and not to the leg. Waiting for a window uses a delay up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import hypot
from statistics import NormalDist

# Standard deviations as shares of the mean, from logged routes: P80 of a whole route lies 13% above its mean, and the
# logarithm of one drive spreads by 0.42, a quarter of that variance being the route's.
ROUTE_SHARE = 0.13 / NormalDist().inv_cdf(0.80)
DRIVE_SHARE = 0.42 * 0.75**0.5
SERVICE_SHARE = 0.5
CONFIDENCE = 0.8


@dataclass(frozen=True, kw_only=True)
class Leg:
    """The drive to a stop, and the stop."""

    drive_seconds: int
    service_seconds: int
    opens_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Eta:
    """When a visit starts: the mean, and an interval that holds it with the confidence."""

    expected: datetime
    earliest: datetime
    latest: datetime
    confidence: float = CONFIDENCE


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What is known for sure: from `at` on, `busy_seconds` of service are left before the first drive begins."""

    at: datetime
    busy_seconds: int = 0


@dataclass
class _Spread:
    """How uncertain a moment on the way is, in seconds."""

    alone_variance: float = 0.0
    shared_mean: float = 0.0
    used_up: float = 0.0

    def add(self, *, drive: float = 0.0, service: float = 0.0) -> None:
        self.alone_variance += (DRIVE_SHARE * drive) ** 2 + (SERVICE_SHARE * service) ** 2
        self.shared_mean += drive + service

    def half_width(self, z: float) -> float:
        return max(0.0, z * hypot(self.alone_variance**0.5, ROUTE_SHARE * self.shared_mean) - self.used_up)


def project(fact: Fact, legs: Sequence[Leg], *, now: datetime, confidence: float = CONFIDENCE) -> list[Eta]:
    """The ETA of every stop ahead, in order. None lies in the past: what should have happened is expected now."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    spread, moment, found = _Spread(), fact.at, []
    spread.add(service=fact.busy_seconds)
    moment += timedelta(seconds=fact.busy_seconds)
    for leg in legs:
        spread.add(drive=leg.drive_seconds)
        moment = max(moment + timedelta(seconds=leg.drive_seconds), now)
        arrival, half = moment, timedelta(seconds=spread.half_width(z))
        if leg.opens_at is not None and arrival < leg.opens_at:
            spread.used_up += (leg.opens_at - arrival).total_seconds()
            moment = leg.opens_at
        found.append(
            Eta(
                expected=moment,
                earliest=max(arrival - half, now, leg.opens_at or now),
                latest=max(arrival + half, moment),
                confidence=confidence,
            )
        )
        spread.add(service=leg.service_seconds)
        moment += timedelta(seconds=leg.service_seconds)
    return found


def share_of_interval(eta: Eta, share: float, *, least: timedelta) -> timedelta:
    """How far a time has to move to matter: the less sure it is, the farther."""
    return max(least, (eta.latest - eta.earliest) * share)


def has_moved(before: datetime | None, after: datetime, *, by: timedelta) -> bool:
    """Whether an announced time is so far off that it has to be announced anew."""
    return before is None or abs(after - before) > by


def probability_late(eta: Eta, *, deadline: datetime) -> float:
    """The probability that the visit starts after the deadline, of a normal distribution through the interval."""
    z = NormalDist().inv_cdf(0.5 + eta.confidence / 2)
    deviation = max((eta.latest - eta.expected).total_seconds() / z, 1.0)
    return 1.0 - NormalDist().cdf((deadline - eta.expected).total_seconds() / deviation)
