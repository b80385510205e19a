"""When a node is open, and until when an order still leaves today. Pure: no clock, no database.

Minutes count on the wall clock of the node's own time zone, so that 08:00 stays 08:00 when clocks change.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.core.geo import Point
from app.models import FulfilmentNode
from app.orchestration.nodes.documents import Calendar, Hours, parse
from app.orchestration.weekdays import weekday

MINUTES_A_DAY = 1_440
# A node that is closed for longer than this says nothing of when it opens again.
LONGEST_CLOSED_DAYS = 60


def at_minute(day: date, minute: int, *, zone: ZoneInfo) -> datetime:
    """The instant at which the local wall clock of `day` shows `minute`; 1440 is the next midnight."""
    days, rest = divmod(minute, MINUTES_A_DAY)
    return datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), zone)


def place(node: FulfilmentNode) -> Point:
    """Where it is."""
    return Point(latitude=node.latitude, longitude=node.longitude)


def opening(node: FulfilmentNode, day: date) -> tuple[datetime, datetime]:
    """When it opens and closes on a local day; where it is closed, both are the same instant."""
    zone, hours = ZoneInfo(node.time_zone), hours_of(node, day)
    if hours is None:
        closed = at_minute(day, node.opens_minute, zone=zone)
        return closed, closed
    return at_minute(day, hours.opens_minute, zone=zone), at_minute(day, hours.closes_minute, zone=zone)


def hours_of(node: FulfilmentNode, day: date) -> Hours | None:
    """Its hours on a local day, None where it is closed: those of the day, of the weekday, or of every day."""
    usual = Hours(opens_minute=node.opens_minute, closes_minute=node.closes_minute)
    calendar = calendar_of(node)
    return calendar.days.get(day, calendar.hours.get(weekday(day), usual))


def calendar_of(node: FulfilmentNode) -> Calendar:
    """Its calendar; an empty one where it has none."""
    return parse(node.calendar) if node.calendar else Calendar()


def cutoff(node: FulfilmentNode, day: date, *, service: str | None = None) -> datetime:
    """Until when an order of a local day still leaves on it, by a service."""
    minute = calendar_of(node).cutoffs.get(service or "", node.cutoff_minute)
    return at_minute(day, minute, zone=ZoneInfo(node.time_zone))


def daily_throughput(node: FulfilmentNode, day: date, *, after: datetime | None = None) -> int:
    """How many shipments it can handle on a local day, or in what is left of it after an instant."""
    opens, closes = opening(node, day)
    start = opens if after is None else max(opens, after)
    return int(node.throughput_per_hour * max(0.0, (closes - start).total_seconds() / 3_600))


def keeps(node: FulfilmentNode, goods_kind: str) -> bool:
    """Whether it can keep goods of a kind."""
    return not node.goods_kinds or goods_kind in node.goods_kinds


def is_open(node: FulfilmentNode, at: datetime) -> bool:
    """Whether somebody is there."""
    opens, closes = opening(node, at.astimezone(ZoneInfo(node.time_zone)).date())
    return node.is_active and opens <= at < closes


def first_day(node: FulfilmentNode, ordered_at: datetime) -> date:
    """The first local day on which an order placed now can leave: today before the cut-off, else the next open day."""
    day = ordered_at.astimezone(ZoneInfo(node.time_zone)).date()
    if ordered_at >= cutoff(node, day):
        day += timedelta(days=1)
    for later in range(LONGEST_CLOSED_DAYS):
        if hours_of(node, day + timedelta(days=later)) is not None:
            return day + timedelta(days=later)
    return day


def ready_at(node: FulfilmentNode, ordered_at: datetime) -> datetime:
    """The earliest instant at which an order placed now can leave the node."""
    opens, _ = opening(node, first_day(node, ordered_at))
    return max(opens, ordered_at)
