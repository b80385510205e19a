"""HMACs over requests that go out, and over calls that come in. Pure: the time is passed in.

Calls that come in follow the Standard Webhooks specification (https://www.standardwebhooks.com), or an HMAC as the
document describes it.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from app.carriers.rest.document import Encoding, HmacWebhook, Signature, StandardWebhook
from app.core.errors import Refusal

SECRET_PREFIX = "whsec_"  # noqa: S105 - the specification's own mark before a secret


class SignatureInvalid(Refusal):
    """A call that the carrier did not sign, or that is too old."""

    def __init__(self, message: str) -> None:
        super().__init__("SIGNATURE_INVALID", message)


def signed(
    signature: Signature, *, secret: str, method: str, url: str, body: bytes, wall_now: datetime
) -> dict[str, str]:
    """The headers that prove a request."""
    parts, timestamp = urlsplit(url), str(int(wall_now.timestamp()))
    text = _replaced(
        signature.text,
        {
            "{timestamp}": timestamp.encode(),
            "{method}": method.encode(),
            "{path}": parts.path.encode(),
            "{query}": parts.query.encode(),
            "{body_sha256}": hashlib.sha256(body).hexdigest().encode(),
            "{body}": body,
        },
    )
    digest = hmac.digest(secret.encode(), text, signature.algorithm)
    headers = {signature.header: signature.prefix + encoded(digest, signature.encoding)}
    return headers if signature.timestamp_header is None else {**headers, signature.timestamp_header: timestamp}


def verify(
    scheme: StandardWebhook | HmacWebhook, *, secret: str, headers: Mapping[str, str], body: bytes, wall_now: datetime
) -> None:
    """Refuses a call that was not signed with `secret`, or not within the scheme's tolerance of now.

    `headers` are by lower-case name.
    """
    if isinstance(scheme, StandardWebhook):
        _verify_standard(scheme, secret=secret, headers=headers, body=body, wall_now=wall_now)
    else:
        _verify_hmac(scheme, secret=secret, headers=headers, body=body, wall_now=wall_now)


def encoded(digest: bytes, encoding: Encoding) -> str:
    """A digest as text."""
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def _verify_standard(
    scheme: StandardWebhook, *, secret: str, headers: Mapping[str, str], body: bytes, wall_now: datetime
) -> None:
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not timestamp:
        raise SignatureInvalid("The call has no webhook-id or no webhook-timestamp. Sign it as Standard Webhooks says.")
    _check_age(timestamp, tolerance_seconds=scheme.tolerance_seconds, wall_now=wall_now)
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = secret.encode()
    digest = hmac.digest(key, b".".join((message_id.encode(), timestamp.encode(), body)), "sha256")
    expected = f"v1,{base64.b64encode(digest).decode()}".encode()
    given = headers.get("webhook-signature", "").split(" ")
    if not any([hmac.compare_digest(expected, one.encode()) for one in given]):  # noqa: C419 - compares them all
        raise SignatureInvalid(
            "webhook-signature does not prove this call. Check the secret, and sign the body as sent."
        )


def _verify_hmac(
    scheme: HmacWebhook, *, secret: str, headers: Mapping[str, str], body: bytes, wall_now: datetime
) -> None:
    timestamp = ""
    if scheme.timestamp_header is not None:
        timestamp = headers.get(scheme.timestamp_header.lower(), "")
        _check_age(timestamp, tolerance_seconds=scheme.tolerance_seconds, wall_now=wall_now)
    text = _replaced(scheme.text, {"{timestamp}": timestamp.encode(), "{body}": body})
    digest = hmac.digest(secret.encode(), text, scheme.algorithm)
    expected = scheme.prefix + encoded(digest, scheme.encoding)
    if not hmac.compare_digest(expected.encode(), headers.get(scheme.header.lower(), "").encode()):
        raise SignatureInvalid(
            f"{scheme.header} does not prove this call. Check the secret, and sign the body as sent."
        )


def _check_age(timestamp: str, *, tolerance_seconds: int, wall_now: datetime) -> None:
    """Refuses a call from another time: one that was recorded must not be played again for ever."""
    if not timestamp.isdecimal() or abs(wall_now.timestamp() - int(timestamp[:12])) > tolerance_seconds:
        raise SignatureInvalid(
            f"The call's timestamp is {timestamp[:40]!r}, not within {tolerance_seconds} seconds of now. Set the clock."
        )


def _replaced(text: str, values: Mapping[str, bytes]) -> bytes:
    """The text with each mark replaced once: what a value holds is never read as a mark."""
    found, rest = b"", text
    while rest:
        mark = min((mark for mark in values if mark in rest), key=rest.index, default=None)
        if mark is None:
            return found + rest.encode()
        before, _, rest = rest.partition(mark)
        found += before.encode() + values[mark]
    return found
