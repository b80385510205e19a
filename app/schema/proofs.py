"""Proofs: what shows that it happened."""

from datetime import datetime, timedelta

import strawberry

from app.core import clock
from app.core.ids import from_global, to_global
from app.models import Proof, ProofKind, Upload
from app.orchestration.proofs import queries
from app.orchestration.proofs.policies import GivenProof
from app.orchestration.uploads.operations import key_of
from app.schema.context import Info
from app.schema.relay import Node
from app.schema.scalars import LocationType, location

# How long the address of a proof's file works. Machine time.
ADDRESS_LASTS = timedelta(hours=1)


@strawberry.type(name="Proof", description="What shows that it happened, with time, place and hash.")
class ProofType(Node):
    """A proof."""

    row: strawberry.Private[Proof]
    file: strawberry.Private[Upload | None]
    kind: ProofKind
    captured_at: datetime
    value: str | None = strawberry.field(description="What was scanned or checked. Never a PIN.")
    sha256: str | None = strawberry.field(name="sha256", description="Of the file; null where there is none.")

    @strawberry.field
    def location(self) -> LocationType | None:
        """Where it was captured."""
        return location(self.row.latitude, self.row.longitude)

    @strawberry.field
    async def url(self, info: Info) -> str | None:
        """Where the file can be read for an hour, by whoever has the address. Null where there is no file."""
        context = info.context
        upload = self.file or await context.load(queries.files_of, self.row.id)
        if upload is None or context.blobs is None:
            return None
        now = clock.wall_now()
        return await context.blobs.signed_get_url(
            key_of(upload), content_type=upload.content_type, expires_at=now + ADDRESS_LASTS, now=now
        )

    @staticmethod
    def of(row: Proof, *, file: Upload | None = None) -> "ProofType":
        """The GraphQL form of a proof; `file` where the viewer is not the caller of the request."""
        return ProofType(
            id=strawberry.ID(to_global("Proof", row.id)),
            row=row,
            file=file,
            kind=row.kind,
            captured_at=row.captured_at,
            value=row.value,
            sha256=row.sha256,
        )


@strawberry.input(description="What a driver captured. Files are uploaded first, and named by uploadId.")
class ProofInput:
    """A proof."""

    kind: ProofKind
    captured_at: datetime
    upload_id: strawberry.ID | None = None
    value: str | None = None
    sha256: str | None = strawberry.field(default=None, name="sha256")

    def to_given(self) -> GivenProof:
        """The input for the operation."""
        return GivenProof(
            kind=self.kind,
            captured_at=self.captured_at,
            upload_id=None
            if self.upload_id is None
            else from_global("Upload", self.upload_id, field="proofs.uploadId"),
            value=self.value,
            sha256=self.sha256,
        )

    def to_words(self) -> dict[str, str | None]:
        """What is kept of it in the record of events: no PIN."""
        return {
            "kind": self.kind.value,
            "capturedAt": self.captured_at.isoformat(),
            "uploadId": self.upload_id,
            "value": None if self.kind is ProofKind.PIN else self.value,
            "sha256": self.sha256,
        }
