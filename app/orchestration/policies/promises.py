"""Which window an order is promised that asks for none. Pure: no clock, no database."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.orchestration.policies.documents import PolicyDocument, Promises, Territory
from app.orchestration.weekdays import weekday

# A territory is visited within a week; holidays are the nodes' business.
DAYS_AHEAD = 8


def promise(policy: PolicyDocument, *, postal_code: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of the first slot that is far enough ahead, on a day on which the door's territory is visited."""
    earliest = now + timedelta(hours=policy.window_lead_hours)
    promises = policy.promises
    zone = ZoneInfo(promises.time_zone)
    territory = territory_of(promises, postal_code)
    first = earliest.astimezone(zone).date()
    for later in range(DAYS_AHEAD):
        day = first + timedelta(days=later)
        if territory is not None and weekday(day) not in territory.weekdays:
            continue
        for slot in promises.slots:
            start = _at(day, slot.start_minute, zone)
            if start >= earliest:
                return start, _at(day, slot.end_minute, zone)
    return earliest, earliest + timedelta(hours=policy.window_hours)


def territory_of(promises: Promises, postal_code: str | None) -> Territory | None:
    """The territory whose prefix fits the postal code best; None: visited on any day."""
    code = (postal_code or "").replace(" ", "").upper()
    fitting = [
        (len(prefix), territory)
        for territory in promises.territories
        for prefix in territory.postal_code_prefixes
        if code.startswith(prefix.replace(" ", "").upper())
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """A minute of a local day; 1440 is the midnight after it."""
    midnight = datetime.combine(day, datetime.min.time(), zone)
    return (midnight.replace(tzinfo=None) + timedelta(minutes=minute)).replace(tzinfo=zone)
