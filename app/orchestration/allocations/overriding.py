"""A person chooses the node and the carrier of an order, against what was decided or before anything was.

The choice is recorded beside the decision that it replaces, with what it costs, what else there was, and why.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Conflict, NotFound, Refusal
from app.models import BY_HAND, Decision, DecisionKind, Order, OrderState
from app.orchestration.allocations import operations, queries
from app.orchestration.allocations.candidates import RuledOut
from app.orchestration.allocations.limits import Loaded
from app.orchestration.allocations.operations import Outcome
from app.orchestration.allocations.problem import Posed
from app.orchestration.allocations.queries import Memory
from app.orchestration.allocations.telling import Source
from app.orchestration.allocations.verdicts import Verdict, at_prices, offers_of_one, verdict
from app.orchestration.orders import queries as orders
from app.orchestration.tenders.release import release_order

OVERRIDDEN = "OVERRIDDEN"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a person wants: a node and a carrier by reference, a service where the carrier has several, and why."""

    node: str
    carrier: str
    service: str | None = None
    reason: str


async def override(
    session: AsyncSession, *, reference: str, choice: Choice, actor: Principal, memory: Memory, now: datetime
) -> Order:
    """Allocates an order as a person wants it. Refuses what cannot be, saying why; then nothing has changed."""
    order = await _locked(session, reference, actor=actor)
    if not choice.reason.strip():
        raise Refusal("REASON_MISSING", "Say why, so that others can learn from it.", field="reason")
    if order.state is OrderState.ALLOCATED:
        if not await release_order(session, order, because=OVERRIDDEN, actor=actor, now=now):
            raise _too_late(order)
    elif order.state is not OrderState.RECEIVED:
        raise _too_late(order)
    await session.flush()
    loaded = await queries.loaded(session, [order], setting=await memory.setting(session, now=now), now=now)
    found = _chosen(Posed(loaded), choice)
    before = await _latest(session, order.id)
    source = _source(loaded, choice, None if before is None else before.id, actor=actor)
    counts = await operations.adopt(session, verdicts=[found], source=source, now=now)
    if counts[Outcome.ALLOCATED] != 1:
        raise Conflict(
            "CAPACITY_EXCEEDED", f"{choice.node} or {choice.carrier} has no room left. Choose another.", field="node"
        )
    if before is not None:
        await session.execute(update(Decision).where(col(Decision.id) == before.id).values(overridden_by=actor.name))
    return order


async def _locked(session: AsyncSession, reference: str, *, actor: Principal) -> Order:
    order: Order | None = await session.scalar(
        select(Order)
        .where(col(Order.reference) == reference, orders.visible(actor))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if order is None:
        raise NotFound("order", repr(reference), field="reference")
    return order


def _too_late(order: Order) -> Conflict:
    return Conflict(
        "INVALID_STATE",
        f"Order {order.reference} is {order.state}, and its goods are on their way. Only what is still at its node can"
        " go another way.",
        field="reference",
    )


def _chosen(posed: Posed, choice: Choice) -> Verdict:
    """The cheapest way by this node and carrier; refuses with the reason where there is none."""
    (demand,) = posed.loaded.demands
    offers, limits, ruled_out = offers_of_one(posed), at_prices(posed, {}).limits, list(posed.ruled_out(0))
    matching = [
        offer
        for offer in offers
        if len(offer.candidate.parts) == 1
        and offer.candidate.parts[0].node.reference == choice.node
        and offer.candidate.parts[0].carrier.reference == choice.carrier
        and choice.service in (None, offer.candidate.parts[0].service)
    ]
    fitting = [offer for offer in matching if offer.lacking(limits) is None]
    if not fitting:
        details = [limit[0].name for offer in matching if (limit := offer.lacking(limits)) is not None]
        raise _impossible(choice, ruled_out, details)
    chosen = min(fitting, key=lambda offer: (offer.candidate.cost_minor, offer.candidate.id))
    return verdict(demand, chosen, offers, ruled_out, limits, worth_minor=int(posed.table.penalties[0]))


def _impossible(choice: Choice, ruled_out: Sequence[RuledOut], exhausted: Sequence[str]) -> Refusal:
    if exhausted:
        return Conflict(
            "CAPACITY_EXCEEDED", f"There is too little left of {exhausted[0]}. Choose another.", field="node"
        )
    for way in ruled_out:
        if way.node.reference == choice.node and (way.carrier is None or way.carrier.reference == choice.carrier):
            return Refusal(way.code, f"{way.detail} It would take {way.change}.", field="carrier")
    service = f" by {choice.service}" if choice.service else ""
    return Refusal(
        "NO_SUCH_WAY",
        f"There is no way from {choice.node!r} with {choice.carrier!r}{service}. Check the references.",
        field="node",
    )


async def _latest(session: AsyncSession, order_id: uuid.UUID) -> Decision | None:
    found: Decision | None = await session.scalar(
        select(Decision)
        .where(col(Decision.order_id) == order_id, col(Decision.kind) == DecisionKind.ALLOCATION)
        .order_by(col(Decision.id).desc())
        .limit(1)
    )
    return found


def _source(loaded: Loaded, choice: Choice, overrides: uuid.UUID | None, *, actor: Principal) -> Source:
    return Source(
        policy_name=loaded.policy_name,
        policy_version=loaded.policy_version,
        rules=loaded.network.policy,
        solver=BY_HAND,
        detail={"by": actor.name, "reason": choice.reason.strip()},
        overrides_id=overrides,
    )
