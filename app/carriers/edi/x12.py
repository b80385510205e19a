"""X12 envelopes (X12.5, X12.6): writing them, and reading them with pyx12's own checks of counts and control numbers.

Pure. Knows segments and elements, not what they mean; leaves out composites, which none of our sets needs.
"""

import io
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from pyx12.errors import X12Error
from pyx12.x12file import X12Reader

ELEMENT, COMPONENT, TERMINATOR, REPETITION = "*", ">", "~", "U"
ISA_LENGTH = 106
LAST_CONTROL_NUMBER = 999_999_999
# Which group a transaction set belongs in (GS01).
GROUP_OF = {"204": "SM", "990": "GF", "214": "QM", "997": "FA"}

Segment = tuple[str, ...]


class InterchangeUnreadable(ValueError):
    """What came is no X12 interchange, or a damaged one."""


@dataclass(frozen=True, kw_only=True)
class Party:
    """An interchange's sender or receiver (ISA05/06, ISA07/08), and its name in groups (GS02, GS03)."""

    qualifier: str
    id: str
    group_id: str


@dataclass(frozen=True, kw_only=True)
class TransactionSet:
    """One set without its ST and SE."""

    code: str
    control_number: str
    segments: tuple[Segment, ...]

    def first(self, name: str) -> Segment:
        """The first segment of a name; an empty one where there is none."""
        return next((segment for segment in self.segments if segment[0] == name), (name,))

    def all(self, name: str) -> list[Segment]:
        """Every segment of a name."""
        return [segment for segment in self.segments if segment[0] == name]


@dataclass(frozen=True, kw_only=True)
class Group:
    """A functional group."""

    functional_id: str
    control_number: str
    sets: tuple[TransactionSet, ...]


@dataclass(frozen=True, kw_only=True)
class Interchange:
    """A whole file. `faults` are what pyx12 found wrong with its envelopes."""

    sender_id: str
    receiver_id: str
    control_number: int
    groups: tuple[Group, ...]
    faults: tuple[str, ...] = field(default=())


def at(segment: Segment, number: int) -> str:
    """Element `number` of a segment, counted from 1; an empty text where the segment is shorter."""
    return segment[number] if len(segment) > number else ""


def written(
    *,
    sender: Party,
    receiver: Party,
    control_number: int,
    code: str,
    sets: Sequence[Sequence[Segment]],
    made_at: datetime,
    usage: Literal["P", "T"],
    version: Literal["00401", "00501"] = "00401",
) -> str:
    """One interchange of one group; the group's control number is the interchange's own."""
    if not 1 <= control_number <= LAST_CONTROL_NUMBER:
        raise ValueError(f"{control_number} is no control number: an envelope takes 1 to {LAST_CONTROL_NUMBER}.")
    at = made_at.astimezone(UTC)
    repetition = REPETITION if version == "00401" else "^"
    isa = (
        "ISA", "00", " " * 10, "00", " " * 10, sender.qualifier, sender.id.ljust(15), receiver.qualifier,
        receiver.id.ljust(15), f"{at:%y%m%d}", f"{at:%H%M}", repetition, version, f"{control_number:09}", "0", usage,
        COMPONENT,
    )  # fmt: skip
    group = (
        "GS", GROUP_OF[code], sender.group_id, receiver.group_id, f"{at:%Y%m%d}", f"{at:%H%M}", str(control_number),
        "X", f"{version}0",
    )  # fmt: skip
    body = [segment for number, one in enumerate(sets, start=1) for segment in _enclosed(code, number, one)]
    trailer = [("GE", str(len(sets)), str(control_number)), ("IEA", "1", f"{control_number:09}")]
    lines = [ELEMENT.join(isa), *(_line(segment) for segment in [group, *body, *trailer])]
    return "".join(f"{line}{TERMINATOR}\n" for line in lines)


def read(text: str) -> Interchange:
    """The interchange in a file. Raises InterchangeUnreadable where there is none; smaller faults are listed."""
    text = text.replace("\x00", " ").strip("\ufeff \r\n\t")
    if not text.startswith("ISA") or len(text) < ISA_LENGTH:
        raise InterchangeUnreadable(f"The file starts with {text[:20]!r}, not with an ISA segment of 106 characters.")
    element, terminator = text[3], text[ISA_LENGTH - 1]
    segments = [
        tuple(part.strip() for part in line.strip("\r\n").split(element))
        for line in text.split(terminator)
        if line.strip()
    ]
    isa = segments[0]
    if len(isa) != 17 or not isa[13].isdecimal():
        raise InterchangeUnreadable("The ISA segment has not its 16 elements, or no control number.")
    if len([segment for segment in segments if segment[0] == "ISA"]) > 1:
        raise InterchangeUnreadable("The file holds several interchanges. Send one in each file.")
    return Interchange(
        sender_id=isa[6],
        receiver_id=isa[8],
        control_number=int(isa[13]),
        groups=tuple(_groups(segments)),
        faults=tuple(_faults(text)),
    )


def is_whole(text: str) -> bool:
    """Whether the file has its last segment: one that has not may still be on its way."""
    text = text.strip()
    return len(text) > ISA_LENGTH and f"{text[ISA_LENGTH - 1]}IEA{text[3]}" in text.replace("\n", "").replace("\r", "")


def plain(value: object, *, longest: int = 80) -> str:
    """A value as an element may hold it: printable ASCII without separators; accents give way to their letters."""
    text = unicodedata.normalize("NFKD", str(value).replace("ß", "ss").replace("ø", "o").replace("Ø", "O"))
    kept = "".join(letter for letter in text if not unicodedata.combining(letter))
    allowed = (letter if " " <= letter <= "~" and letter not in "*>~^" else " " for letter in kept)
    return " ".join("".join(allowed).split())[:longest].strip()


def _enclosed(code: str, number: int, segments: Sequence[Segment]) -> list[Segment]:
    control = f"{number:04}"
    return [("ST", code, control), *segments, ("SE", str(len(segments) + 2), control)]


def _line(segment: Iterable[str]) -> str:
    return ELEMENT.join(segment).rstrip(ELEMENT)


def _groups(segments: Sequence[Segment]) -> list[Group]:
    groups: list[Group] = []
    functional_id, control, sets = "", "", list[TransactionSet]()
    code, number, inside = "", "", list[Segment]()
    for segment in segments:
        if segment[0] == "GS":
            functional_id, control, sets = at(segment, 1), at(segment, 6), []
        elif segment[0] == "GE":
            groups.append(Group(functional_id=functional_id, control_number=control, sets=tuple(sets)))
        elif segment[0] == "ST":
            code, number, inside = at(segment, 1), at(segment, 2), []
        elif segment[0] == "SE":
            sets.append(TransactionSet(code=code, control_number=number, segments=tuple(inside)))
        else:
            inside.append(segment)
    return groups


def _faults(text: str) -> list[str]:
    """What pyx12 finds wrong with the envelopes: counts, control numbers, missing trailers."""
    try:
        reader = X12Reader(io.StringIO(text))
        for _ in reader:
            pass
        reader.cleanup()
        return [str(fault[2]) for fault in reader.pop_errors()]
    except (X12Error, IndexError, ValueError) as error:
        return [f"The envelopes cannot be followed: {error}"]
