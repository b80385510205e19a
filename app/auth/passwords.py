"""Passwords as argon2id hashes (RFC 9106). Knows no user."""

import asyncio
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.errors import Refusal

SHORTEST = 10
LONGEST = 200

_hasher = PasswordHasher()


def checked(password: str) -> str:
    """The password, where its length is acceptable (NIST SP 800-63B: length counts, composition rules do not)."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refusal(
            "PASSWORD_LENGTH",
            f"A password has {SHORTEST} to {LONGEST} characters, not {len(password)}.",
            field="password",
        )
    return password


async def hashed(password: str) -> str:
    """The hash to keep. Runs in a thread: it takes tens of milliseconds on purpose."""
    return await asyncio.to_thread(_hasher.hash, password)


async def matches(password: str, password_hash: str | None) -> bool:
    """Whether the password is the one that was hashed. Takes as long without a hash: nobody learns who exists."""
    if len(password) > LONGEST:
        return False
    correct = await asyncio.to_thread(_verified, password, password_hash or _nobodys_hash())
    return correct and password_hash is not None


def _verified(password: str, password_hash: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody's password")
