"""Uploads: leave to send one file."""

from datetime import datetime

import strawberry

from app.core.ids import to_global
from app.models import ProofKind, Upload
from app.schema.errors import UserErrorType
from app.schema.relay import Node


@strawberry.type(name="HttpHeader", description="A header to send with the file.")
class HttpHeaderType:
    """A name and a value."""

    name: str
    value: str


@strawberry.type(name="Upload", description="Leave to PUT exactly the announced file, with these headers, to the url.")
class UploadType(Node):
    """An announced file."""

    url: str
    headers: list[HttpHeaderType]
    expires_at: datetime = strawberry.field(description="Machine time: after it the url is refused.")

    @staticmethod
    def of(row: Upload, *, url: str) -> "UploadType":
        """The GraphQL form of an upload with its signed address."""
        return UploadType(
            id=strawberry.ID(to_global("Upload", row.id)),
            url=url,
            headers=[HttpHeaderType(name="Content-Type", value=row.content_type)],
            expires_at=row.expires_at,
        )


@strawberry.input
class CreateUploadInput:
    """The file that will be sent: its type, its size and its SHA-256 in lower-case hex."""

    kind: ProofKind
    content_type: str
    bytes: int
    sha256: str = strawberry.field(name="sha256")
    idempotency_key: str | None = None


@strawberry.type
class CreateUploadPayload:
    """Where to send it."""

    upload: UploadType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
