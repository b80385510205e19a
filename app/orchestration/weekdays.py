"""The days of the week as documents name them. Pure."""

from datetime import date
from enum import StrEnum


class Weekday(StrEnum):
    """A day of the week, in the order of `date.weekday`."""

    MON = "MON"
    TUE = "TUE"
    WED = "WED"
    THU = "THU"
    FRI = "FRI"
    SAT = "SAT"
    SUN = "SUN"


EVERY_DAY = tuple(Weekday)


def weekday(day: date) -> Weekday:
    """Which day of the week it is."""
    return EVERY_DAY[day.weekday()]
