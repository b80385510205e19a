"""Adopting an allocation: each order whole or not at all, and only as it was when it was loaded."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
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
from app.orchestration.allocations.telling import Source, decision, subject_of
from app.orchestration.allocations.verdicts import Verdict
from app.orchestration.events import log
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.exceptions.policies import UNALLOCATED
from app.orchestration.inventory import operations as stock
from app.orchestration.tenders import counters


class Outcome(StrEnum):
    """What became of one order of a run."""

    ALLOCATED = "allocated"
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
    found = await session.scalars(
        select(Order)
        .where(col(Order.id).in_([verdict.demand.order.id for verdict in verdicts]))
        .order_by(col(Order.reference))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    locked = {order.id: order for order in found}
    await stock.lock_levels(session, _levels(verdicts))
    numbers = await _shipment_counts(session, list(locked))
    counts = dict.fromkeys(Outcome, 0)
    winners: list[Winner] = []
    for verdict in verdicts:
        order = locked[verdict.demand.order.id]
        if order.state is not OrderState.RECEIVED or order.version != verdict.demand.order.version:
            counts[Outcome.MOVED_ON] += 1
        elif verdict.chosen is None:
            await _leave(session, order, verdict, source=source, now=now)
            counts[Outcome.UNALLOCATED] += 1
        else:
            first = numbers.get(order.id, 0) + 1
            winners.append(Winner(order=order, verdict=verdict, chosen=verdict.chosen, first_number=first))
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


async def _served(session: AsyncSession, winners: Sequence[Winner], *, now: datetime) -> list[Winner]:
    """Those for whom stock and capacity could be taken: all at once, or else each alone."""
    if await adoption.take(session, winners, now=now):
        return list(winners)
    return [winner for winner in winners if await adoption.take(session, [winner], now=now)]


def _levels(verdicts: Sequence[Verdict]) -> set[tuple[uuid.UUID, str]]:
    return {
        (part.node.id, sku)
        for verdict in verdicts
        if verdict.chosen is not None
        for part in verdict.chosen.parts
        for sku in part.quantities
    }


async def _shipment_counts(session: AsyncSession, order_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    found = await session.execute(
        select(col(Shipment.order_id), func.count())
        .where(col(Shipment.order_id).in_(order_ids))
        .group_by(col(Shipment.order_id))
    )
    return {row[0]: row[1] for row in found.all()}


async def _leave(session: AsyncSession, order: Order, verdict: Verdict, *, source: Source, now: datetime) -> None:
    """Says why the order got nothing, once for each reason."""
    unassigned = verdict.unassigned or {}
    is_news = (order.unassigned or {}).get("code") != unassigned.get("code")
    order.unassigned = unassigned
    if not is_news:
        return
    _log(session, order, type="order.unallocated", now=now, data=unassigned)
    session.add(Decision(**decision(verdict, None, source, now=now)))
    relaxation = unassigned.get("cheapestRelaxation") or {}
    summary = f"{unassigned.get('detail', '')} Cheapest way out: {relaxation.get('change', 'none was found')}."
    suggestion = {"action": relaxation.get("constraint") or "CONTACT_CUSTOMER", "summary": summary}
    trouble = Trouble(
        kind=UNALLOCATED,
        severity=Severity.CRITICAL,
        subject=subject_of(order),
        due_at=order.promised_end,
        suggestion=await counters.suggestion(session, order.id) or suggestion,
    )
    await exceptions.open_case(session, trouble, now=now)


def _log(session: AsyncSession, order: Order, *, type: str, now: datetime, data: Json) -> None:
    happened = type.partition(".")[2]
    log.append(
        session,
        type=type,
        subject=subject_of(order),
        actor=SYSTEM,
        now=now,
        summary=f"Order {order.reference} was {happened}.",
        data=data,
    )


__all__ = ["Outcome", "Source", "adopt"]
