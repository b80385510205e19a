"""What comes in: the 990 (answer to a load tender), the 214 (shipment status), the 997 (acknowledgement). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from app.carriers.documents import Vocabulary
from app.carriers.edi.document import EdiDocument
from app.carriers.edi.x12 import Group, Segment, TransactionSet, at, written
from app.carriers.protocol import CarrierEvent
from app.carriers.rest.answers import derived_id, read_reason

# X12 data element 623, Time Code; LT is local time, which the document's zone says.
ZONES: dict[str, tzinfo] = {
    "UT": UTC,
    "GM": UTC,
    **{f"{letter}S": timezone(timedelta(hours=-hours)) for letter, hours in (("E", 5), ("C", 6), ("M", 7), ("P", 8))},
    **{f"{letter}D": timezone(timedelta(hours=-hours)) for letter, hours in (("E", 4), ("C", 5), ("M", 6), ("P", 7))},
    "ET": ZoneInfo("America/New_York"),
    "CT": ZoneInfo("America/Chicago"),
    "MT": ZoneInfo("America/Denver"),
    "PT": ZoneInfo("America/Los_Angeles"),
}
ACCEPTED = frozenset({"A", "E"})


class SetUnreadable(ValueError):
    """A transaction set that lacks what we need."""


@dataclass(frozen=True, kw_only=True)
class TenderResponse:
    """A 990: the shipment's reference, and whether the carrier takes it."""

    reference: str
    is_accepted: bool
    tracking_number: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """A 997 about one of our groups."""

    functional_id: str
    control_number: int
    is_accepted: bool
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What we say of one set in our own 997."""

    code: str
    control_number: str
    is_accepted: bool


def read_990(transaction: TransactionSet) -> TenderResponse:
    """The carrier's answer. N9 with CN, or L11 with CN, holds its own number; K1 or NTE its words."""
    b1 = transaction.first("B1")
    reference, action = at(b1, 2), at(b1, 4)
    if not reference or action not in {"A", "D", "R"}:
        raise SetUnreadable(f"B1 must name the shipment and A, D or R, not {reference!r} and {action!r}.")
    own = [at(one, 2) for one in transaction.all("N9") if at(one, 1) == "CN"]
    own += [at(one, 1) for one in transaction.all("L11") if at(one, 2) == "CN"]
    words = [at(one, 1) for one in transaction.all("K1")] + [at(one, 2) for one in transaction.all("NTE")]
    return TenderResponse(
        reference=reference,
        is_accepted=action == "A",
        tracking_number=next((number for number in own if number), None),
        reason=" ".join(words) or None,
    )


def read_214(transaction: TransactionSet, words: Vocabulary) -> list[CarrierEvent]:
    """The milestones of one shipment. Refuses a status that is in no vocabulary: silence could hide a delivery."""
    b10 = transaction.first("B10")
    number, reference = at(b10, 1) or None, at(b10, 2) or None
    if number is None and reference is None:
        raise SetUnreadable("B10 names no shipment.")
    found = []
    for status in transaction.all("AT7"):
        code, why = at(status, 1) or at(status, 3), at(status, 2) or at(status, 4)
        if code not in words.milestones:
            raise SetUnreadable(f"The status {code!r} is in no vocabulary. Add it to vocabulary.milestones.")
        kind = words.milestones[code]
        if kind is None:
            continue
        moment = _moment(status, words)
        reason, note = read_reason(kind, code if why in ("", "NS") else why, _note(transaction), words)
        found.append(
            CarrierEvent(
                event_id=derived_id(reference or number or "", code, moment.isoformat()),
                kind=kind,
                at=moment,
                tracking_number=number,
                reference=reference,
                reason=reason,
                note=note,
            )
        )
    return found


def read_997(transaction: TransactionSet) -> Acknowledgement:
    """Whether the carrier could read one of our groups, and what it found wrong."""
    ak1, ak9 = transaction.first("AK1"), transaction.first("AK9")
    if not at(ak1, 2).isdecimal() or not at(ak9, 1):
        raise SetUnreadable("AK1 names no group, or AK9 is missing.")
    answers = [at(ak9, 1), *(at(one, 1) for one in transaction.all("AK5"))]
    faults = [" ".join(part for part in one if part) for name in ("AK3", "AK4") for one in transaction.all(name)]
    return Acknowledgement(
        functional_id=at(ak1, 1),
        control_number=int(at(ak1, 2)),
        is_accepted=all(answer in ACCEPTED for answer in answers),
        errors=tuple(faults),
    )


def acknowledgement(
    document: EdiDocument, group: Group, verdicts: Sequence[Verdict], *, control_number: int, made_at: datetime
) -> str:
    """Our 997 about a group that came in."""
    taken = sum(verdict.is_accepted for verdict in verdicts)
    count = str(len(verdicts))
    whole = "A" if taken == len(verdicts) else "P" if taken else "R"
    body: list[Segment] = [("AK1", group.functional_id, group.control_number)]
    for verdict in verdicts:
        body.append(("AK2", verdict.code, verdict.control_number))
        body.append(("AK5", "A") if verdict.is_accepted else ("AK5", "R", "5"))
    body.append(("AK9", whole, count, count, str(taken)))
    return written(
        sender=document.us.party,
        receiver=document.carrier.party,
        control_number=control_number,
        code="997",
        sets=[body],
        made_at=made_at,
        usage=document.usage,
        version=document.version,
    )


def _moment(status: Segment, words: Vocabulary) -> datetime:
    date, time, zone = at(status, 5), at(status, 6) or "0000", at(status, 7)
    try:
        found = datetime.strptime(f"{date}{time[:4]}", "%Y%m%d%H%M")  # noqa: DTZ007 - its zone is set below
    except ValueError as error:
        raise SetUnreadable(f"AT7 names no time: {date!r} {time!r}.") from error
    return found.replace(tzinfo=ZONES.get(zone, words.zone)).astimezone(UTC)


def _note(transaction: TransactionSet) -> str | None:
    return " ".join(at(one, 1) for one in transaction.all("K1")) or None
