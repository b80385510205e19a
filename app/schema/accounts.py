"""Inputs and payloads of signing in, staying signed in, and signing out."""

from datetime import datetime

import strawberry

from app.schema.errors import UserErrorType
from app.schema.viewer import ViewerType


@strawberry.input
class SignInInput:
    """The same door for staff, carriers and drivers."""

    username: str
    password: str
    idempotency_key: str | None = None


@strawberry.input
class RefreshSessionInput:
    """A refresh token works once: the payload holds the next one."""

    refresh_token: str
    idempotency_key: str | None = None


@strawberry.input
class SignOutInput:
    """Ends the session that the refresh token belongs to."""

    refresh_token: str
    idempotency_key: str | None = None


@strawberry.type(description="A session: send accessToken as Authorization: Bearer until expiresAt.")
class SessionPayload:
    """A session, or why there is none."""

    access_token: str | None = None
    expires_at: datetime | None = None
    refresh_token: str | None = None
    viewer: ViewerType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)


@strawberry.type
class SignOutPayload:
    """Whether the session has ended."""

    is_signed_out: bool = False
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
