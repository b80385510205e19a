"""Every text in every language, and what they say."""

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core.errors import Refusal
from app.models import Channel, FailureReason, OrderState, ShipmentState
from app.notifications import templates
from app.notifications.templates import FOLDER, KINDS, LANGUAGES, NextStep, Values, headline, render
from app.orchestration.messages.policies import KINDS_OF_EVENT
from app.orchestration.tracking.policies import SHOWN_EVENTS

MORNING = datetime(2026, 5, 19, 7, 0, tzinfo=UTC)
VALUES = Values(
    name="Ana",
    reference="4711",
    url="https://doorstep.example/track/" + "x" * 43,
    zone=ZoneInfo("Europe/Berlin"),
    window=(MORNING, MORNING + timedelta(hours=4)),
    eta=(MORNING, MORNING + timedelta(minutes=25)),
    reason="NOT_HOME",
    pin="0815",
    stops_before=2,
    next_step=NextStep.RETRY,
    next_window=(MORNING + timedelta(days=1), MORNING + timedelta(days=1, hours=4)),
)
BARE = Values(name="Ana", reference="4711", url="https://doorstep.example/t", zone=ZoneInfo("Europe/Berlin"))
COLLECTION = replace(VALUES, is_collection=True)
NEEDS = {"order_scheduled": "window", "rescheduled": "window", "pin_code": "pin"}


@pytest.mark.parametrize("values", [VALUES, COLLECTION])
@pytest.mark.parametrize(("kind", "channel", "locale"), list(product(KINDS, Channel, LANGUAGES)))
def test_every_kind_is_written_for_every_channel_and_language(
    kind: str, channel: Channel, locale: str, values: Values
) -> None:
    rendered = render(kind, channel, locale, values)
    assert "4711" in rendered.text
    assert "\n" not in rendered.subject
    assert not {"{", "}", "None"} & set(rendered.text.split())
    assert (rendered.html is not None) == (channel is Channel.EMAIL)


def keys(language: str) -> set[tuple[str, ...]]:
    return set(paths(tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))))


def paths(texts: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The names of all texts, with those of the sections that they are in."""
    for name, found in texts.items():
        if isinstance(found, dict):
            yield from ((name, *path) for path in paths(found))
        else:
            yield (name,)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_and_knows_all_that_can_happen(language: str) -> None:
    assert keys(language) == keys("en")
    assert {("reasons", reason.value) for reason in FailureReason} <= keys(language)
    assert {("timeline", event) for event in SHOWN_EVENTS} <= keys(language)
    assert {("headlines", state.value) for state in OrderState} <= keys(language)
    assert {("kinds", kind, "text") for kind in KINDS} <= keys(language)
    in_other_words = {path[1:] for path in keys(language) if path[0] == "collections"}
    assert in_other_words <= keys(language)


def test_every_kind_that_an_event_makes_has_a_text() -> None:
    assert {kind for kinds in KINDS_OF_EVENT.values() for kind in kinds} <= set(KINDS)


@pytest.mark.parametrize("values", [VALUES, COLLECTION])
@pytest.mark.parametrize(("kind", "locale"), list(product(KINDS, [*LANGUAGES, "en-US"])))
def test_a_text_message_has_no_sign_that_only_typography_needs_and_fits_three_parts(
    kind: str, locale: str, values: Values
) -> None:
    text = render(kind, Channel.SMS, locale, values).text
    assert not set("–—’“”…\u202f\u2009\u00a0") & set(text)
    assert len(text) <= 201  # three parts of 67 signs where a letter is outside GSM 03.38


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(NEEDS)))
def test_a_text_leaves_out_what_is_not_known(kind: str) -> None:
    assert "4711" in render(kind, Channel.SMS, "en", BARE).text


@pytest.mark.parametrize(("kind", "value"), NEEDS.items())
def test_a_text_that_lacks_what_it_is_about_is_refused(kind: str, value: str) -> None:
    with pytest.raises(Refusal, match=f"'{value}' is undefined") as refused:
        render(kind, Channel.SMS, "en", BARE)
    assert refused.value.code == "MESSAGE_VALUE_MISSING"


def test_an_unknown_kind_and_an_unknown_state_are_refused_by_name() -> None:
    with pytest.raises(Refusal, match="no message kind 'greeting'"):
        render("greeting", Channel.SMS, "en", VALUES)
    with pytest.raises(Refusal, match="no headline for 'LOADED'"):
        headline("LOADED", "en", VALUES)


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en", "Your order 4711 comes Tue 19 May, 09:00-13:00."),
        ("en-US", "Your order 4711 comes Tue, May 19, 9:00 AM - 1:00 PM."),
        ("de", "Ihre Bestellung 4711 kommt Di., 19. Mai, 09:00-13:00 Uhr."),
        ("de_AT", "Ihre Bestellung 4711 kommt Di., 19. Mai, 09:00-13:00 Uhr."),
        ("fr", "Votre commande 4711 arrive mar. 19 mai, 09:00 - 13:00."),
        ("es", "Su pedido 4711 llega mar, 19 may, 9:00-13:00."),
        ("pt-PT", "A sua encomenda 4711 chega terça, 19/05, 09:00 - 13:00."),
        ("nl-NL", "Your order 4711 comes Tue 19 May, 09:00-13:00."),
        ("en-XX", "Your order 4711 comes Tue 19 May, 09:00-13:00."),
        ("", "Your order 4711 comes Tue 19 May, 09:00-13:00."),
    ],
)
def test_windows_are_written_as_the_locale_does_and_english_stands_in(locale: str, expected: str) -> None:
    assert render("order_scheduled", Channel.SMS, locale, VALUES).text == f"{expected} {VALUES.url}"


def test_times_are_those_of_the_destination() -> None:
    shown = render("order_scheduled", Channel.SMS, "en", replace(VALUES, zone=ZoneInfo("America/New_York")))
    assert "Tue 19 May, 03:00-07:00" in shown.text


def test_a_window_over_midnight_names_both_days() -> None:
    night = replace(VALUES, window=(MORNING + timedelta(hours=13), MORNING + timedelta(hours=20)))
    assert headline("ALLOCATED", "en", night) == "Your order comes Tue 19 May, 22:00 – Wed 20 May, 05:00."


def test_a_failed_attempt_says_why_and_what_happens_next() -> None:
    text = render("delivery_failed", Channel.IN_APP, "en", VALUES).text
    assert text == ("We could not deliver order 4711: nobody was at home. We will try again: Wed 20 May, 09:00–13:00.")
    returned = render("delivery_failed", Channel.IN_APP, "en", replace(VALUES, next_step=NextStep.RETURN)).text
    assert returned.endswith("It goes back to the sender.")
    unknown = render("delivery_failed", Channel.IN_APP, "en", BARE).text
    assert unknown == ("We could not deliver order 4711: something got in the way. We will tell you what happens next.")


def test_the_headline_of_a_failed_attempt_promises_another_as_a_shipment_without_one_is_returning() -> None:
    assert headline("ATTEMPT_FAILED", "en", BARE) == "We could not deliver your order. We will try again."


@pytest.mark.parametrize(
    ("stops_before", "expected"),
    [
        (None, "Your order is on its way, expected 09:00–09:25."),
        (0, "You are the driver's next stop, expected 09:00–09:25."),
        (1, "One stop before yours, expected 09:00–09:25."),
        (4, "4 stops before yours, expected 09:00–09:25."),
    ],
)
def test_the_headline_counts_the_stops_before(stops_before: int | None, expected: str) -> None:
    assert headline("OUT_FOR_DELIVERY", "en", replace(VALUES, stops_before=stops_before)) == expected


@pytest.mark.parametrize(("state", "locale"), list(product([*OrderState, *ShipmentState], LANGUAGES)))
def test_every_headline_is_one_sentence_even_where_nothing_else_is_known(state: str, locale: str) -> None:
    if templates.has_headline(state):
        for values in (BARE, VALUES):
            assert headline(state, locale, values).endswith(".")


def test_mail_escapes_what_a_shop_wrote_into_a_name() -> None:
    mail = render("delivered", Channel.EMAIL, "en", replace(VALUES, name="<script>alert(1)</script>"))
    assert mail.html is not None
    assert "<script>" not in mail.html
    assert "&lt;script&gt;" in mail.html
    assert "Hello <script>alert(1)</script>," in mail.text


def test_what_a_shop_wrote_is_never_read_as_a_template() -> None:
    values = replace(VALUES, name="{{ pin }}", reference="{% raise %}")
    assert "{{ pin }}" in render("delivered", Channel.EMAIL, "en", values).text
    assert "{% raise %}" in render("delivered", Channel.SMS, "en", values).text


def test_a_line_break_in_a_reference_stays_out_of_the_subject() -> None:
    mail = render("delivered", Channel.EMAIL, "en", replace(VALUES, reference="1\r\nBcc: all@example.org"))
    assert mail.subject == "Order 1 Bcc: all@example.org delivered"


def test_the_inbox_shows_no_link_to_the_page_it_is_on() -> None:
    assert render("delivered", Channel.IN_APP, "en", VALUES).text == "Your order 4711 has been delivered."


def test_an_event_that_means_nothing_to_a_customer_never_shows_its_name() -> None:
    assert templates.timeline_title("tender.offered", "de") == "Neuigkeit"
    assert templates.timeline_title("shipment.delivered", "de-CH") == "Zugestellt"


def test_what_is_collected_is_not_told_as_a_delivery() -> None:
    scheduled = render("order_scheduled", Channel.SMS, "en", COLLECTION).text
    assert scheduled.startswith("We collect the goods of your order 4711 ")
    assert headline("COMPLETED", "en", COLLECTION) == "Your goods have been collected and have arrived."
    assert templates.timeline_title("shipment.returned", "en", is_collection=True) == "Arrived"
    assert templates.timeline_title("shipment.returned", "en") == "Back at the sender"
    given_up = render("collection_failed", Channel.SMS, "en", replace(COLLECTION, next_step=NextStep.GIVE_UP)).text
    assert "We will not come again; the shop tells you how it goes on." in given_up
