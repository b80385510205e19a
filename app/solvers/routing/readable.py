"""Seconds in words, for those who read what is wrong with a plan. Knows no time zone: second 0 is the caller's."""

from collections.abc import Iterable

from app.solvers.routing.problem import DAY_SECONDS, TimeWindow


def clock(seconds: int) -> str:
    """09:05, or 09:05:30; on a later day than that of second 0, day 1 09:05."""
    days, rest = divmod(seconds, DAY_SECONDS)
    minutes, odd = divmod(rest, 60)
    time = f"{minutes // 60:02}:{minutes % 60:02}" + (f":{odd:02}" if odd else "")
    return f"day {days} {time}" if days else time


def span(seconds: int) -> str:
    """45 s, 12 min, 12 min 30 s, 2 h, or 2 h 05 min."""
    minutes, odd = divmod(seconds, 60)
    if minutes >= 60:
        return f"{minutes // 60} h" + (f" {minutes % 60:02} min" if minutes % 60 else "")
    return " ".join(
        part for part in (f"{minutes} min" if minutes else "", f"{odd} s" if odd or not minutes else "") if part
    )


def between(windows: Iterable[TimeWindow]) -> str:
    """08:00-09:00 or 14:00-16:00."""
    return " or ".join(f"{clock(window.start_seconds)}-{clock(window.end_seconds)}" for window in windows)


def listed(numbers: Iterable[object]) -> str:
    """1, 2, 3."""
    return ", ".join(str(number) for number in numbers)
