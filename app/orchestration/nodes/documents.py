"""A node's calendar: other hours by weekday, days on which it is closed, other cut-offs by service. Pure."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from app.models.base import Json
from app.orchestration.documents import DocumentPart, read
from app.orchestration.weekdays import Weekday

MinuteOfDay = Annotated[int, Field(ge=0, le=1_440)]


class Hours(DocumentPart):
    """From when until when it is open, in minutes after local midnight."""

    opens_minute: MinuteOfDay
    closes_minute: MinuteOfDay

    @model_validator(mode="after")
    def _open_before_closed(self) -> Self:
        if self.opens_minute >= self.closes_minute:
            raise ValueError(f"it opens at {self.opens_minute} but closes at {self.closes_minute}")
        return self


class Calendar(DocumentPart):
    """`hours` of a weekday override the node's own; None there: closed. `days` override both."""

    hours: dict[Weekday, Hours | None] = Field(default_factory=dict)
    days: dict[date, Hours | None] = Field(default_factory=dict)
    cutoffs: dict[str, MinuteOfDay] = Field(default_factory=dict)


def parse(document: Json, *, field: str = "calendar") -> Calendar:
    """The calendar that this JSON describes. Refuses what it cannot read, naming the value."""
    return read(Calendar, document, code="CALENDAR_INVALID", noun="calendar", field=field)
