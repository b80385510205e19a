"""Which files may be sent, and whether a file is what it says. Pure: no clock, no database."""

import re
from collections.abc import Mapping
from datetime import timedelta

from app.core.errors import Refusal
from app.models import ProofKind

MOST_BYTES = 15 * 1024 * 1024
# How long an address works. Machine time: a driver may be without network for a while.
LASTS = timedelta(hours=24)
SHA256 = re.compile(r"[0-9a-f]{64}")

# Content type -> what a file of it begins with: pairs of an offset and the bytes there, all of which must match.
MAGIC: Mapping[str, tuple[tuple[tuple[int, bytes], ...], ...]] = {
    "image/jpeg": (((0, b"\xff\xd8\xff"),),),
    "image/png": (((0, b"\x89PNG\r\n\x1a\n"),),),
    "image/webp": (((0, b"RIFF"), (8, b"WEBP")),),
    "image/heic": (((4, b"ftypheic"),), ((4, b"ftypheix"),), ((4, b"ftypmif1"),)),
    "application/pdf": (((0, b"%PDF-"),),),
}
IMAGES = frozenset(kind for kind in MAGIC if kind.startswith("image/"))
ALLOWED: Mapping[ProofKind, frozenset[str]] = {
    ProofKind.SIGNATURE: IMAGES,
    ProofKind.PHOTO: IMAGES,
    ProofKind.AGE_CHECK: IMAGES,
    ProofKind.BARCODE: IMAGES,
    ProofKind.DOCUMENT: IMAGES | {"application/pdf"},
}
EXTENSION: Mapping[str, str] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/heic": "heic",
    "application/pdf": "pdf",
}


def check_announcement(*, kind: ProofKind, content_type: str, size_bytes: int, sha256: str) -> None:
    """Refuses a file that would not be taken, before it is sent."""
    if kind not in ALLOWED:
        raise Refusal("UPLOAD_KIND_INVALID", f"A {kind.value} is no file. Send it as a proof's value.", field="kind")
    if content_type not in ALLOWED[kind]:
        raise Refusal(
            "CONTENT_TYPE_INVALID",
            f"A {kind.value} cannot be {content_type[:80]!r}. Send one of {', '.join(sorted(ALLOWED[kind]))}.",
            field="contentType",
        )
    if not 1 <= size_bytes <= MOST_BYTES:
        raise Refusal(
            "UPLOAD_SIZE_INVALID",
            f"A file of {size_bytes} bytes cannot be sent. Send 1 to {MOST_BYTES} bytes.",
            field="bytes",
        )
    if not SHA256.fullmatch(sha256):
        raise Refusal(
            "UPLOAD_HASH_INVALID", f"{sha256[:80]!r} is no SHA-256: send 64 lower-case hex digits.", field="sha256"
        )


def looks_like(contents: bytes, content_type: str) -> bool:
    """Whether a file begins as files of its type do."""
    return any(
        all(contents[offset : offset + len(mark)] == mark for offset, mark in form)
        for form in MAGIC.get(content_type, ())
    )


def check_type(contents: bytes, content_type: str) -> None:
    """Refuses a file that is not what it was announced to be."""
    if not looks_like(contents, content_type):
        raise Refusal(
            "UPLOAD_TYPE_MISMATCH",
            f"The file does not begin as {content_type} does. Send a file of the announced type.",
        )
