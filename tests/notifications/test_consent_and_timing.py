"""When, where and whether a recipient is written to."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Refusal
from app.models import Channel
from app.notifications.consent import channels_for, is_opt_in, is_opt_out, normalise_phone, zone_of_phone
from app.notifications.templates import KINDS
from app.notifications.timing import URGENCY, QuietHours, Urgency, earliest_send_at

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT: QuietHours = (time(22), time(8, 30))


def berlin(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("kind", "now", "quiet", "expected"),
    [
        ("feedback_request", berlin(19, 12), None, berlin(19, 12)),
        ("feedback_request", berlin(19, 7, 59), None, berlin(19, 8)),
        ("feedback_request", berlin(19, 8), None, berlin(19, 8)),
        ("feedback_request", berlin(19, 20, 59), None, berlin(19, 20, 59)),
        ("feedback_request", berlin(19, 21), None, berlin(20, 8)),
        ("feedback_request", berlin(19, 23), NIGHT, berlin(20, 8, 30)),
        ("feedback_request", berlin(19, 12), (time(11), time(14)), berlin(19, 14)),
        # The end of the recipient's own hours falls into the night: the next morning.
        ("feedback_request", berlin(19, 20), (time(19), time(22)), berlin(20, 8)),
        # No hour of the day is left: the recipient's own hours decide.
        ("feedback_request", berlin(19, 12), (time(7), time(22)), berlin(19, 22)),
        ("feedback_request", berlin(19, 12), (time(9), time(9)), berlin(19, 12)),
        ("delivered", berlin(19, 23), None, berlin(19, 23)),
        ("delivered", berlin(19, 23), NIGHT, berlin(20, 8, 30)),
        ("delivered", berlin(20, 2), NIGHT, berlin(20, 8, 30)),
        ("pin_code", berlin(20, 2), NIGHT, berlin(20, 2)),
        ("approaching", berlin(20, 7), NIGHT, berlin(20, 7)),
        ("something_new", berlin(20, 2), None, berlin(20, 8)),
    ],
)
def test_a_text_waits_for_the_hours_that_its_kind_and_its_recipient_allow(
    kind: str, now: datetime, quiet: QuietHours | None, expected: datetime
) -> None:
    assert earliest_send_at(kind, now, BERLIN, quiet) == expected


def test_the_hours_are_the_recipient_s_not_ours() -> None:
    noon_in_berlin = berlin(19, 12)
    sent = earliest_send_at("feedback_request", noon_in_berlin, ZoneInfo("America/New_York"))
    assert sent == datetime(2026, 5, 19, 12, 0, tzinfo=UTC)


def test_the_night_before_summer_time_ends_at_eight_on_the_clock() -> None:
    sent = earliest_send_at("feedback_request", datetime(2026, 3, 28, 22, 0, tzinfo=UTC), BERLIN)
    assert sent == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)


clocks = st.times().map(lambda found: found.replace(second=0, microsecond=0))


@given(
    kind=st.sampled_from(KINDS),
    now=st.integers(0, 366 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    quiet=st.none() | st.tuples(clocks, clocks),
)
def test_no_text_goes_out_before_now_later_than_two_days_or_again_too_early(
    kind: str, now: datetime, quiet: QuietHours | None
) -> None:
    sent = earliest_send_at(kind, now, BERLIN, quiet)
    assert 0 <= (sent - now).total_seconds() <= 2 * 86_400
    if quiet is None and URGENCY.get(kind, Urgency.ORDINARY) is Urgency.ORDINARY:
        assert time(8) <= sent.astimezone(BERLIN).time() < time(21)


@pytest.mark.parametrize("text", ["STOP", "stop", " Stop. ", "Stop all", "unsubscribe!", "END", "Opt-out", "CANCEL"])
def test_a_word_of_withdrawal_alone_withdraws(text: str) -> None:
    assert is_opt_out(text)
    assert not is_opt_in(text)


@pytest.mark.parametrize("text", ["Please stop at the gate", "", "the end of the road", "START", "cancel my order"])
def test_a_sentence_with_such_a_word_does_not(text: str) -> None:
    assert not is_opt_out(text)


def test_start_takes_a_withdrawal_back() -> None:
    assert is_opt_in("Start")


@pytest.mark.parametrize(
    ("number", "region", "expected"),
    [
        ("912 345 678", "PT", "+351912345678"),
        ("+351 912-345-678", None, "+351912345678"),
        ("00351 912345678", "DE", "+351912345678"),
        ("030 901820", "DE", "+4930901820"),  # a landline passes
        ("(201) 555-0123", "US", "+12015550123"),
    ],
)
def test_a_phone_number_becomes_its_international_form(number: str, region: str | None, expected: str) -> None:
    assert normalise_phone(number, region) == expected


@pytest.mark.parametrize(
    ("number", "region", "where"),
    [
        ("12", "PT", " in PT"),
        ("912345678", None, ""),
        ("call me", "DE", " in DE"),
        ("", "PT", " in PT"),
        ("+99912", "PT", ""),
    ],
)
def test_what_is_no_phone_number_is_refused_by_its_value(number: str, region: str | None, where: str) -> None:
    with pytest.raises(Refusal) as refused:
        normalise_phone(number, region)
    assert refused.value.code == "PHONE_INVALID"
    assert refused.value.field == "phone"
    assert refused.value.message == (
        f"{number!r} is not a phone number{where}. Give it with its country code, such as +351912345678."
    )


@pytest.mark.parametrize(
    ("number", "zone"),
    [
        ("+4930901820", "Europe/Berlin"),
        ("+12125550123", "America/New_York"),
        ("+18005550123", "Europe/Lisbon"),  # toll-free: every zone of North America
        ("nonsense", "Europe/Lisbon"),
    ],
)
def test_a_number_tells_its_zone_where_it_has_one(number: str, zone: str) -> None:
    assert zone_of_phone(number, otherwise=ZoneInfo("Europe/Lisbon")) == ZoneInfo(zone)


SMS, WHATSAPP, EMAIL, IN_APP = Channel.SMS, Channel.WHATSAPP, Channel.EMAIL, Channel.IN_APP


@pytest.mark.parametrize(
    ("chosen", "phone", "email", "opted_out", "expected"),
    [
        ([EMAIL, SMS], "+351912345678", "ana@example.org", (), (EMAIL, SMS)),
        ([SMS, SMS], "+351912345678", None, (), (SMS,)),
        ([WHATSAPP], None, "ana@example.org", (), (EMAIL,)),
        ([SMS], None, None, (), (IN_APP,)),
        ([], "+351912345678", "ana@example.org", (), (SMS,)),
        ([], None, "ana@example.org", (), (EMAIL,)),
        ([], None, None, (), (IN_APP,)),
        ([SMS], "+351912345678", "ana@example.org", (SMS,), (IN_APP,)),
        ([SMS, EMAIL], "+351912345678", "ana@example.org", (SMS,), (EMAIL,)),
    ],
)
def test_the_recipient_chooses_and_what_can_be_reached_stands_in(
    chosen: list[Channel],
    phone: str | None,
    email: str | None,
    opted_out: tuple[Channel, ...],
    expected: tuple[Channel, ...],
) -> None:
    assert channels_for(chosen, phone=phone, email=email, opted_out=opted_out) == expected
