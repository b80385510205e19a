"""Signing in, refreshing the session, signing out."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import strawberry

from app.auth import tokens
from app.auth.principals import ANONYMOUS, Principal
from app.core import clock
from app.core.database import Session
from app.core.errors import Refusal
from app.core.settings import Settings
from app.models import RefreshToken, User
from app.orchestration.accounts import operations, queries
from app.resolvers.mutations import EVERYONE, Json, mutation, perform
from app.schema.accounts import RefreshSessionInput, SessionPayload, SignInInput, SignOutInput, SignOutPayload
from app.schema.context import Info
from app.schema.errors import UserErrorType
from app.schema.viewer import ViewerType


@strawberry.type
class AccountMutations:
    """How a person comes to hold a token."""

    @mutation(callers=EVERYONE)
    async def sign_in(self, info: Info, input: SignInInput) -> SessionPayload:
        """Opens a session for a user name and a password. Refused with INVALID_CREDENTIALS where they do not match."""
        settings = info.context.settings

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            wall_now = clock.wall_now()
            opened = await operations.sign_in(
                session,
                username=input.username,
                password=input.password,
                secret=_secret(settings),
                wall_now=wall_now,
                lasts=_session_lasts(settings),
            )
            return _outcome(opened, wall_now)

        return await perform(
            info, input, payload=SessionPayload, work=work, answer=_answer(info), actor=_stranger(input.username)
        )

    @mutation(callers=EVERYONE)
    async def refresh_session(self, info: Info, input: RefreshSessionInput) -> SessionPayload:
        """Trades a refresh token for a new session link. A refresh token that comes back ends its session."""
        settings = info.context.settings

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            wall_now = clock.wall_now()
            found = await operations.refresh(
                session,
                token=input.refresh_token,
                secret=_secret(settings),
                wall_now=wall_now,
                lasts=_session_lasts(settings),
            )
            if found.token is None:
                assert found.refusal is not None
                return {"code": found.refusal.code, "message": found.refusal.message, "field": found.refusal.field}
            return _outcome(found.token, wall_now)

        return await perform(
            info,
            input,
            payload=SessionPayload,
            work=work,
            answer=_answer(info),
            actor=_stranger(tokens.hash_token(input.refresh_token)),
        )

    @mutation(callers=EVERYONE)
    async def sign_out(self, info: Info, input: SignOutInput) -> SignOutPayload:
        """Ends the session that a refresh token belongs to, with its access tokens. Signing out twice is no error."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            await operations.sign_out(session, token=input.refresh_token, wall_now=clock.wall_now())
            return {}

        async def answer(outcome: Json) -> SignOutPayload:
            return SignOutPayload(is_signed_out=True)

        actor = _stranger(tokens.hash_token(input.refresh_token))
        return await perform(info, input, payload=SignOutPayload, work=work, answer=answer, actor=actor)


def _answer(info: Info) -> Callable[[Json], Awaitable[SessionPayload]]:
    """Builds the payload from what was kept of the session: no token is stored, each follows from its row."""

    async def answer(outcome: Json) -> SessionPayload:
        if "code" in outcome:
            refusal = Refusal(outcome["code"], outcome["message"], field=outcome["field"])
            return SessionPayload(user_errors=[UserErrorType.of(refusal.to_user_error())])
        found = await info.context.load(queries.refresh_tokens_by_ids, uuid.UUID(outcome["refreshTokenId"]))
        assert found is not None, "a session link is never deleted"
        return _session(*found, issued_at=datetime.fromisoformat(outcome["issuedAt"]), settings=info.context.settings)

    return answer


def _session(link: RefreshToken, user: User, *, issued_at: datetime, settings: Settings) -> SessionPayload:
    expires_at = issued_at + timedelta(minutes=settings.access_token_minutes)
    claims = tokens.AccessClaims(user_id=user.id, family_id=link.family_id, issued_at=issued_at, expires_at=expires_at)
    return SessionPayload(
        access_token=tokens.access_token(claims, secret=_secret(settings)),
        expires_at=expires_at,
        refresh_token=tokens.refresh_token(_secret(settings), link.id),
        viewer=ViewerType.of(queries.principal_of(user)),
    )


def _outcome(link: RefreshToken, wall_now: datetime) -> Json:
    return {"refreshTokenId": str(link.id), "issuedAt": wall_now.replace(microsecond=0).isoformat()}


def _stranger(known_by: str) -> Principal:
    """Who calls before it is known who it is: idempotency keys of different users must not meet."""
    return replace(ANONYMOUS, key=f"anonymous:{tokens.hash_token(known_by.strip().lower())}")


def _secret(settings: Settings) -> str:
    return settings.secret_key.get_secret_value()


def _session_lasts(settings: Settings) -> timedelta:
    return timedelta(days=settings.refresh_token_days)
