"""Which days can be planned: from today on, and not absurdly far. Pure: no clock, no database."""

from datetime import date, timedelta

from app.core.errors import Refusal

MOST_AHEAD = timedelta(days=366)


def planned_days(first: date, days: int, *, today: date) -> tuple[date, int]:
    """The first day and the number of days that are left of so many from `first` on; refuses where none is left."""
    over = max(0, (today - first).days)
    if over >= days:
        raise Refusal(
            "DATE_INVALID", f"The day {_last(first, days)} is over. Send {today} or a later date.", field="date"
        )
    if first - today > MOST_AHEAD:
        raise Refusal(
            "DATE_INVALID",
            f"The day {first} is more than {MOST_AHEAD.days} days ahead. Send {today + MOST_AHEAD} or an earlier date.",
            field="date",
        )
    return max(first, today), days - over


def _last(first: date, days: int) -> date:
    return first + timedelta(days=days - 1)
