"""When a text may go out. Pure.

NOW         worth nothing later: at any hour
ESSENTIAL   about a delivery under way: at any hour but the recipient's own quiet ones
ORDINARY    everything else: from 08:00 to 21:00 of the recipient's local time, and outside its quiet hours
"""

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

QuietHours = tuple[time, time]
NIGHT: QuietHours = (time(21), time(8))


class Urgency(StrEnum):
    """How much a text may wait."""

    NOW = "NOW"
    ESSENTIAL = "ESSENTIAL"
    ORDINARY = "ORDINARY"


URGENCY = {
    "approaching": Urgency.NOW,
    "pin_code": Urgency.NOW,
    "out_for_delivery": Urgency.ESSENTIAL,
    "delivered": Urgency.ESSENTIAL,
    "partially_delivered": Urgency.ESSENTIAL,
    "delivery_failed": Urgency.ESSENTIAL,
    "collected": Urgency.ESSENTIAL,
    "partially_collected": Urgency.ESSENTIAL,
    "collection_failed": Urgency.ESSENTIAL,
    "rescheduled": Urgency.ESSENTIAL,
    "delay_expected": Urgency.ESSENTIAL,
}


def earliest_send_at(kind: str, now: datetime, zone: ZoneInfo, quiet: QuietHours | None = None) -> datetime:
    """The first moment from `now` on at which a message of this kind may go out.

    Quiet hours may span midnight; equal ends mean none. Where they leave no hour of the day, their own end counts: what
    the recipient asked for outweighs our rule.
    """
    urgency = URGENCY.get(kind, Urgency.ORDINARY)
    if urgency is Urgency.NOW:
        return now
    own = [] if quiet is None or quiet[0] == quiet[1] else [quiet]
    closed = [*own, NIGHT] if urgency is Urgency.ORDINARY else own
    # Leaving one closed span may enter the other; a third time round there is no open hour.
    moment = now
    for _ in range(3):
        shut = next((span for span in closed if _is_within(moment.astimezone(zone).time(), span)), None)
        if shut is None:
            return moment
        moment = max(now, _end_of(shut, moment.astimezone(zone)).astimezone(now.tzinfo))
    return earliest_send_at("delivered", now, zone, quiet)


def _end_of(span: QuietHours, moment: datetime) -> datetime:
    """The next time the clock shows the span's end; a time that summer time skips becomes the one after the gap."""
    day = moment.date() + timedelta(days=1 if span[1] <= moment.time() else 0)
    return datetime.combine(day, span[1], moment.tzinfo).astimezone(UTC)


def _is_within(clock: time, span: QuietHours) -> bool:
    start, end = span
    return start <= clock < end if start < end else clock >= start or clock < end
