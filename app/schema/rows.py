"""What bulk mutations share: the outcome of each row, and what one bad row means for the others."""

import strawberry

from app.orchestration.rows import ErrorPolicy, RowOutcome
from app.schema.errors import UserErrorType

RowOutcomeEnum = strawberry.enum(RowOutcome, description="What became of one row.")
ErrorPolicyEnum = strawberry.enum(ErrorPolicy, description="What one bad row means for the others.")


@strawberry.type(name="RowResult", description="What became of one row of a bulk input.")
class RowResultType:
    """One row's outcome."""

    index: int
    outcome: RowOutcome
    errors: list[UserErrorType]


@strawberry.type(description="What became of each row. userErrors refuse the call as a whole.")
class UpsertRowsPayload:
    """The outcome of a bulk upsert of master data."""

    results: list[RowResultType] = strawberry.field(default_factory=list)
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
