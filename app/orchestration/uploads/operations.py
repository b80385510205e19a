"""Announcing a file, and noting that it has come. Leaves out the file itself: core/blobs keeps it."""

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import NotFound
from app.models import ProofKind, Upload, UploadState
from app.orchestration.uploads.policies import EXTENSION, LASTS, check_announcement


async def announce(
    session: AsyncSession,
    *,
    kind: ProofKind,
    content_type: str,
    size_bytes: int,
    sha256: str,
    actor: Principal,
    now: datetime,
    wall_now: datetime,
) -> Upload:
    """A file that will be sent within a day. Refuses a type, a size or a hash that no file of this kind has."""
    check_announcement(kind=kind, content_type=content_type, size_bytes=size_bytes, sha256=sha256)
    upload = Upload(
        driver_id=actor.driver_id,
        kind=kind,
        content_type=content_type,
        size_bytes=size_bytes,
        sha256=sha256,
        expires_at=wall_now + LASTS,
        created_at=now,
    )
    session.add(upload)
    await session.flush()
    return upload


def key_of(upload: Upload) -> str:
    """Under which key the file is kept."""
    return f"proofs/{upload.id}.{EXTENSION[upload.content_type]}"


def id_of(key: str) -> uuid.UUID:
    """The upload that a key belongs to; refuses a key of nothing."""
    try:
        return uuid.UUID(key.removeprefix("proofs/").partition(".")[0])
    except ValueError:
        raise NotFound("upload", repr(key[:80])) from None


async def receive(session: AsyncSession, *, upload_id: uuid.UUID, now: datetime) -> Upload:
    """Notes that the file is there. Once more changes nothing."""
    upload = await session.scalar(select(Upload).where(col(Upload.id) == upload_id).with_for_update(key_share=True))
    if upload is None:
        raise NotFound("upload", upload_id)
    if upload.state is UploadState.PENDING:
        upload.state, upload.received_at = UploadState.RECEIVED, now
    return upload
