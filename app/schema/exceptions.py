"""Exceptions: what needs a correction before the customer feels it."""

from datetime import datetime

import strawberry

from app.core.ids import to_global
from app.models import ExceptionCase, ExceptionState, Severity
from app.schema.context import Info
from app.schema.errors import UserErrorType
from app.schema.relay import Node
from app.schema.scalars import MoneyType, money

ExceptionStateEnum = strawberry.enum(ExceptionState, description="Who dealt with it.")
SeverityEnum = strawberry.enum(Severity, description="How soon it hurts.")


@strawberry.type(name="Suggestion")
class SuggestionType:
    """What the platform would do."""

    action: str
    summary: str
    expected_gain: MoneyType | None


@strawberry.type(name="Exception")
class ExceptionType(Node):
    """One case."""

    row: strawberry.Private[ExceptionCase]
    kind: str
    severity: Severity
    state: ExceptionState
    subject_kind: str
    subject_reference: str
    opened_at: datetime
    predicted_lateness: int | None = strawberry.field(description="Seconds after the window's end.")
    probability: float | None
    resolution: str | None
    resolved_at: datetime | None
    resolved_by: str | None

    @strawberry.field
    def minutes_to_breach(self, info: Info) -> int | None:
        """Minutes until the promise is broken; below zero where it is; null where there is no deadline."""
        if self.row.due_at is None:
            return None
        return round((self.row.due_at - info.context.now()).total_seconds() / 60)

    @strawberry.field
    def suggestion(self) -> SuggestionType | None:
        """What the platform would do; null where it knows nothing better."""
        found = self.row.suggestion
        if not found:
            return None
        gain = money(found.get("expectedGainMinor"), found.get("currency"))
        return SuggestionType(action=found["action"], summary=found["summary"], expected_gain=gain)

    @staticmethod
    def of(row: ExceptionCase) -> "ExceptionType":
        """The GraphQL form of a case."""
        return ExceptionType(
            id=strawberry.ID(to_global("Exception", row.id)),
            row=row,
            kind=row.kind,
            severity=row.severity,
            state=row.state,
            subject_kind=row.subject_kind,
            subject_reference=row.subject_reference,
            opened_at=row.opened_at,
            predicted_lateness=row.predicted_lateness_seconds,
            probability=row.probability,
            resolution=row.resolution,
            resolved_at=row.resolved_at,
            resolved_by=row.resolved_by,
        )


@strawberry.input
class ResolveExceptionInput:
    """`accept` false dismisses the case."""

    exception_id: strawberry.ID
    accept: bool
    note: str | None = None
    idempotency_key: str | None = None


@strawberry.type
class ResolveExceptionPayload:
    """The case as it is now."""

    exception: ExceptionType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
