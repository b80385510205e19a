"""When a node is open, and until when an order still leaves today. Pure: no clock, no database.

Minutes count on the wall clock of the node's own time zone, so that 08:00 stays 08:00 when clocks change.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.core.geo import Point
from app.models import FulfilmentNode

MINUTES_A_DAY = 1_440


def at_minute(day: date, minute: int, *, zone: ZoneInfo) -> datetime:
    """The instant at which the local wall clock of `day` shows `minute`; 1440 is the next midnight."""
    days, rest = divmod(minute, MINUTES_A_DAY)
    return datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), zone)


def place(node: FulfilmentNode) -> Point:
    """Where it is."""
    return Point(latitude=node.latitude, longitude=node.longitude)


def opening(node: FulfilmentNode, day: date) -> tuple[datetime, datetime]:
    """When it opens and closes on a local day."""
    zone = ZoneInfo(node.time_zone)
    return at_minute(day, node.opens_minute, zone=zone), at_minute(day, node.closes_minute, zone=zone)


def cutoff(node: FulfilmentNode, day: date) -> datetime:
    """Until when an order of a local day still leaves on it."""
    return at_minute(day, node.cutoff_minute, zone=ZoneInfo(node.time_zone))


def is_open(node: FulfilmentNode, at: datetime) -> bool:
    """Whether somebody is there."""
    opens, closes = opening(node, at.astimezone(ZoneInfo(node.time_zone)).date())
    return node.is_active and opens <= at < closes


def first_day(node: FulfilmentNode, ordered_at: datetime) -> date:
    """The first local day on which an order placed now can leave: today before the cut-off, else tomorrow."""
    day = ordered_at.astimezone(ZoneInfo(node.time_zone)).date()
    return day if ordered_at < cutoff(node, day) else day + timedelta(days=1)


def ready_at(node: FulfilmentNode, ordered_at: datetime) -> datetime:
    """The earliest instant at which an order placed now can leave the node."""
    opens, _ = opening(node, first_day(node, ordered_at))
    return max(opens, ordered_at)
