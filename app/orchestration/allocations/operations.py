"""Adopting an allocation: each order whole or not at all, and only as it was when it was loaded."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.models import (
    Decision,
    Order,
    OrderState,
    Severity,
    Shipment,
)
from app.models.base import Json
from app.orchestration.allocations import adoption, proposals
from app.orchestration.allocations.adoption import Winner
from app.orchestration.allocations.telling import Source, decision
from app.orchestration.allocations.verdicts import Verdict
from app.orchestration.events import log, subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.exceptions.policies import UNALLOCATED
from app.orchestration.inventory import operations as stock
from app.orchestration.tenders import counters
from app.orchestration.writing import among, insert_all, update_all

_LOCKED = (
    select(
        col(Order.id),
        col(Order.state),
        col(Order.version),
        select(func.count()).where(col(Shipment.order_id) == col(Order.id)).scalar_subquery(),
    )
    .where(among(Order.id, "orders"))
    .order_by(col(Order.reference))
    .with_for_update(key_share=True, of=Order)
)


class Outcome(StrEnum):
    """What became of one order of a run."""

    ALLOCATED = "allocated"
    MOVED = "moved"  # to another node or carrier than it was allocated to
    UNALLOCATED = "unallocated"
    PROPOSED = "proposed"  # a person has to agree first
    MOVED_ON = "movedOn"  # changed, cancelled or outrun since it was loaded: the next run looks at it again


async def adopt(
    session: AsyncSession, *, verdicts: Sequence[Verdict], source: Source, now: datetime
) -> dict[Outcome, int]:
    """Carries out the verdicts, and answers how many ended how.

    Locks the orders by reference, then every level of stock that is wanted. An order that changed since it was
    loaded, or whose stock or capacity went to another meanwhile, is left for the next run.
    """
    verdicts = sorted(verdicts, key=lambda verdict: verdict.demand.order.reference)
    locked = await _locked(session, [verdict.demand.order.id for verdict in verdicts])
    counts = dict.fromkeys(Outcome, 0)
    winners: list[Winner] = []
    left: list[Verdict] = []
    for verdict in verdicts:
        order = verdict.demand.order
        state, version, shipments = locked[order.id]
        if (state, version) != (OrderState.RECEIVED, order.version):
            counts[Outcome.MOVED_ON] += 1
        elif verdict.chosen is None:
            left.append(verdict)
        else:
            chosen, first = verdict.chosen, shipments + 1
            winners.append(Winner(order=order, verdict=verdict, chosen=chosen, first_number=first))
    asked = {key for key, (_, _, shipments) in locked.items() if shipments}
    await _leave(session, left, asked=asked, source=source, now=now)
    counts[Outcome.UNALLOCATED] += len(left)
    acting: list[Winner] = []
    for winner in winners:
        if source.autonomy.may_act(confidence=winner.chosen.on_time_probability):
            acting.append(winner)
        else:
            await proposals.propose(session, winner, source=source, now=now)
    served = await _served(session, acting, now=now)
    await adoption.carry_out(session, served, source=source, now=now)
    counts[Outcome.ALLOCATED] += len(served)
    counts[Outcome.MOVED_ON] += len(acting) - len(served)
    counts[Outcome.PROPOSED] += len(winners) - len(acting)
    return counts


async def _locked(session: AsyncSession, keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[OrderState, int, int]]:
    """The state and version of each order, locked, and how many shipments it has had.

    The rest is as it was loaded, where the version is; the shipments, too, as each raises it.
    """
    found = await session.execute(_LOCKED, {"orders": list(keys)})
    return {key: (state, version, shipments) for key, state, version, shipments in found.all()}


async def _served(session: AsyncSession, winners: Sequence[Winner], *, now: datetime) -> list[Winner]:
    """Those for whom stock and capacity could be taken: all at once, or else each alone."""
    if await adoption.take(session, winners, now=now):
        return list(winners)
    await stock.lock_levels(session, _levels(winners))  # in one order, before they are taken in another
    return [winner for winner in winners if await adoption.take(session, [winner], now=now)]


def _levels(winners: Sequence[Winner]) -> set[tuple[uuid.UUID, str]]:
    return {(part.node.id, sku) for winner in winners for part in winner.chosen.parts for sku in part.quantities}


async def _leave(
    session: AsyncSession, left: Sequence[Verdict], *, asked: Collection[uuid.UUID], source: Source, now: datetime
) -> None:
    """Says why these orders got nothing, once for each reason. `asked`: for which of them a carrier may have been."""
    if not left:
        return
    news = [
        verdict for verdict in left if (verdict.demand.order.unassigned or {}).get("code") != _reason(verdict)["code"]
    ]
    rows = [{"id": verdict.demand.order.id, "unassigned": _reason(verdict)} for verdict in left]
    await update_all(session, Order, rows)
    for verdict in left:
        set_committed_value(verdict.demand.order, "unassigned", _reason(verdict))
    await log.append_all(session, [_unallocated(verdict, now=now) for verdict in news])
    await insert_all(session, Decision, [decision(verdict, None, source, now=now) for verdict in news])
    troubles = [_trouble(verdict) for verdict in news]
    for number, trouble in enumerate(troubles):
        if trouble.subject.id in asked and (counter := await counters.suggestion(session, trouble.subject.id)):
            troubles[number] = replace(trouble, suggestion=counter)
    await exceptions.open_cases(session, troubles, now=now)


def _reason(verdict: Verdict) -> Json:
    assert verdict.unassigned is not None, "an order without a way has a reason"
    return verdict.unassigned


def _trouble(verdict: Verdict) -> Trouble:
    order, reason = verdict.demand.order, _reason(verdict)
    relaxation = reason.get("cheapestRelaxation") or {}
    summary = f"{reason['detail']} Cheapest way out: {relaxation.get('change', 'none was found')}."
    return Trouble(
        kind=UNALLOCATED,
        severity=Severity.CRITICAL,
        subject=subjects.of_order(order),
        due_at=order.promised_end,
        suggestion={"action": relaxation.get("constraint") or "CONTACT_CUSTOMER", "summary": summary},
    )


def _unallocated(verdict: Verdict, *, now: datetime) -> dict[str, Any]:
    order = verdict.demand.order
    return log.entry(
        type="order.unallocated",
        subject=subjects.of_order(order),
        actor=SYSTEM,
        now=now,
        summary=f"Order {order.reference} was unallocated.",
        data=_reason(verdict),
    )


__all__ = ["Outcome", "Source", "adopt"]
