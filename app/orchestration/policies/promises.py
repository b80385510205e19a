"""Which windows there are, and which one an order is promised that asks for none. Pure: no clock, no database."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.orchestration.policies.areas import area_of
from app.orchestration.policies.documents import PolicyDocument, Promises
from app.orchestration.weekdays import weekday

# A territory is visited within a week; holidays are the nodes' business.
DAYS_AHEAD = 8
HOUR_MINUTES, DAY_MINUTES = 60, 1_440


def promise(policy: PolicyDocument, *, postal_code: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of the first slot that is far enough ahead, on a day on which the door's territory is visited."""
    earliest = now + timedelta(hours=policy.window_lead_hours)
    first = earliest.astimezone(ZoneInfo(policy.promises.time_zone)).date()
    for later in range(DAYS_AHEAD):
        for start, end in _slots_on(policy.promises, first + timedelta(days=later), postal_code=postal_code):
            if start >= earliest:
                return start, end
    return earliest, earliest + timedelta(hours=policy.window_hours)


def windows_on(policy: PolicyDocument, day: date, *, postal_code: str | None) -> list[tuple[datetime, datetime]]:
    """Start and end of the windows of a local day: its slots, or without slots its hours in spans of `windowHours`."""
    if policy.promises.slots:
        return _slots_on(policy.promises, day, postal_code=postal_code)
    zone, length = ZoneInfo(policy.promises.time_zone), min(DAY_MINUTES, policy.window_hours * HOUR_MINUTES)
    return [
        (_at(day, start, zone), _at(day, min(DAY_MINUTES, start + length), zone))
        for start in range(0, DAY_MINUTES, length)
    ]


def _slots_on(promises: Promises, day: date, *, postal_code: str | None) -> list[tuple[datetime, datetime]]:
    """The slots of a day; none where the door's territory is not visited on it."""
    territory, zone = area_of(promises.territories, postal_code), ZoneInfo(promises.time_zone)
    if territory is not None and weekday(day) not in territory.weekdays:
        return []
    return [(_at(day, slot.start_minute, zone), _at(day, slot.end_minute, zone)) for slot in promises.slots]


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """A minute of a local day; 1440 is the midnight after it."""
    midnight = datetime.combine(day, datetime.min.time(), zone)
    return (midnight.replace(tzinfo=None) + timedelta(minutes=minute)).replace(tzinfo=zone)
