"""When a text may go out. Pure.

What is not urgent waits for 08:00 to 21:00 of the recipient's local time, and for the end of its own quiet hours.
"""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = (time(8), time(21))
# What a person waits for right now goes out at any hour.
URGENT = frozenset(
    {"out_for_delivery", "approaching", "delivered", "partially_delivered", "delivery_failed", "pin_code"}
)
QuietHours = tuple[time, time]


def earliest_send_at(kind: str, now: datetime, zone: ZoneInfo, quiet: QuietHours | None = None) -> datetime:
    """The first moment from `now` on at which a message of this kind may go out."""
    local = now.astimezone(zone)
    if kind not in URGENT:
        if local.time() < DAY[0]:
            local = _at(local, DAY[0])
        elif local.time() >= DAY[1]:
            local = _at(local + timedelta(days=1), DAY[0])
        if quiet is not None and _is_within(local.time(), quiet):
            local = _at(local + timedelta(days=quiet[1] <= local.time()), quiet[1])
    return max(now, local.astimezone(now.tzinfo))


def _at(moment: datetime, clock: time) -> datetime:
    return datetime.combine(moment.date(), clock, moment.tzinfo)


def _is_within(clock: time, quiet: QuietHours) -> bool:
    start, end = quiet
    return start <= clock < end if start < end else clock >= start or clock < end
