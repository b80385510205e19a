"""Closing an exception, and carrying out what it suggested.

A suggestion names an action. Actions that the platform can carry out stand in the tables below; any other is advice,
and closing its case is all that happens.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.principals import Principal
from app.models import Decision, ExceptionCase
from app.models.base import Json
from app.orchestration.allocations import proposals as allocations
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.shipments import proposals as reattempts
from app.orchestration.shipments import returns
from app.orchestration.tenders import counters, lateness
from app.orchestration.tenders import operations as tenders
from app.orchestration.tenders import proposals as tender_proposals

Correction = Callable[[AsyncSession, ExceptionCase, Json, Principal, datetime], Awaitable[None]]


async def resolve(
    session: AsyncSession, *, case_id: uuid.UUID, accept: bool, note: str | None, actor: Principal, now: datetime
) -> ExceptionCase:
    """A person accepts what a case suggests, or dismisses it.

    Where that can no longer be done it is refused, and the case stays open.
    """
    case = await exceptions.resolve(session, case_id=case_id, accept=accept, note=note, actor=actor, now=now)
    await session.flush()
    suggestion = case.suggestion or {}
    correction = (ON_ACCEPT if accept else ON_DISMISS).get(suggestion.get("action", ""))
    if correction is not None:
        await correction(session, case, suggestion, actor, now)
    return case


async def _offer(session: AsyncSession, case: ExceptionCase, suggestion: Json, actor: Principal, now: datetime) -> None:
    await tenders.offer_proposed(session, tender_id=uuid.UUID(suggestion["tenderId"]), now=now)


async def _pass_over(
    session: AsyncSession, case: ExceptionCase, suggestion: Json, actor: Principal, now: datetime
) -> None:
    await _override(session, suggestion, actor)
    await tenders.dismiss_proposed(session, tender_id=uuid.UUID(suggestion["tenderId"]), actor=actor, now=now)


async def _retender(
    session: AsyncSession, case: ExceptionCase, suggestion: Json, actor: Principal, now: datetime
) -> None:
    await lateness.retender(session, shipment_id=case.subject_id, now=now)


async def _agree(session: AsyncSession, case: ExceptionCase, suggestion: Json, actor: Principal, now: datetime) -> None:
    await counters.agree(session, tender_id=uuid.UUID(suggestion["tenderId"]), now=now)


async def _commit(
    session: AsyncSession, case: ExceptionCase, suggestion: Json, actor: Principal, now: datetime
) -> None:
    await allocations.agree(session, order_id=case.subject_id, version=suggestion["orderVersion"], actor=actor, now=now)


async def _allocate_otherwise(
    session: AsyncSession, case: ExceptionCase, suggestion: Json, actor: Principal, now: datetime
) -> None:
    await allocations.dismiss(session, order_id=case.subject_id, actor=actor, now=now)


async def _try_again(
    session: AsyncSession, case: ExceptionCase, suggestion: Json, actor: Principal, now: datetime
) -> None:
    wanted = suggestion.get("notBefore")
    not_before = max(now, datetime.fromisoformat(wanted)) if wanted else now
    await returns.try_again(session, shipment_id=case.subject_id, not_before=not_before)


async def _send_back(
    session: AsyncSession, case: ExceptionCase, suggestion: Json, actor: Principal, now: datetime
) -> None:
    await returns.send_back(session, shipment_id=case.subject_id, actor=actor, now=now)


async def _override(session: AsyncSession, suggestion: Json, actor: Principal) -> None:
    """Keeps beside the decision who did not want it."""
    key = suggestion.get("decisionId")
    decision = await session.get(Decision, uuid.UUID(key)) if key else None
    if decision is not None:
        decision.overridden_by = actor.name


ON_ACCEPT: Mapping[str, Correction] = {
    allocations.ACTION: _commit,
    tender_proposals.ACTION: _offer,
    lateness.RETENDER: _retender,
    counters.ACTION: _agree,
    reattempts.AGAIN: _try_again,
    reattempts.BACK: _send_back,
}
ON_DISMISS: Mapping[str, Correction] = {
    allocations.ACTION: _allocate_otherwise,
    tender_proposals.ACTION: _pass_over,
    reattempts.AGAIN: _send_back,
    reattempts.BACK: _try_again,
}
