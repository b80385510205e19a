"""Signing in and out, and making users and keys. Times are machine time: a fast simulated day ends no session."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth import keys, passwords, tokens
from app.core.errors import Conflict, NotFound, Refusal
from app.core.ids import new_id
from app.models import ApiKey, Carrier, Driver, KeyScope, RefreshToken, User, UserKind


@dataclass(frozen=True, kw_only=True)
class NewUser:
    """A person to be. Drivers and carrier users name whom they belong to by reference."""

    username: str
    name: str
    kind: UserKind
    password: str
    driver_reference: str | None = None
    carrier_reference: str | None = None


async def create_user(session: AsyncSession, *, user: NewUser) -> User:
    """Adds a user; refuses a name that is taken, a weak password, and a driver or carrier that does not exist."""
    username = user.username.strip().lower()
    if not username:
        raise Refusal("USERNAME_INVALID", f"{user.username!r} is no user name.", field="username")
    if await session.scalar(select(col(User.id)).where(col(User.username) == username)) is not None:
        raise Conflict("USERNAME_TAKEN", f"There is already a user {username}. Choose another name.", field="username")
    row = User(
        username=username,
        name=user.name,
        kind=user.kind,
        password_hash=await passwords.hashed(passwords.checked(user.password)),
        driver_id=await _driver_id(session, user),
        carrier_id=await _carrier_id(session, user.carrier_reference) if user.kind is UserKind.CARRIER else None,
    )
    session.add(row)
    await session.flush()
    return row


async def create_key(
    session: AsyncSession, *, name: str, scope: KeyScope, carrier_reference: str | None = None
) -> tuple[ApiKey, str]:
    """Adds a key. The second value is the key itself, which nobody can read again."""
    carrier_id = await _carrier_id(session, carrier_reference) if scope is KeyScope.CARRIER else None
    key = keys.new_key(scope)
    row = ApiKey(name=name, scope=scope, carrier_id=carrier_id, key_hash=keys.hash_key(key))
    session.add(row)
    await session.flush()
    return row, key


async def revoke_key(session: AsyncSession, *, key_id: uuid.UUID, wall_now: datetime) -> None:
    """Ends a key at once."""
    row = await session.get(ApiKey, key_id, with_for_update={"key_share": True})
    if row is None:
        raise NotFound("API key", key_id)
    row.revoked_at = row.revoked_at or wall_now


async def sign_in(
    session: AsyncSession, *, username: str, password: str, secret: str, wall_now: datetime, lasts: timedelta
) -> RefreshToken:
    """Opens a session for a user's name and password; who exists cannot be told from the answer or its time."""
    user = await session.scalar(select(User).where(col(User.username) == username.strip().lower()))
    correct = await passwords.matches(password, user.password_hash if user else None)
    if user is None or not correct or not user.is_active:
        raise Refusal("INVALID_CREDENTIALS", "This user name and password do not belong together. Check both.")
    return await open_session(session, user=user, secret=secret, wall_now=wall_now, lasts=lasts)


async def open_session(
    session: AsyncSession, *, user: User, secret: str, wall_now: datetime, lasts: timedelta
) -> RefreshToken:
    """Opens a session for a user whom the caller vouches for."""
    return await _link(session, user_id=user.id, family_id=new_id(), secret=secret, expires_at=wall_now + lasts)


async def issue_access_token(
    session: AsyncSession, *, username: str, secret: str, wall_now: datetime, lasts: timedelta
) -> str:
    """An access token for a user, without a password: for whoever runs the deployment, who could read it all anyway."""
    user = await session.scalar(select(User).where(col(User.username) == username.strip().lower()))
    if user is None or not user.is_active:
        raise NotFound("active user", repr(username), field="username")
    link = await open_session(session, user=user, secret=secret, wall_now=wall_now, lasts=lasts)
    claims = tokens.AccessClaims(
        user_id=user.id, family_id=link.family_id, issued_at=wall_now, expires_at=wall_now + lasts
    )
    return tokens.access_token(claims, secret=secret)


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """The next link of a session, or the refusal that goes with ending it (which must be committed)."""

    token: RefreshToken | None = None
    refusal: Refusal | None = None


async def refresh(session: AsyncSession, *, token: str, secret: str, wall_now: datetime, lasts: timedelta) -> Refreshed:
    """Trades a refresh token for the next one. A token that comes back a second time ends the whole session.

    (RFC 9700, section 4.14.2: the server cannot know which of the two holders is the thief.)
    """
    row = await session.scalar(
        select(RefreshToken)
        .where(col(RefreshToken.token_hash) == tokens.hash_token(token))
        .with_for_update(key_share=True)
    )
    if row is None or row.revoked_at is not None or wall_now >= row.expires_at:
        raise Refusal(
            "REFRESH_TOKEN_INVALID",
            "The refresh token is unknown, expired or ended. Sign in again.",
            field="refreshToken",
        )
    if row.used_at is not None:
        await end_session(session, family_id=row.family_id, wall_now=wall_now)
        return Refreshed(
            refusal=Conflict(
                "REFRESH_TOKEN_REUSED",
                "The refresh token was used before, so the session has been ended. Sign in again.",
                field="refreshToken",
            )
        )
    row.used_at = wall_now
    return Refreshed(
        token=await _link(
            session, user_id=row.user_id, family_id=row.family_id, secret=secret, expires_at=wall_now + lasts
        )
    )


async def sign_out(session: AsyncSession, *, token: str, wall_now: datetime) -> None:
    """Ends the session that a refresh token belongs to. An unknown token is signed out already."""
    family_id = await session.scalar(
        select(col(RefreshToken.family_id)).where(col(RefreshToken.token_hash) == tokens.hash_token(token))
    )
    if family_id is not None:
        await end_session(session, family_id=family_id, wall_now=wall_now)


async def end_session(session: AsyncSession, *, family_id: uuid.UUID, wall_now: datetime) -> None:
    """Ends every link of a session."""
    await session.execute(
        update(RefreshToken)
        .where(col(RefreshToken.family_id) == family_id, col(RefreshToken.revoked_at).is_(None))
        .values(revoked_at=wall_now)
    )


async def _link(
    session: AsyncSession, *, user_id: uuid.UUID, family_id: uuid.UUID, secret: str, expires_at: datetime
) -> RefreshToken:
    token_id = new_id()
    row = RefreshToken(
        id=token_id,
        user_id=user_id,
        family_id=family_id,
        token_hash=tokens.hash_token(tokens.refresh_token(secret, token_id)),
        expires_at=expires_at,
    )
    session.add(row)
    await session.flush()
    return row


async def _driver_id(session: AsyncSession, user: NewUser) -> uuid.UUID | None:
    if user.kind is not UserKind.DRIVER:
        return None
    found = await session.scalar(select(col(Driver.id)).where(col(Driver.reference) == (user.driver_reference or "")))
    if found is None:
        raise NotFound("driver", repr(user.driver_reference), field="driver")
    return found


async def _carrier_id(session: AsyncSession, reference: str | None) -> uuid.UUID:
    found = await session.scalar(select(col(Carrier.id)).where(col(Carrier.reference) == (reference or "")))
    if found is None:
        raise NotFound("carrier", repr(reference), field="carrier")
    return found
