"""Identifiers: time-ordered UUIDs inside, opaque global ids outside, keyset cursors between."""

import base64
import binascii
import uuid

from uuid_utils.compat import uuid7

from app.core.errors import NotFound, Refusal


def new_id() -> uuid.UUID:
    """A UUID version 7 (RFC 9562): later ids sort later, so that the key is also the keyset order."""
    return uuid7()


def to_global(kind: str, key: uuid.UUID) -> str:
    """The opaque id of an object, as Relay's Node asks for: unique over all kinds."""
    return base64.urlsafe_b64encode(f"{kind}:{key}".encode()).decode().rstrip("=")


def from_global(kind: str, value: str, *, field: str = "id") -> uuid.UUID:
    """The key inside a global id of this kind; anything else is refused as absent."""
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
        found_kind, _, key = text.partition(":")
        if found_kind == kind:
            return uuid.UUID(key)
    except (ValueError, binascii.Error):
        pass
    raise NotFound(kind.lower(), repr(value[:80]), field=field)


def kind_of(value: str) -> str:
    """The kind that a global id names, or an empty text where it is no global id."""
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode().partition(":")[0]
    except (ValueError, binascii.Error):
        return ""


def to_cursor(*parts: object) -> str:
    """An opaque keyset cursor over the sort key's parts."""
    return base64.urlsafe_b64encode("|".join(str(part) for part in parts).encode()).decode().rstrip("=")


def from_cursor(value: str, *, parts: int) -> list[str]:
    """The sort key's parts inside a cursor, as text."""
    try:
        found = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode().split("|")
    except (ValueError, binascii.Error):
        found = []
    if len(found) != parts:
        raise Refusal(
            "CURSOR_INVALID",
            f"{value[:80]!r} is not a cursor of this list. Use a cursor that the list answered.",
            field="after",
        )
    return found
