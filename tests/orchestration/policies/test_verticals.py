"""Policies as files, and the windows that they promise."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.database import Database
from app.core.errors import Refusal
from app.orchestration.policies import files, operations, queries
from app.orchestration.policies.documents import PolicyDocument, parse
from app.orchestration.policies.promises import promise
from tests.client import ADMINISTRATOR

MONDAY = datetime(2030, 5, 13, 9, 30, tzinfo=UTC)  # 10:30 in Lisbon


def test_five_verticals_come_with_the_platform_and_each_is_complete() -> None:
    shipped = files.shipped()
    assert sorted(shipped) == [
        "big-and-bulky",
        "fmcg-territories",
        "grocery-slots",
        "pharmacy-cold-chain",
        "same-day-ecommerce",
    ]
    for name, found in shipped.items():
        assert (found.vertical, bool(found.title)) == (name, True)
        assert parse(found.document.to_json()) == found.document


def test_what_makes_a_vertical_is_in_its_file() -> None:
    shipped = files.shipped()
    assert shipped["fmcg-territories"].document.promises.territories[0].weekdays == ("MON", "WED", "FRI")
    assert shipped["big-and-bulky"].document.orders.required_skills == ("TWO_PERSON",)
    pharmacy = shipped["pharmacy-cold-chain"].document
    assert pharmacy.orders.required_skills == ("COLD",)
    assert [kind.value for kind in pharmacy.orders.proof_requirements] == ["AGE_CHECK", "SIGNATURE"]
    assert {slot.end_minute - slot.start_minute for slot in shipped["grocery-slots"].document.promises.slots} == {120}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "no JSON: .* in line 1, column 2"),
        ("[]", "must be one object with the keys vertical, title and document"),
        ('{"document": {}, "rules": {}}', "and no others"),
        ('{"document": {"maxAttempts": 0}}', "maxAttempts: Input should be greater than or equal to 1"),
        ('{"document": {"promises": {"timeZone": "Mars"}}}', "timeZone 'Mars' is no time zone"),
        (
            '{"document": {"promises": {"slots": [{"startMinute": 60, "endMinute": 30}]}}}',
            "starts at minute 60, but ends at 30",
        ),
        (
            '{"document": {"tendering": {"lastOfferLeadMinutes": 120}}}',
            "nobody could be asked in place of a late carrier",
        ),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "rules.json"
    path.write_text(text)
    with pytest.raises(Refusal, match=sentence) as refused:
        files.found(str(path))
    assert refused.value.code == "POLICY_INVALID"


def test_a_name_that_is_neither_file_nor_vertical_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refusal, match="Verticals: big-and-bulky, fmcg-territories"):
        files.found("fmgc")


async def test_a_file_in_force_is_a_new_version_and_the_same_again_is_none(database: Database) -> None:
    grocery = files.found("grocery-slots")
    for _ in range(2):
        async with database.transaction() as session:
            policy = await operations.put(
                session,
                name="standard",
                vertical=grocery.vertical,
                document=grocery.document,
                actor=ADMINISTRATOR,
                now=MONDAY,
            )
        assert (policy.version, policy.vertical) == (2, "grocery-slots")
    async with database.reading() as session:
        assert await queries.current(session) == grocery.document


def fmcg() -> PolicyDocument:
    return files.found("fmcg-territories").document


def test_a_territory_is_promised_the_first_slot_of_its_visit_days_that_is_far_enough_ahead() -> None:
    # Fourteen hours ahead of Monday 10:30 is Tuesday 00:30; the centre is visited on Wednesday.
    centre = promise(fmcg(), postal_code="1100-042", now=MONDAY)
    assert centre == (datetime(2030, 5, 15, 5, tzinfo=UTC), datetime(2030, 5, 15, 11, tzinfo=UTC))
    north = promise(fmcg(), postal_code="1500-001", now=MONDAY)
    assert north[0] == datetime(2030, 5, 14, 5, tzinfo=UTC)
    nowhere = promise(fmcg(), postal_code=None, now=MONDAY)
    assert nowhere[0] == datetime(2030, 5, 14, 5, tzinfo=UTC)


def test_without_slots_the_window_is_so_many_hours_from_now() -> None:
    rules = PolicyDocument(window_lead_hours=1, window_hours=3)
    assert promise(rules, postal_code=None, now=MONDAY) == (MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=4))


@given(
    name=st.sampled_from(sorted(files.shipped())),
    minutes=st.integers(0, 525_600),
    code=st.sampled_from(["1000-001", "1400-100", "2610-201", "9999", None]),
)
def test_every_promise_lies_ahead_by_the_lead_and_within_nine_days(name: str, minutes: int, code: str | None) -> None:
    rules, now = files.shipped()[name].document, MONDAY + timedelta(minutes=minutes)
    start, end = promise(rules, postal_code=code, now=now)
    lead = timedelta(hours=rules.window_lead_hours)
    assert now + lead <= start < end <= now + lead + timedelta(days=9)


def test_a_shipped_file_is_plain_json_that_reads_back_as_it_was_written() -> None:
    for path in files.VERTICALS.glob("*.json"):
        told = json.loads(path.read_text())
        assert set(told) == {"vertical", "title", "document"}
