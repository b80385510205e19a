"""Access, refresh and tracking tokens, and offers that only we can make. Pure: the secret and the time are passed in.

Every use has its own key, derived from the deployment's one secret. Refresh and tracking tokens follow from the secret
and the row's id, so that a repeated call can answer them again, while the database only keeps their hashes.
"""

import base64
import binascii
import hashlib
import hmac
import uuid
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from app.core.errors import NotSignedIn

ALGORITHM = "HS256"
ISSUER = "doorstep"
SIGNATURE_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class AccessClaims:
    """What an access token says: the user, the session it belongs to, and how long it holds."""

    user_id: uuid.UUID
    family_id: uuid.UUID
    issued_at: datetime
    expires_at: datetime


def access_token(claims: AccessClaims, *, secret: str) -> str:
    """A signed access token (JWT, RFC 7519)."""
    payload = {
        "iss": ISSUER,
        "sub": str(claims.user_id),
        "sid": str(claims.family_id),
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
    }
    return jwt.encode({"alg": ALGORITHM}, payload, _access_key(secret))


def read_access_token(token: str, *, secret: str, now: datetime) -> AccessClaims:
    """The claims of a token that is ours and still holds at `now`, machine time; anything else is refused."""
    try:
        payload = jwt.decode(token, _access_key(secret), algorithms=[ALGORITHM]).claims
        claims = AccessClaims(
            user_id=uuid.UUID(payload["sub"]),
            family_id=uuid.UUID(payload["sid"]),
            issued_at=datetime.fromtimestamp(payload["iat"], UTC),
            expires_at=datetime.fromtimestamp(payload["exp"], UTC),
        )
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise NotSignedIn("The access token is not one of ours. Sign in again.") from error
    if now >= claims.expires_at:
        raise NotSignedIn(
            f"The access token expired at {claims.expires_at.isoformat()}. Refresh the session or sign in again."
        )
    return claims


def refresh_token(secret: str, token_id: uuid.UUID) -> str:
    """The refresh token of a row of `refresh_tokens`."""
    return _derived(secret, use="refresh token", key=token_id)


def tracking_token(secret: str, order_id: uuid.UUID) -> str:
    """The token of an order's tracking link: it opens that order and nothing else."""
    return _derived(secret, use="tracking token", key=order_id)


def hash_token(token: str) -> str:
    """What the database keeps of a token. A plain hash suffices: the token has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def sign_offer(content: bytes, *, secret: str) -> str:
    """The content as a text that anybody can read, but only this deployment could have written."""
    packed = zlib.compress(content, 9)
    return base64.urlsafe_b64encode(_offer_signature(packed, secret) + packed).decode().rstrip("=")


def read_offer(text: str, *, secret: str) -> bytes | None:
    """The content that was signed; None where the text is none of ours."""
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    signature, packed = found[:SIGNATURE_BYTES], found[SIGNATURE_BYTES:]
    is_ours = hmac.compare_digest(signature, _offer_signature(packed, secret))
    return zlib.decompress(packed) if is_ours else None


def _offer_signature(packed: bytes, secret: str) -> bytes:
    return hmac.digest(_key(secret, use="offer"), packed, "sha256")


def _derived(secret: str, *, use: str, key: uuid.UUID) -> str:
    digest = hmac.digest(_key(secret, use=use), key.bytes, "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _key(secret: str, *, use: str) -> bytes:
    return hmac.digest(secret.encode(), f"doorstep {use}".encode(), "sha256")


def _access_key(secret: str) -> OctKey:
    return OctKey.import_key(_key(secret, use="access token"))
