"""Where proof files lie, and the signed addresses that let a driver's phone send one and a customer see it.

A local folder by default; an S3-compatible bucket where `blob_url` names one. A signed address carries all that it
allows, so nothing is stored to check it: `sign` and `verify_...` are pure. Leaves out who may ask for an address, and
the HTTP routes.

A local address binds method, key, content type, size, hash and expiry. A bucket's presigned address binds method, key
and expiry only: whoever confirms an upload must read the file and call `PutGrant.check`.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

import obstore
from obstore.store import LocalStore, S3Store

from app.core.errors import NotFound, Refusal
from app.core.settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Config

UPLOADS_PATH = "/uploads/"
KEY_PATTERN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")
LONGEST_BUCKET_EXPIRY = timedelta(days=7)  # AWS Signature Version 4, query string authentication


@dataclass(frozen=True, kw_only=True)
class PutGrant:
    """Leave to send exactly this file: so many bytes of this type, with this hash (hex), until `expires_at`."""

    key: str
    content_type: str
    size_bytes: int
    sha256: str
    expires_at: datetime

    def check(self, contents: bytes) -> None:
        """Refuse contents other than those announced."""
        if len(contents) != self.size_bytes:
            raise Refusal(
                "UPLOAD_SIZE_MISMATCH",
                f"The file has {len(contents)} bytes, but {self.size_bytes} were announced. Send the announced file.",
            )
        actual = hashlib.sha256(contents).hexdigest()
        if actual != self.sha256:
            raise Refusal(
                "UPLOAD_HASH_MISMATCH",
                f"The file's SHA-256 is {actual}, but {self.sha256} was announced. Send the announced file.",
            )


@dataclass(frozen=True, kw_only=True)
class GetGrant:
    """Leave to read one file, answered with this type, until `expires_at`."""

    key: str
    content_type: str
    expires_at: datetime


Grant = PutGrant | GetGrant


def sign(grant: Grant, *, secret: str) -> str:
    """The query string that proves the grant."""
    fields = _fields(grant)
    return urlencode({**fields, "signature": _signature(_method(grant), grant.key, fields, secret=secret)})


def verify_put(*, key: str, query: Mapping[str, str], secret: str, now: datetime) -> PutGrant:
    """The leave to send that an address carries. Refuses one that was changed, is of another kind, or has expired."""
    fields = _verified(
        "PUT", key, query, names=("content_type", "size_bytes", "sha256", "expires"), secret=secret, now=now
    )
    return PutGrant(
        key=key,
        content_type=fields["content_type"],
        size_bytes=int(fields["size_bytes"]),
        sha256=fields["sha256"],
        expires_at=_from_epoch(fields["expires"]),
    )


def verify_get(*, key: str, query: Mapping[str, str], secret: str, now: datetime) -> GetGrant:
    """The leave to read that an address carries. Refuses one that was changed, is of another kind, or has expired."""
    fields = _verified("GET", key, query, names=("content_type", "expires"), secret=secret, now=now)
    return GetGrant(key=key, content_type=fields["content_type"], expires_at=_from_epoch(fields["expires"]))


def _method(grant: Grant) -> Literal["PUT", "GET"]:
    return "PUT" if isinstance(grant, PutGrant) else "GET"


def _fields(grant: Grant) -> dict[str, str]:
    expires = {"expires": str(int(grant.expires_at.timestamp()))}
    if isinstance(grant, GetGrant):
        return {"content_type": grant.content_type, **expires}
    return {
        "content_type": grant.content_type,
        "size_bytes": str(grant.size_bytes),
        "sha256": grant.sha256,
        **expires,
    }


def _signature(method: str, key: str, fields: Mapping[str, str], *, secret: str) -> str:
    """HMAC-SHA256 over an unambiguous JSON text, with a key of this use alone derived from the deployment's secret."""
    own_key = hmac.digest(secret.encode(), b"doorstep signed upload address", "sha256")
    text = json.dumps([method, key, sorted(fields.items())], separators=(",", ":"))
    return base64.urlsafe_b64encode(hmac.digest(own_key, text.encode(), "sha256")).rstrip(b"=").decode()


def _verified(
    method: str, key: str, query: Mapping[str, str], *, names: tuple[str, ...], secret: str, now: datetime
) -> dict[str, str]:
    fields = {name: query.get(name, "") for name in names}
    expected = _signature(method, key, fields, secret=secret)
    if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
        raise Refusal(
            "UPLOAD_ADDRESS_INVALID",
            f"The address of {key} is not one that we signed for {method}. Use it as given, or ask for a new one.",
        )
    expires_at = _from_epoch(fields["expires"])
    if now >= expires_at:
        raise Refusal(
            "UPLOAD_ADDRESS_EXPIRED",
            f"The address of {key} expired at {expires_at.isoformat()}. Ask for a new one.",
        )
    return fields


def _from_epoch(text: str) -> datetime:
    return datetime.fromtimestamp(int(text), UTC)


def _checked_key(key: str) -> str:
    if not KEY_PATTERN.fullmatch(key):
        raise Refusal(
            "BLOB_KEY_INVALID", f"{key!r} cannot name a file. Use letters, digits, '.', '_' and '-', parted by '/'."
        )
    return key


@dataclass(frozen=True, kw_only=True)
class BlobStore:
    """Files by key. Keys look like `proofs/0199.../photo.jpg`; the same key put twice holds the later contents."""

    store: LocalStore | S3Store
    public_url: str
    secret: str

    @classmethod
    def from_settings(cls, settings: Settings) -> "BlobStore":
        """The bucket that `blob_url` names (`s3://bucket/prefix`), or else the folder `blobs` below the data folder."""
        return cls(
            store=_bucket(settings, settings.blob_url) if settings.blob_url else _folder(settings),
            public_url=settings.public_url.rstrip("/"),
            secret=settings.secret_key.get_secret_value(),
        )

    @property
    def is_local(self) -> bool:
        """Whether this deployment itself answers the signed addresses."""
        return isinstance(self.store, LocalStore)

    async def put(self, key: str, contents: bytes) -> None:
        """Keep the contents under the key, replacing what it held."""
        await obstore.put_async(self.store, _checked_key(key), contents)

    async def get(self, key: str) -> bytes:
        """The contents. Refuses a key that holds nothing."""
        try:
            answer = await obstore.get_async(self.store, _checked_key(key))
            return bytes(await answer.bytes_async())
        except FileNotFoundError:
            raise NotFound("file", key) from None

    async def size_bytes(self, key: str) -> int | None:
        """How many bytes the key holds, or None where it holds nothing; asked before `get`, no giant is read."""
        try:
            return (await obstore.head_async(self.store, _checked_key(key)))["size"]
        except FileNotFoundError:
            return None

    async def exists(self, key: str) -> bool:
        """Whether the key holds something."""
        return await self.size_bytes(key) is not None

    async def delete(self, key: str) -> None:
        """Remove what the key holds; a key that holds nothing is left so."""
        if await self.exists(key):
            await obstore.delete_async(self.store, key)

    async def signed_put_url(
        self, key: str, *, content_type: str, size_bytes: int, sha256: str, expires_at: datetime, now: datetime
    ) -> str:
        """An address that takes this one file by PUT until `expires_at`."""
        if size_bytes <= 0:
            raise Refusal("UPLOAD_SIZE_INVALID", f"A file of {size_bytes} bytes cannot be sent.", field="sizeBytes")
        if not SHA256_PATTERN.fullmatch(sha256):
            raise Refusal(
                "UPLOAD_HASH_INVALID", f"{sha256!r} is no SHA-256: send 64 lower-case hex digits.", field="sha256"
            )
        grant = PutGrant(
            key=key, content_type=content_type, size_bytes=size_bytes, sha256=sha256, expires_at=expires_at
        )
        return await self._address(grant, now=now)

    async def signed_get_url(self, key: str, *, content_type: str, expires_at: datetime, now: datetime) -> str:
        """An address that answers this one file until `expires_at`."""
        return await self._address(GetGrant(key=key, content_type=content_type, expires_at=expires_at), now=now)

    async def _address(self, grant: Grant, *, now: datetime) -> str:
        key = _checked_key(grant.key)
        if isinstance(self.store, LocalStore):
            return f"{self.public_url}{UPLOADS_PATH}{quote(key)}?{sign(grant, secret=self.secret)}"
        lasts = min(grant.expires_at - now, LONGEST_BUCKET_EXPIRY)
        return await obstore.sign_async(self.store, _method(grant), key, lasts)


def _folder(settings: Settings) -> LocalStore:
    return LocalStore(settings.data / "blobs", mkdir=True)


def _bucket(settings: Settings, url: str) -> S3Store:
    """Path-style requests to an endpoint of one's own; AWS itself where none is set."""
    if not url.startswith("s3://"):
        raise ValueError(f"DOORSTEP_BLOB_URL must look like s3://bucket/prefix, not {url!r}.")
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    endpoint = settings.blob_endpoint or ""
    config: S3Config = {"region": settings.blob_region or "us-east-1", "virtual_hosted_style_request": False}
    if endpoint:
        config["endpoint"] = endpoint
    if settings.blob_access_key_id and settings.blob_secret_access_key:
        config["access_key_id"] = settings.blob_access_key_id
        config["secret_access_key"] = settings.blob_secret_access_key.get_secret_value()
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=config,
        client_options={"allow_http": endpoint.startswith("http://"), "timeout": "30s"},
    )
