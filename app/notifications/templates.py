"""Texts by kind, channel and language. The words lie in texts/*.toml; English stands in for a language we lack.

SMS, WhatsApp and the inbox take the short text; mail greets, says more and carries HTML. A text that needs a value
which is not there is refused, never sent with a hole in it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined, Template, UndefinedError

from app.core.errors import Refusal
from app.models import Channel
from app.notifications.moments import Span, hours_in_words, locale_of, span_in_words

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
    "collected",
    "partially_collected",
    "collection_failed",
    "rescheduled",
    "delay_expected",
    "returning",
    "cancelled",
    "feedback_request",
    "pin_code",
)
# One sign outside GSM 03.38 halves an SMS: these have a plain twin there.
PLAIN_SIGNS = str.maketrans({"–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "…": "..."})
_plain = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - plain text, never shown as HTML
_html = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True)


class NextStep(StrEnum):
    """What follows a failed attempt."""

    RETRY = "RETRY"
    RETURN = "RETURN"
    GIVE_UP = "GIVE_UP"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class Values:
    """What a text may speak of. Times are instants; the text shows them in `zone`, the destination's.

    `next_step` and `next_window` say what follows a failed attempt; `stops_before` how many stops are before this one.
    `is_collection`: the goods are collected at the recipient's door, which some texts say in other words.
    """

    name: str
    reference: str
    url: str
    zone: ZoneInfo
    window: Span | None = None
    eta: Span | None = None
    reason: str | None = None
    pin: str | None = None
    stops_before: int | None = None
    next_step: NextStep = NextStep.UNKNOWN
    next_window: Span | None = None
    is_collection: bool = False


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
    """The text of one kind of message in the recipient's language.

    Refuses an unknown kind (UNKNOWN_MESSAGE_KIND) and a value that the text needs and lacks (MESSAGE_VALUE_MISSING).
    """
    if kind not in KINDS:
        raise Refusal("UNKNOWN_MESSAGE_KIND", f"There is no message kind {kind!r}. Known are {', '.join(KINDS)}.")
    language = language_of(locale)
    # What happened is always said, be it in general terms.
    words = {"reason": reason_in_words(None, locale), **_words(values, locale)}
    found = _texts(language, values.is_collection)["kinds"][kind]
    try:
        subject, text = (_line(found[part], words) for part in ("subject", "text"))
        if channel is Channel.EMAIL:
            return _mail(found, words, language=language, subject=subject, text=text)
    except UndefinedError as error:
        raise Refusal(
            "MESSAGE_VALUE_MISSING", f"The text of {kind} cannot be written: {error.message}. Pass the value."
        ) from error
    if channel is Channel.SMS:
        text = text.translate(PLAIN_SIGNS)
    # The inbox is on the page that the link would open.
    shows_link = "link" in found and channel is not Channel.IN_APP
    return Rendered(subject=subject, text=f"{text} {values.url}" if shows_link else text)


def headline(state: str, locale: str, values: Values) -> str:
    """One sentence on how things stand; `state` is an order's, or its shipment's while it is under way."""
    sentences: dict[str, str] = _texts(language_of(locale), values.is_collection)["headlines"]
    if state not in sentences:
        raise Refusal("UNKNOWN_STATE", f"There is no headline for {state!r}. Known are {', '.join(sentences)}.")
    # A shipment that stays failed waits for another attempt: one without would be on its way back.
    waits = values.next_step is NextStep.UNKNOWN
    return _line(sentences[state], _words(replace(values, next_step=NextStep.RETRY) if waits else values, locale))


def has_headline(state: str) -> bool:
    """Whether a shipment's state says more than its order's."""
    return state in _texts(FALLBACK)["headlines"]


def timeline_title(event_type: str, locale: str, *, is_collection: bool = False) -> str:
    """What happened, in a few words; an event that means nothing to a customer is an update."""
    titles: dict[str, str] = _texts(language_of(locale), is_collection)["timeline"]
    return titles.get(event_type, titles["OTHER"])


def reason_in_words(reason: str | None, locale: str) -> str:
    """Why an attempt failed, as one says it to a customer."""
    reasons: dict[str, str] = _texts(language_of(locale))["reasons"]
    return reasons.get(reason or "OTHER", reasons["OTHER"])


def _words(values: Values, locale: str) -> dict[str, Any]:
    """The names that a text may use. A value that is not there has no name, so that using it is refused."""
    language = language_of(locale)
    habits = locale_of(locale, language=language)

    def days(span: Span | None) -> str | None:
        return span and span_in_words(span, zone=values.zone, locale=habits)

    given = {
        "name": values.name,
        "reference": values.reference,
        "url": values.url,
        "window": days(values.window),
        "eta": days(values.eta),
        "eta_hours": values.eta and hours_in_words(values.eta, zone=values.zone, locale=habits),
        "reason": values.reason and reason_in_words(values.reason, locale),
        "pin": values.pin or None,
        "stops_before": values.stops_before,
        "next_window": days(values.next_window),
    }
    words = {name: value for name, value in given.items() if value is not None}
    return {**words, "next_step": _line(_texts(language)["next_steps"][values.next_step], words)}


def _line(source: str, words: Mapping[str, Any]) -> str:
    """One line with plain spaces, whatever a name, a reference or a locale's thin space brought in."""
    return " ".join(_template(source).render(words).split())


def _mail(found: Mapping[str, str], words: Mapping[str, Any], *, language: str, subject: str, text: str) -> Rendered:
    phrases: dict[str, str] = _texts(language)["mail"]
    paragraphs = [_line(phrases["greeting"], words), text]
    if "more" in found:
        paragraphs.append(_line(found["more"], words))
    label = phrases[found["link"]] if "link" in found else None
    notice = _line(phrases["notice"], words)
    link = [f"{label}:\n{words['url']}"] if label else []
    page = _page().render(
        language=language, subject=subject, paragraphs=paragraphs, label=label, url=words["url"], notice=notice
    )
    return Rendered(subject=subject, text="\n\n".join([*paragraphs, *link, notice]) + "\n", html=page)


@lru_cache
def _texts(language: str, is_collection: bool = False) -> dict[str, Any]:
    found = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return _laid_over(found, found["collections"]) if is_collection else found


def _laid_over(texts: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """The texts, with others in their place where there are any."""
    return texts | {
        name: _laid_over(texts[name], other) if isinstance(other, dict) else other for name, other in others.items()
    }


@lru_cache(maxsize=1024)
def _template(source: str) -> Template:
    return _plain.from_string(source)


@lru_cache
def _page() -> Template:
    return _html.from_string((FOLDER / "mail.html").read_text(encoding="utf-8"))
