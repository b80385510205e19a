"""Opening and closing exceptions. At most one open case of a kind per subject: opening it again changes nothing."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import NotFound
from app.core.ids import new_id
from app.models import Event, ExceptionCase, ExceptionState, Severity
from app.models.base import Json
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.exceptions.policies import ExceptionEvent, is_opened, next_state
from app.orchestration.policies import queries as rules
from app.orchestration.writing import Unless, insert_all, one_of

ONE_OPEN = Unless(columns=("kind", "subject_id"), where="state = 'OPEN'")


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What needs a correction. `suggestion` is {action, summary, expectedGainMinor, currency}."""

    kind: str
    severity: Severity
    subject: Subject
    node_id: uuid.UUID | None = None
    due_at: datetime | None = None
    predicted_lateness_seconds: int | None = None
    probability: float | None = None
    suggestion: Json | None = None


async def open_case(
    session: AsyncSession, trouble: Trouble, *, now: datetime, actor: Principal = SYSTEM
) -> uuid.UUID | None:
    """Opens a case; None where one of this kind is open for this subject already."""
    opened = await open_cases(session, [trouble], now=now, actor=actor)
    return opened[0] if opened else None


async def open_cases(
    session: AsyncSession, troubles: Sequence[Trouble], *, now: datetime, actor: Principal = SYSTEM
) -> list[uuid.UUID]:
    """Opens many cases, and answers those that were not open already."""
    policy = await rules.current(session)
    by_id = {
        new_id(): replace(trouble, severity=policy.rule_of(trouble.kind).severity or trouble.severity)
        for trouble in troubles
        if is_opened(trouble.kind, policy)
    }
    rows = [
        {
            "id": key,
            "kind": trouble.kind,
            "severity": trouble.severity,
            "subject_kind": trouble.subject.kind,
            "subject_id": trouble.subject.id,
            "subject_reference": trouble.subject.reference,
            "node_id": trouble.node_id,
            "state": ExceptionState.OPEN,
            "opened_at": now,
            "due_at": trouble.due_at,
            "predicted_lateness_seconds": trouble.predicted_lateness_seconds,
            "probability": trouble.probability,
            "suggestion": trouble.suggestion,
        }
        for key, trouble in by_id.items()
    ]
    opened = await insert_all(session, ExceptionCase, rows, unless=ONE_OPEN)
    entries = [_opening(key, by_id[key], now=now, actor=actor) for key in opened]
    await log.append_all(session, entries)
    return opened


def _opening(key: uuid.UUID, trouble: Trouble, *, now: datetime, actor: Principal) -> dict[str, Any]:
    subject = Subject(
        kind="exception",
        id=key,
        reference=trouble.subject.reference,
        order_id=trouble.subject.order_id,
        carrier_id=trouble.subject.carrier_id,
        route_id=trouble.subject.route_id,
    )
    return log.entry(
        type="exception.opened",
        subject=subject,
        actor=actor,
        now=now,
        summary=f"{trouble.kind}: {trouble.subject.kind} {trouble.subject.reference}.",
        data={"kind": trouble.kind, "severity": trouble.severity.value},
    )


async def settle(session: AsyncSession, *, kind: str, subject_id: uuid.UUID, resolution: str, now: datetime) -> None:
    """Resolves the open case of a kind, where there is one: what it was about has been put right."""
    await settle_all(session, kind=kind, subject_ids=[subject_id], resolution=resolution, now=now)


async def settle_all(
    session: AsyncSession, *, kind: str, subject_ids: Collection[uuid.UUID], resolution: str, now: datetime
) -> None:
    """Resolves the open cases of a kind about any of these subjects."""
    cases = await session.scalars(
        select(ExceptionCase)
        .where(
            col(ExceptionCase.kind) == kind,
            one_of(ExceptionCase.subject_id, subject_ids),
            col(ExceptionCase.state) == ExceptionState.OPEN,
        )
        .order_by(col(ExceptionCase.id))
        .with_for_update(key_share=True)
    )
    for case in cases:
        _close(session, case, ExceptionEvent.RESOLVE, resolution=resolution, actor=SYSTEM, now=now)


async def resolve(
    session: AsyncSession, *, case_id: uuid.UUID, accept: bool, note: str | None, actor: Principal, now: datetime
) -> ExceptionCase:
    """A person resolves a case, or (accept false) dismisses it. Refuses what is closed already."""
    case = await session.scalar(
        select(ExceptionCase).where(col(ExceptionCase.id) == case_id).with_for_update(key_share=True)
    )
    if case is None:
        raise NotFound("exception", case_id, field="exceptionId")
    event = ExceptionEvent.RESOLVE if accept else ExceptionEvent.DISMISS
    _close(session, case, event, resolution=note or event.value, actor=actor, now=now)
    return case


async def record_event_passed_over(session: AsyncSession, event: Event, reader: str, error: str, now: datetime) -> None:
    """Opens a case about an event that a reader of the log could not take."""
    subject = Subject(kind="event", id=event.id, reference=f"{event.type} {event.subject_reference}")
    suggestion = {"action": "INSPECT", "summary": f"The reader {reader} passed this event over: {error[:300]}"}
    await open_case(
        session,
        Trouble(kind="READER_FAILED", severity=Severity.WARNING, subject=subject, suggestion=suggestion),
        now=now,
    )


def _close(
    session: AsyncSession,
    case: ExceptionCase,
    event: ExceptionEvent,
    *,
    resolution: str,
    actor: Principal,
    now: datetime,
) -> None:
    case.state = next_state(case, event)
    case.resolution, case.resolved_at, case.resolved_by = resolution, now, actor.name
    log.append(
        session,
        type="exception.resolved",
        subject=Subject(kind="exception", id=case.id, reference=case.subject_reference),
        actor=actor,
        now=now,
        summary=f"{case.kind} of {case.subject_reference}: {resolution}",
        data={"kind": case.kind, "state": case.state.value},
    )
