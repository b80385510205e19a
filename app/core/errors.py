"""What a caller can be told.

    Refusal             the caller can act on it: a code, a sentence that names the value and the fix, a field
    |-- NotFound        absent, or not for this viewer: the two read alike
    |-- NotPermitted    this principal may never do this
    |-- NotSignedIn     no principal, or one whose proof has expired
    +-- Conflict        a version, a state or a key that moved on

Anything else that escapes is a fault of ours: it is logged and shown only as INTERNAL_ERROR.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class UserError:
    """One refusal as every payload shows it. `field` is a dotted path into the input, or None."""

    code: str
    message: str
    field: str | None = None


class Refusal(Exception):
    """The caller asked for something that cannot be done, and can change that."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field

    def to_user_error(self, *, within: str | None = None) -> UserError:
        """The refusal with its field path put below `within`."""
        path = ".".join(part for part in (within, self.field) if part) or None
        return UserError(code=self.code, message=self.message, field=path)


class NotFound(Refusal):
    """Absent, or not for this viewer."""

    def __init__(self, noun: str, value: object, *, field: str | None = None) -> None:
        super().__init__("NOT_FOUND", f"There is no {noun} {value}. Check the value and try again.", field=field)


class NotPermitted(Refusal):
    """This kind of principal may never call this."""

    def __init__(self, message: str) -> None:
        super().__init__("NOT_PERMITTED", message)


class NotSignedIn(Refusal):
    """No principal, or an expired one."""

    def __init__(self, message: str) -> None:
        super().__init__("NOT_SIGNED_IN", message)


class Conflict(Refusal):
    """What the caller saw is no longer so."""
