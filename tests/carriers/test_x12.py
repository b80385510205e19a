"""X12 envelopes: what we write, pyx12 finds nothing wrong with, and we read back as it was."""

from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.carriers.documents import Vocabulary
from app.carriers.edi import replies, x12
from app.carriers.edi.document import EdiDocument
from app.carriers.edi.load_tender import load_tender
from app.carriers.edi.x12 import InterchangeUnreadable, Party, TransactionSet
from app.models import FailureReason, MilestoneKind
from tests.carriers.documents import consignment, edi_document

AT = datetime(2030, 5, 17, 9, 30, tzinfo=UTC)
US, THEM = Party(qualifier="ZZ", id="DOORSTEP", group_id="DS"), Party(qualifier="02", id="HAUL", group_id="HAUL")
ELEMENTS = st.text(st.characters(min_codepoint=32, max_codepoint=126, blacklist_characters="*~>^"), max_size=12)
SEGMENTS = st.lists(
    st.tuples(st.sampled_from(["B1", "N9", "K1", "AT7"]), ELEMENTS, st.just("X")).map(
        lambda one: tuple(part.strip() for part in one)
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60)
@given(
    st.lists(SEGMENTS, min_size=1, max_size=4),
    st.integers(min_value=1, max_value=999_999_999),
    st.sampled_from(["00401", "00501"]),
)
def test_what_is_written_is_sound_and_read_back_as_it_was(
    sets: list[list[tuple[str, ...]]], number: int, version: Literal["00401", "00501"]
) -> None:
    text = x12.written(
        sender=US, receiver=THEM, control_number=number, code="990", sets=sets, made_at=AT, usage="T", version=version
    )
    found = x12.read(text)
    assert found.faults == ()
    assert (found.sender_id, found.receiver_id, found.control_number) == ("DOORSTEP", "HAUL", number)
    assert [list(one.segments) for one in found.groups[0].sets] == sets
    assert x12.read(text.replace("\n", "")).groups == found.groups
    assert x12.read(text.replace("\n", "\r\n")).groups == found.groups
    assert x12.is_whole(text)
    assert not x12.is_whole(text[:-20])


@given(st.text(max_size=300))
def test_no_text_makes_the_reader_fail_otherwise_than_by_saying_so(text: str) -> None:
    for candidate in (text, "ISA" + text, "ISA*00*" + text.ljust(110)):
        try:
            x12.read(candidate)
        except InterchangeUnreadable:
            continue


@given(st.text(max_size=120))
def test_a_value_never_breaks_its_segment(text: str) -> None:
    found = x12.plain(text)
    assert found.isascii()
    assert not set("*>~^\n\r") & set(found)
    assert x12.plain(found) == found


def test_accents_give_way_to_their_letters() -> None:
    assert x12.plain("Rua do Armazém 1, São Bento") == "Rua do Armazem 1, Sao Bento"


def test_a_load_tender_is_the_same_file_every_time() -> None:
    document = EdiDocument.model_validate(edi_document())
    first = load_tender(document, consignment(), purpose="00", control_number=7)
    assert load_tender(document, consignment(attempt=3), purpose="00", control_number=7) == first
    (load,) = x12.read(first).groups[0].sets
    assert load.segments == (
        ("B2", "", "HAUL", "", "4711/1", "", "PP"),
        ("B2A", "00"),
        ("L11", "4711", "PO"),
        ("L11", "STANDARD", "SV"),
        ("S5", "1", "LD", "1.5", "K", "3", "CT"),
        ("G62", "37", "20300517", "I", "0930", "UT"),
        ("N1", "SF", "Node LIS"),
        ("N3", "Rua do Armazem 1"),
        ("N4", "Lisboa", "", "1000-001", "PT"),
        ("S5", "2", "UL", "1.5", "K", "3", "CT"),
        ("G62", "53", "20300517", "G", "1030", "UT"),
        ("G62", "54", "20300517", "L", "1230", "UT"),
        ("N1", "ST", "Rosa Conceicao"),
        ("N3", "Rua Augusta 1"),
        ("N4", "Lisboa", "", "1100-048", "PT"),
        ("G61", "CN", "Rosa Conceicao", "TE", "+351210000000"),
        ("OID", "APPLE", "4711", "", "CT", "2"),
        ("OID", "PEAR", "4711", "", "CT", "1"),
        ("L3", "1.5", "G", "", "", "500"),
    )


def status(*at7: str) -> TransactionSet:
    segments = (("B10", "PRO-1", "4711/1", "HAUL"), ("AT7", *at7), ("K1", "Shut"))
    return TransactionSet(code="214", control_number="0001", segments=segments)


WORDS = EdiDocument.model_validate(edi_document(vocabulary={"time_zone": "America/Chicago"})).words


@pytest.mark.parametrize(("zone", "hour"), [("UT", 9), ("CT", 14), ("ES", 14), ("LT", 14), ("", 14), ("PT", 16)])
def test_times_are_read_in_the_zone_that_they_name(zone: str, hour: int) -> None:
    (event,) = replies.read_214(status("AF", "NS", "", "", "20300517", "0930", zone), WORDS)
    assert (event.kind, event.at) == (MilestoneKind.PICKED_UP, AT.replace(hour=hour))


@pytest.mark.parametrize(
    ("code", "why", "reason", "note"),
    [
        ("AH", "B1", FailureReason.BUSINESS_CLOSED, "Shut"),
        ("AH", "ZZ", FailureReason.OTHER, "Shut"),
        ("A7", "NS", FailureReason.REFUSED, "Shut"),
    ],
)
def test_a_failed_attempt_says_why(code: str, why: str, reason: FailureReason, note: str) -> None:
    (event,) = replies.read_214(status(code, why, "", "", "20300517", "0930", "UT"), WORDS)
    assert (event.kind, event.reason, event.note) == (MilestoneKind.ATTEMPT_FAILED, reason, note)


@pytest.mark.parametrize(
    "at7", [("Q9", "NS", "", "", "20300517", "0930", "UT"), ("AF", "NS", "", "", "yesterday", "0930", "UT")]
)
def test_a_status_that_cannot_be_read_is_refused(at7: tuple[str, ...]) -> None:
    with pytest.raises(replies.SetUnreadable):
        replies.read_214(status(*at7), WORDS)


def test_a_documents_own_codes_lie_on_top_of_the_standards() -> None:
    own = Vocabulary(milestones={"OD": MilestoneKind.OUT_FOR_DELIVERY, "AF": None})
    words = EdiDocument.model_validate(edi_document(vocabulary=own.model_dump(mode="json"))).words
    assert (words.milestones["OD"], words.milestones["AF"], words.milestones["D1"]) == (
        MilestoneKind.OUT_FOR_DELIVERY,
        None,
        MilestoneKind.DELIVERED,
    )
