"""What the documents of all gateways share: strict parts, how a carrier names milestones, and clear errors."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.core.errors import Refusal
from app.models import FailureReason, MilestoneKind
from app.models.base import Json

MOST_TOLD = 6


class Part(BaseModel):
    """One part of a document: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA time zone such as Europe/Lisbon")
    return name


ZoneName = Annotated[str, AfterValidator(_known_zone)]


class Vocabulary(Part):
    """How a carrier names what happens. A code with null is known and means nothing here."""

    milestones: dict[str, MilestoneKind | None] = Field(default_factory=dict)
    reasons: dict[str, FailureReason] = Field(default_factory=dict)
    time_zone: ZoneName = "UTC"

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times that name none."""
        return ZoneInfo(self.time_zone)


Document = TypeVar("Document", bound=BaseModel)


def parse(kind: type[Document], document: Json) -> Document:
    """The document that this JSON describes. Refuses what it cannot read, naming each place."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        raise invalid([_sentence(fault) for fault in faults], field=_path(faults[0])) from error


def invalid(sentences: Sequence[str], *, field: str | None = None) -> Refusal:
    """The refusal of a document, with the first of its faults."""
    told = " ".join(sentences[:MOST_TOLD])
    more = f" And {len(sentences) - MOST_TOLD} more." if len(sentences) > MOST_TOLD else ""
    return Refusal("GATEWAY_DOCUMENT_INVALID", f"The gateway's document cannot be used. {told}{more}", field=field)


def _path(fault: Any) -> str:
    return ".".join(str(part) for part in fault["loc"]) or "document"


def _sentence(fault: Any) -> str:
    text = str(fault["msg"]).removeprefix("Value error, ")
    given = "" if fault["type"] in ("missing", "value_error") else f" (got {str(fault['input'])[:80]!r})"
    return f"{_path(fault)}: {text}{given}."
