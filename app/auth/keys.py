"""API keys: random, told apart by their prefix, kept only as hashes."""

import secrets

from app.auth.tokens import hash_token
from app.models import KeyScope

PREFIX = "dsk_"


def new_key(scope: KeyScope) -> str:
    """A key such as `dsk_integration_…`, with 256 random bits. It is shown once."""
    return f"{PREFIX}{scope.value.lower()}_{secrets.token_urlsafe(32)}"


def is_key(bearer: str) -> bool:
    """Whether a bearer credential has the form of an API key."""
    return bearer.startswith(PREFIX)


def hash_key(key: str) -> str:
    """What the database keeps of a key."""
    return hash_token(key)
