"""Checks that the rows of several nouns share. Pure: each answers a user error, or None where the value may stay."""

import math
from collections.abc import Iterable, Mapping
from zoneinfo import available_timezones

from app.core.errors import UserError
from app.core.geo import Point

LONGEST_REFERENCE = 100
LONGEST_TEXT = 500
MINUTES_A_DAY = 1_440


def reference(value: str, *, field: str) -> UserError | None:
    """Refuses an empty or overlong reference, and one with blanks around it."""
    if 1 <= len(value) <= LONGEST_REFERENCE and value == value.strip() and value.isprintable():
        return None
    return UserError(
        code="REFERENCE_INVALID",
        message=f"{value[:LONGEST_REFERENCE]!r} is no reference: send 1 to {LONGEST_REFERENCE} printable characters.",
        field=field,
    )


def text(value: str | None, *, field: str, is_required: bool = False) -> UserError | None:
    """Refuses a required text that is blank, and any that is overlong."""
    if is_required and not (value or "").strip():
        return UserError(code="TEXT_MISSING", message=f"{field.rsplit('.', 1)[-1]} is empty. Send a text.", field=field)
    if value is not None and len(value) > LONGEST_TEXT:
        return UserError(
            code="TEXT_TOO_LONG",
            message=f"{value[:40]!r}… has {len(value)} characters. Send at most {LONGEST_TEXT}.",
            field=field,
        )
    return None


def location(point: Point, *, field: str) -> UserError | None:
    """Refuses what is not on the globe, and 0, 0: nobody lives there, but much bad data does."""
    if point.is_valid and (point.latitude, point.longitude) != (0.0, 0.0):
        return None
    return UserError(
        code="LOCATION_INVALID",
        message=f"{point.latitude}, {point.longitude} is no place on earth. Send WGS 84 degrees, latitude first.",
        field=field,
    )


def within(value: float, *, lowest: float, highest: float, field: str) -> UserError | None:
    """Refuses a number out of its range."""
    if math.isfinite(value) and lowest <= value <= highest:
        return None
    return UserError(code="OUT_OF_RANGE", message=f"{field} is {value}. Send {lowest:g} to {highest:g}.", field=field)


def time_zone(value: str, *, field: str) -> UserError | None:
    """Refuses what is no IANA time zone."""
    if value in ZONES:
        return None
    return UserError(
        code="TIME_ZONE_INVALID", message=f"{value!r} is no IANA time zone such as Europe/Lisbon.", field=field
    )


def country(value: str, *, field: str) -> UserError | None:
    """Refuses what has not the form of an ISO 3166-1 alpha-2 code."""
    if len(value) == 2 and value.isascii() and value.isalpha() and value.isupper():
        return None
    return UserError(code="COUNTRY_INVALID", message=f"{value!r} is no country code such as PT.", field=field)


def known(value: str | None, references: Mapping[str, object], *, noun: str, field: str) -> UserError | None:
    """Refuses a reference that nothing has."""
    if value is None or value in references:
        return None
    return UserError(
        code=f"UNKNOWN_{noun.upper()}", message=f"There is no {noun} {value!r}. Create it first.", field=field
    )


def duplicates(references: Iterable[str], *, noun: str, field: str) -> dict[int, UserError]:
    """Row index -> error, for each row whose reference came before in the same call."""
    first: dict[str, int] = {}
    found: dict[int, UserError] = {}
    for index, value in enumerate(references):
        if value in first:
            found[index] = UserError(
                code="DUPLICATE_REFERENCE",
                message=f"{noun} {value!r} is already row {first[value]} of this call. Send it once.",
                field=field,
            )
        else:
            first[value] = index
    return found


def faults(*checks: UserError | None) -> list[UserError]:
    """The checks that failed."""
    return [check for check in checks if check is not None]


def placed(errors: Iterable[UserError], *, rows: str, index: int) -> list[UserError]:
    """The errors with their field paths put below one row of the input."""
    return [
        UserError(code=error.code, message=error.message, field=f"{rows}.{index}.{error.field}".rstrip("."))
        for error in errors
    ]


ZONES = frozenset(available_timezones())
