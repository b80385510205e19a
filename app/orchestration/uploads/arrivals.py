"""Noticing files that were sent to a bucket directly: nobody tells us of those, so they are looked at when named.

Reads the bucket between transactions, never within one. A local folder needs none of this: web/uploads takes its files.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import col

from app.auth.principals import Principal
from app.core import clock
from app.core.blobs import BlobStore, PutGrant
from app.core.database import Database
from app.core.errors import Refusal
from app.models import Upload, UploadState
from app.orchestration.driver_events.happenings import Delivered, Failed, SentEvent
from app.orchestration.uploads import operations
from app.orchestration.uploads.policies import check_type


def named_by(events: Sequence[SentEvent]) -> set[uuid.UUID]:
    """The uploads that a batch names as proofs."""
    found = set()
    for event in events:
        proofs = (
            event.happening.given.proofs
            if isinstance(event.happening, Delivered)
            else event.happening.proofs
            if isinstance(event.happening, Failed)
            else ()
        )
        found |= {proof.upload_id for proof in proofs if proof.upload_id is not None}
    return found


async def confirm(database: Database, blobs: BlobStore | None, upload_ids: set[uuid.UUID], *, actor: Principal) -> None:
    """Marks as received what lies in the bucket exactly as announced; leaves the rest waiting."""
    if blobs is None or blobs.is_local or not upload_ids:
        return
    async with database.reading() as session:
        waiting = list(
            await session.scalars(
                select(Upload).where(
                    col(Upload.id).in_(upload_ids),
                    col(Upload.driver_id) == actor.driver_id,
                    col(Upload.state) == UploadState.PENDING,
                )
            )
        )
    for upload in waiting:
        if await _has_come(blobs, upload):
            await _mark(database, upload.id)


async def _mark(database: Database, upload_id: uuid.UUID) -> None:
    await database.run(lambda session: operations.receive(session, upload_id=upload_id, now=clock.now()))


async def _has_come(blobs: BlobStore, upload: Upload) -> bool:
    key = operations.key_of(upload)
    if await blobs.size_bytes(key) != upload.size_bytes:
        return False
    contents = await blobs.get(key)
    grant = PutGrant(
        key=key,
        content_type=upload.content_type,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        expires_at=upload.expires_at,
    )
    try:
        grant.check(contents)
        check_type(contents, upload.content_type)
    except Refusal:
        return False
    return True
