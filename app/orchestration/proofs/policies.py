"""What each kind of proof has to bring, and which kinds are still missing. Pure: no clock, no database."""

import hmac
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.core.errors import Refusal
from app.models import ProofKind, Upload, UploadState

FILES = frozenset({ProofKind.SIGNATURE, ProofKind.PHOTO, ProofKind.DOCUMENT})
LONGEST_VALUE = 500


@dataclass(frozen=True, kw_only=True)
class GivenProof:
    """A proof as the device sent it."""

    kind: ProofKind
    captured_at: datetime
    upload_id: uuid.UUID | None = None
    value: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the proofs of one visit are held against."""

    required: Sequence[ProofKind]
    pin: str | None
    barcodes: Collection[str]
    uploads: Mapping[uuid.UUID, Upload]


def check(proofs: Sequence[GivenProof], expected: Expected) -> None:
    """Refuses a proof that proves nothing, and names the kinds that are missing."""
    for index, proof in enumerate(proofs):
        if proof.upload_id is not None:
            _check_upload(proof, expected.uploads.get(proof.upload_id), field=f"proofs.{index}")
        _check_content(proof, expected, field=f"proofs.{index}")
    given = {proof.kind for proof in proofs}
    missing = [kind.value for kind in expected.required if kind not in given]
    if missing:
        raise Refusal(
            "PROOF_REQUIRED",
            f"This delivery needs {', '.join(missing)} as proof. Capture it, and send all proofs.",
            field="proofs",
        )


def kept_value(proof: GivenProof) -> str | None:
    """What is stored of a proof's value: never a PIN."""
    return None if proof.kind is ProofKind.PIN else proof.value


def _check_content(proof: GivenProof, expected: Expected, *, field: str) -> None:
    if proof.value is not None and len(proof.value) > LONGEST_VALUE:
        raise Refusal(
            "TEXT_TOO_LONG", f"A proof's value has at most {LONGEST_VALUE} characters.", field=f"{field}.value"
        )
    if proof.kind in FILES and proof.upload_id is None:
        raise Refusal(
            "UPLOAD_REQUIRED",
            f"A {proof.kind.value} is a file. Create an upload, PUT the file, and send its uploadId.",
            field=f"{field}.uploadId",
        )
    if proof.kind is ProofKind.PIN:
        _check_pin(proof.value, expected.pin, field=f"{field}.value")
    elif proof.kind is ProofKind.BARCODE and proof.value not in expected.barcodes:
        raise Refusal(
            "ITEM_UNKNOWN",
            f"No parcel of this stop has the barcode {proof.value!r}. Scan a parcel of this stop.",
            field=f"{field}.value",
        )
    elif proof.kind is ProofKind.AGE_CHECK and not (proof.value or proof.upload_id):
        raise Refusal(
            "VALUE_REQUIRED",
            "An AGE_CHECK says what was checked, such as '18+'. Send it as value.",
            field=f"{field}.value",
        )


def _check_pin(given: str | None, right: str | None, *, field: str) -> None:
    """Compares in constant time, so that answering tells nothing of how much was right."""
    if right is None or not hmac.compare_digest((given or "").encode(), right.encode()):
        raise Refusal("PIN_MISMATCH", "This is not the recipient's PIN. Ask for it again.", field=field)


def _check_upload(proof: GivenProof, upload: Upload | None, *, field: str) -> None:
    if upload is None or upload.state is not UploadState.RECEIVED:
        raise Refusal(
            "UPLOAD_NOT_RECEIVED",
            f"The file of this {proof.kind.value} has not come. PUT it to its upload's address,"
            " and send the event again with a new eventId.",
            field=f"{field}.uploadId",
        )
    if upload.kind is not proof.kind:
        raise Refusal(
            "UPLOAD_KIND_MISMATCH",
            f"This file was announced as {upload.kind.value} and cannot prove as {proof.kind.value}.",
            field=f"{field}.kind",
        )
    if proof.sha256 is not None and proof.sha256.lower() != upload.sha256:
        raise Refusal(
            "UPLOAD_HASH_MISMATCH",
            f"The file that came has the SHA-256 {upload.sha256}, not {proof.sha256[:64]}. Send the right file.",
            field=f"{field}.sha256",
        )
