"""Days and hours as people of one place and language write them. Pure; the words around them are in templates.py."""

from datetime import datetime
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_interval, format_skeleton

# A language without its country: English is written the way most countries that read it do, with 24 hours.
COUNTRY_OF_LANGUAGE = {"en": "en_GB"}
Span = tuple[datetime, datetime]


def locale_of(locale: str, *, language: str) -> Locale:
    """The locale's own habits where they are known, else its language's. `language` is one that has texts."""
    own = locale.replace("-", "_")
    for name in (
        own if "_" in own and own.lower().startswith(f"{language}_") else "",
        COUNTRY_OF_LANGUAGE.get(language),
    ):
        try:
            if name:
                return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(language)


def hours_in_words(span: Span, *, zone: ZoneInfo, locale: Locale) -> str:
    """The hours alone: 09:00–13:00, or 9:00 AM – 1:00 PM where clocks have twelve."""
    start, end = span
    return str(format_interval(start, end, _clock(locale), tzinfo=zone, locale=locale))


def span_in_words(span: Span, *, zone: ZoneInfo, locale: Locale) -> str:
    """Day and hours: Tue 19 May, 09:00–13:00; both days where it spans two."""
    start, end = (moment.astimezone(zone) for moment in span)
    if start.date() == end.date():
        return f"{_day(start, locale)}, {hours_in_words(span, zone=zone, locale=locale)}"
    return " – ".join(f"{_day(moment, locale)}, {_hour(moment, locale)}" for moment in (start, end))


def _clock(locale: Locale) -> str:
    return "hm" if "h" in locale.time_formats["short"].pattern else "Hm"


def _day(moment: datetime, locale: Locale) -> str:
    return str(format_skeleton("MMMEd", moment, tzinfo=moment.tzinfo, locale=locale))


def _hour(moment: datetime, locale: Locale) -> str:
    return str(format_skeleton(_clock(locale), moment, tzinfo=moment.tzinfo, locale=locale))
