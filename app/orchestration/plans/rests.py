"""What a driver's records say of rests: where a van must have stood still, whether it was lunch, the work since. Pure.

Nobody records a rest. But a way that took far longer than the drive, an arrival before the window opens, and the time
from the handover to the departure are no work. What is not certain counts as work: drivers rather rest twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from app.core.geo import Point
from app.orchestration.nodes.policies import at_minute
from app.orchestration.policies.documents import Planning
from app.orchestration.travel import drive_seconds

# A drive may take so many times what it should, in the slowest traffic, before the van must have stood still.
SLOWEST = 2.0
NOTHING = timedelta()


class Mark(StrEnum):
    """What was recorded: the van left the node or a door, it arrived at one, the visit ended."""

    LEFT = "LEFT"
    ARRIVED = "ARRIVED"
    ENDED = "ENDED"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One thing that a driver recorded, and where. Of a stop, `opens_at` its window and the planned `drive_seconds`."""

    mark: Mark
    at: datetime
    place: Point
    opens_at: datetime | None = None
    drive_seconds: int = 0


@dataclass(frozen=True, kw_only=True)
class Standstill:
    """Somewhen between two moments the van stood still for so long."""

    since: datetime
    until: datetime
    length: timedelta

    def certainly_within(self, start: datetime, end: datetime) -> timedelta:
        """How much of it lies in a span, whenever it was."""
        outside = max(NOTHING, start - self.since) + max(NOTHING, self.until - end)
        return max(NOTHING, self.length - outside)


@dataclass(frozen=True, kw_only=True)
class Rested:
    """Whether a driver has had lunch, and how long the work has been since the last rest."""

    had_lunch: bool = False
    worked: timedelta = NOTHING


def rested(
    records: Sequence[Record], planning: Planning, *, kind: str, day: date, zone: ZoneInfo, at: datetime
) -> Rested:
    """What the records of a vehicle of a kind, in the order of their times, say at a moment after them."""
    if not records:
        return Rested()
    found = list(standstills(records, speed_factor=_slowest(planning, kind)))
    return Rested(
        had_lunch=_had_lunch(found, planning, day=day, zone=zone),
        worked=_worked(found, since=records[0].at, at=at, rest=timedelta(minutes=planning.rest_minutes)),
    )


def _slowest(planning: Planning, kind: str) -> float:
    """What is left of a van's speed in the worst traffic."""
    known = planning.vehicle_kinds.get(kind)
    traffic = [band.speed_factor for band in planning.traffic] if known is None or known.in_traffic else []
    return planning.speed_factor(kind) * min(traffic, default=1.0)


def standstills(records: Sequence[Record], *, speed_factor: float = 1.0) -> Iterator[Standstill]:
    """Where the van must have stood still without any work, between two records each."""
    for before, after in pairwise(records):
        if after.mark is Mark.ARRIVED:
            estimate = drive_seconds(before.place, after.place) / speed_factor
            drive = timedelta(seconds=round(SLOWEST * max(after.drive_seconds, estimate)))
            since, until, length = before.at, after.at, after.at - before.at - drive
        elif before.mark is Mark.ARRIVED:
            since, until = before.at, min(after.at, before.opens_at or before.at)
            length = until - since
        else:
            since, until, length = before.at, after.at, after.at - before.at
        if length > NOTHING:
            yield Standstill(since=since, until=until, length=length)


def _had_lunch(found: Sequence[Standstill], planning: Planning, *, day: date, zone: ZoneInfo) -> bool:
    lunch = planning.lunch
    if lunch is None:
        return False
    length = timedelta(minutes=lunch.minutes)
    opens, closes = (at_minute(day, minute, zone=zone) for minute in (lunch.from_minute, lunch.to_minute))
    return any(each.certainly_within(opens, closes + length) >= length for each in found)


def _worked(found: Sequence[Standstill], *, since: datetime, at: datetime, rest: timedelta) -> timedelta:
    """From the end of the last rest, which may have come first between its records."""
    after: list[Standstill] = []
    for each in found:
        if each.length >= rest:
            since, after = each.since + each.length, []
        else:
            after.append(each)
    return max(NOTHING, at - since - sum((each.length for each in after), NOTHING))
