"""What became of each row of a bulk input. Pure: knows no noun."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from app.core.errors import Refusal, UserError

MOST_INPUT_ROWS = 1_000

Found = TypeVar("Found")


class RowOutcome(StrEnum):
    """What became of one row."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    REJECTED = "REJECTED"


class ErrorPolicy(StrEnum):
    """What one bad row means for the others."""

    REJECT_EVERYTHING = "REJECT_EVERYTHING"
    REJECT_FAILED_ROWS = "REJECT_FAILED_ROWS"


@dataclass(kw_only=True)
class RowResult(Generic[Found]):
    """One row's outcome. `found` is what the row made or changed, None where it was rejected."""

    index: int
    outcome: RowOutcome = RowOutcome.REJECTED
    found: Found | None = None
    errors: list[UserError] = field(default_factory=list)


def check_row_count(rows: Sequence[object], *, field: str) -> None:
    """Refuses more rows than one call takes."""
    if len(rows) > MOST_INPUT_ROWS:
        raise Refusal(
            "TOO_MANY_ROWS",
            f"{len(rows):,} rows were sent, but a call takes at most {MOST_INPUT_ROWS:,}. Send several calls.",
            field=field,
        )


class RowsRefused(Refusal):
    """One bad row refused the whole call. `results` tells each row's own errors."""

    def __init__(self, results: Sequence[RowResult[Any]]) -> None:
        self.results = [_refused(result) for result in results]
        self.errors = [error for result in results for error in result.errors]
        first = self.errors[0]
        super().__init__(first.code, first.message, field=first.field)


def _refused(result: RowResult[Any]) -> RowResult[Any]:
    if result.errors:
        return RowResult(index=result.index, errors=result.errors)
    other = UserError(
        code="OTHER_ROW_REJECTED",
        message="Another row of this call was refused, and REJECT_EVERYTHING lets none land. Correct that one.",
    )
    return RowResult(index=result.index, errors=[other])
