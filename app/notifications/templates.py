"""Texts by kind, channel and language. The words lie in texts/*.toml; English stands in for a language we lack."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from jinja2 import Environment, StrictUndefined, Template

from app.models import Channel

FOLDER = Path(__file__).parent / "texts"
FALLBACK = "en"
LANGUAGES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
KINDS = (
    "order_received",
    "order_scheduled",
    "out_for_delivery",
    "approaching",
    "delivered",
    "partially_delivered",
    "delivery_failed",
    "delay_expected",
    "returning",
    "cancelled",
    "feedback_request",
)
_plain = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - plain text, never shown as HTML
_html = Environment(undefined=StrictUndefined, autoescape=True)
_page = _html.from_string(
    '<!doctype html><html lang="{{ language }}"><body style="font-family:sans-serif;line-height:1.5">'
    '<p>{{ text }}</p>{% if url %}<p><a href="{{ url }}">{{ url }}</a></p>{% endif %}</body></html>'
)


@dataclass(frozen=True, kw_only=True)
class Values:
    """What a text may speak of. Times are instants; the text shows them in `zone`."""

    name: str
    reference: str
    url: str
    zone: ZoneInfo
    window: tuple[datetime, datetime] | None = None
    eta: tuple[datetime, datetime] | None = None
    reason: str | None = None
    pin: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A finished text. Only mail has HTML."""

    subject: str
    text: str
    html: str | None = None


def language_of(locale: str) -> str:
    """The language we have for a locale."""
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in LANGUAGES else FALLBACK


def render(kind: str, channel: Channel, locale: str, values: Values) -> Rendered:
    """The text of one kind of message in the recipient's language."""
    language = language_of(locale)
    words = _words(values, language)
    found = _texts(language)["kinds"][kind]
    text = _template(found["text"]).render(words)
    html = None
    if channel is Channel.EMAIL:
        html = _page.render(language=language, text=text.replace(values.url, "").strip(), url=values.url)
    return Rendered(subject=_template(found["subject"]).render(words), text=text, html=html)


def headline(state: str, locale: str, values: Values) -> str:
    """One sentence on how things stand; `state` is an order's, or its shipment's while it is under way."""
    language = language_of(locale)
    sentences: dict[str, str] = _texts(language)["headlines"]
    return _template(sentences[state]).render(_words(values, language))


def has_headline(state: str) -> bool:
    """Whether a shipment's state says more than its order's."""
    return state in _texts(FALLBACK)["headlines"]


def timeline_title(event_type: str, locale: str) -> str:
    """What happened, in a few words."""
    titles: dict[str, str] = _texts(language_of(locale))["timeline"]
    return titles.get(event_type, event_type)


def reason_in_words(reason: str | None, locale: str) -> str:
    """Why an attempt failed, as one says it to a customer."""
    reasons: dict[str, str] = _texts(language_of(locale))["reasons"]
    return reasons.get(reason or "OTHER", reasons["OTHER"])


def in_words(window: tuple[datetime, datetime] | None, *, zone: ZoneInfo, language: str) -> str:
    """A window as people write it: 17 May, 09:00–13:00; both dates where it spans days."""
    if window is None:
        return ""
    start, end = (moment.astimezone(zone) for moment in window)
    first = f"{_day(start, language)}, {format_time(start.time(), 'HH:mm', locale=language)}"
    last = format_time(end.time(), "HH:mm", locale=language)
    return f"{first}–{last}" if start.date() == end.date() else f"{first} – {_day(end, language)}, {last}"


def _day(moment: datetime, language: str) -> str:
    return str(format_date(moment.date(), "d MMMM", locale=language))


def _words(values: Values, language: str) -> Mapping[str, Any]:
    return {
        "name": values.name,
        "reference": values.reference,
        "url": values.url,
        "window": in_words(values.window, zone=values.zone, language=language),
        "eta": in_words(values.eta, zone=values.zone, language=language),
        "reason": reason_in_words(values.reason, language),
        "pin": values.pin or "",
    }


@lru_cache
def _texts(language: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{language}.toml").read_text())


@lru_cache(maxsize=512)
def _template(source: str) -> Template:
    return _plain.from_string(source)
