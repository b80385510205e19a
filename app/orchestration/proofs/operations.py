"""Checking the proofs of a visit against what is required, and keeping them."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Refusal
from app.core.geo import Point
from app.models import Order, Proof, ProofKind, Route, Stop, Upload
from app.orchestration import reading
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.proofs.policies import Expected, GivenProof, check, kept_value


async def capture(
    session: AsyncSession,
    proofs: Sequence[GivenProof],
    *,
    order: Order,
    route: Route,
    stop: Stop,
    required: Sequence[ProofKind],
    barcodes: Collection[str],
    event_id: uuid.UUID,
    place: Point | None,
    actor: Principal,
    now: datetime,
) -> list[Proof]:
    """Keeps the proofs. Refuses those that prove nothing, files of another stop, and a lack of a required kind."""
    uploads = await _uploads(session, proofs, driver_id=route.driver_id)
    check(proofs, Expected(required=required, pin=order.pin, barcodes=barcodes, uploads=uploads))
    await _check_unused(session, uploads, stop=stop)
    kept = [
        Proof(
            order_id=order.id,
            stop_id=stop.id,
            event_id=event_id,
            kind=proof.kind,
            captured_at=min(proof.captured_at, now),
            upload_id=proof.upload_id,
            value=kept_value(proof),
            sha256=uploads[proof.upload_id].sha256 if proof.upload_id else None,
            latitude=None if place is None else place.latitude,
            longitude=None if place is None else place.longitude,
            created_at=now,
        )
        for proof in proofs
    ]
    session.add_all(kept)
    for proof in kept:
        log.append(
            session,
            type="proof.captured",
            subject=Subject(
                kind="proof",
                id=proof.id,
                reference=order.reference,
                order_id=order.id,
                carrier_id=route.carrier_id,
                route_id=route.id,
            ),
            actor=actor,
            now=now,
            summary=f"{proof.kind.value} for order {order.reference}.",
            data={"kind": proof.kind.value, "capturedAt": proof.captured_at.isoformat(), "sha256": proof.sha256},
        )
    return kept


async def _uploads(
    session: AsyncSession, proofs: Sequence[GivenProof], *, driver_id: uuid.UUID | None
) -> dict[uuid.UUID, Upload]:
    """The files of this driver that the proofs name; another driver's read as absent."""
    wanted = {proof.upload_id for proof in proofs if proof.upload_id is not None}
    return await reading.by_id(
        session,
        select(Upload)
        .where(col(Upload.id).in_(wanted), col(Upload.driver_id) == driver_id)
        .with_for_update(key_share=True),
    )


async def _check_unused(session: AsyncSession, uploads: Collection[uuid.UUID], *, stop: Stop) -> None:
    used = await session.scalar(
        select(col(Proof.upload_id)).where(col(Proof.upload_id).in_(uploads), col(Proof.stop_id) != stop.id).limit(1)
    )
    if used is not None:
        raise Refusal(
            "UPLOAD_USED", "This file proves another stop already. Capture a new one for this stop.", field="proofs"
        )
