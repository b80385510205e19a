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
class Halt:
    """Time spent that is neither a drive nor a visit, after a drive of its own: a reload, a break, a rest.

    `begins_at`: no earlier than that. `is_work`: it takes as long as it takes, as a visit does; rests are kept to.
    """

    seconds: int
    drive_seconds: int = 0
    begins_at: datetime | None = None
    is_work: bool = False


@dataclass(frozen=True, kw_only=True)
class Leg:
    """The drive to a stop, and the stop; with halts on the way, and on arrival, before the visit."""

    drive_seconds: int
    service_seconds: int
    opens_at: datetime | None = None
    on_the_way: Sequence[Halt] = ()
    on_arrival: Sequence[Halt] = ()


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
class _Clock:
    """A moment on the way, and how uncertain it is, in seconds."""

    moment: datetime
    now: datetime
    alone_variance: float = 0.0
    shared_mean: float = 0.0
    used_up: float = 0.0

    def drive(self, seconds: int) -> None:
        """None ends in the past."""
        self._spread(seconds, DRIVE_SHARE)
        self.moment = max(self.moment + timedelta(seconds=seconds), self.now)

    def work(self, seconds: int) -> None:
        """A visit, or loading."""
        self._spread(seconds, SERVICE_SHARE)
        self.moment += timedelta(seconds=seconds)

    def wait(self, until: datetime | None) -> None:
        """Uses a delay up."""
        if until is not None and self.moment < until:
            self.used_up += (until - self.moment).total_seconds()
            self.moment = until

    def halt(self, halt: Halt) -> None:
        """The drive to it, and the halt."""
        if halt.drive_seconds:
            self.drive(halt.drive_seconds)
        self.wait(halt.begins_at)
        if halt.is_work:
            self.work(halt.seconds)
        else:
            self.moment += timedelta(seconds=halt.seconds)

    def half_width(self, z: float) -> float:
        """Of the interval."""
        return max(0.0, z * hypot(self.alone_variance**0.5, ROUTE_SHARE * self.shared_mean) - self.used_up)

    def _spread(self, seconds: int, share: float) -> None:
        self.alone_variance += (share * seconds) ** 2
        self.shared_mean += seconds


def project(fact: Fact, legs: Sequence[Leg], *, now: datetime, confidence: float = CONFIDENCE) -> list[Eta]:
    """The ETA of every stop ahead, in order. None lies in the past: what should have happened is expected now."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    clock, found = _Clock(moment=fact.at, now=now), []
    clock.work(fact.busy_seconds)
    for leg in legs:
        for halt in leg.on_the_way:
            clock.halt(halt)
        clock.drive(leg.drive_seconds)
        for halt in leg.on_arrival:
            clock.halt(halt)
        arrival, half = clock.moment, timedelta(seconds=clock.half_width(z))
        clock.wait(leg.opens_at)
        found.append(
            Eta(
                expected=clock.moment,
                earliest=max(arrival - half, now, leg.opens_at or now),
                latest=max(arrival + half, clock.moment),
                confidence=confidence,
            )
        )
        clock.work(leg.service_seconds)
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
