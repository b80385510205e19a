"""A refusal as every payload shows it."""

import strawberry

from app.core.errors import UserError


@strawberry.type(name="UserError", description="Why nothing was done, in a way that the caller can act on.")
class UserErrorType:
    """One refusal."""

    code: str = strawberry.field(description="Stable, in capitals; for programs.")
    message: str = strawberry.field(description="A sentence that names the refused value and the fix; for people.")
    field: str | None = strawberry.field(default=None, description="Dotted path into the input, where there is one.")

    @staticmethod
    def of(error: UserError) -> "UserErrorType":
        """The GraphQL form of a user error."""
        return UserErrorType(code=error.code, message=error.message, field=error.field)
