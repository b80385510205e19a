"""Whose clock to believe, and in which order to take what a device recorded. Pure: no clock, no database."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.core.errors import Refusal

MOST_EVENTS = 500
# A difference that the way through the network explains, and how far in the future a time may lie.
TOLERANCE = timedelta(minutes=2)


def check_count(count: int, *, most: int, field: str) -> None:
    """Refuses a batch that is too long to be one unit of work."""
    if count > most:
        raise Refusal(
            "TOO_MANY", f"A batch has at most {most} {field}, not {count}. Send the rest after it.", field=field
        )


def skew(*, sent_at: datetime | None, now: datetime) -> timedelta:
    """What to add to the device's times. Nothing where it does not say when it sent, or is right enough."""
    if sent_at is None or abs(now - sent_at) <= TOLERANCE:
        return timedelta()
    return now - sent_at


def corrected(device_at: datetime, *, skew: timedelta, now: datetime) -> datetime:
    """When it happened by our clock. What would lie in the future has happened now."""
    at = device_at + skew
    return now if at > now + TOLERANCE else at


def in_order(times: Sequence[datetime]) -> list[int]:
    """The positions of a batch by the device's time; equal times keep the order in which they were sent."""
    return sorted(range(len(times)), key=lambda position: times[position])
