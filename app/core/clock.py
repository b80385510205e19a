"""The only place that reads a clock.

`now()` is business time: what a window, an event or a message lives by. A simulated day sets one offset and one speed
for all processes through `DOORSTEP_CLOCK`. `wall_now()` is machine time: what leases, tokens and signed addresses live
by, so that a day that runs fast does not expire them.
"""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

VARIABLE = "DOORSTEP_CLOCK"


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Maps machine time to business time: at `wall_anchor` it is `business_anchor`, and a second lasts `1 / speed`."""

    wall_anchor: datetime
    business_anchor: datetime
    speed: float

    def at(self, *, wall: datetime) -> datetime:
        """The business time at a machine time."""
        return self.business_anchor + (wall - self.wall_anchor) * self.speed

    def to_environment(self) -> str:
        """The value of `DOORSTEP_CLOCK` that gives another process this very clock."""
        return f"{self.wall_anchor.isoformat()},{self.business_anchor.isoformat()},{self.speed}"


def from_environment(value: str | None) -> Clock | None:
    """The clock that `DOORSTEP_CLOCK` describes, or None where business time is machine time."""
    if not value:
        return None
    try:
        wall, business, speed = value.split(",")
        clock = Clock(
            wall_anchor=datetime.fromisoformat(wall),
            business_anchor=datetime.fromisoformat(business),
            speed=float(speed),
        )
    except ValueError as error:
        raise ValueError(f"{VARIABLE} must be 'wall time,business time,speed', not {value!r}.") from error
    if clock.wall_anchor.tzinfo is None or clock.business_anchor.tzinfo is None or clock.speed <= 0:
        raise ValueError(f"{VARIABLE} needs times with an offset and a speed above zero, not {value!r}.")
    return clock


_clock = from_environment(os.environ.get(VARIABLE))


def use(clock: Clock) -> None:
    """Makes this process live by `clock`, as the processes do that find it in their environment."""
    global _clock
    _clock = clock


def wall_now() -> datetime:
    """Machine time, aware, in UTC."""
    return datetime.now(UTC)


def now() -> datetime:
    """Business time, aware, in UTC."""
    wall = wall_now()
    return wall if _clock is None else _clock.at(wall=wall)


def speed() -> float:
    """Business seconds that pass in one machine second."""
    return 1.0 if _clock is None else _clock.speed


def starting_at(business: datetime, *, speed: float) -> Clock:
    """A clock that shows `business` now and runs at `speed`."""
    return Clock(wall_anchor=wall_now(), business_anchor=business, speed=speed)


def wall_seconds(business: timedelta) -> float:
    """How many machine seconds a span of business time lasts."""
    return business.total_seconds() / speed()


def stopwatch() -> float:
    """Seconds of a clock that never goes back, to measure how long work takes."""
    return time.monotonic()
