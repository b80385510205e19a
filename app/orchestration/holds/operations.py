"""Holding a window that was offered, giving it back, and letting it run out. All of it is kept or nothing.

Holds are locked before orders, stock and capacity, each by key.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import Conflict, NotFound
from app.core.ids import new_id
from app.models import Hold, HoldPart, HoldState, MovementReason
from app.models.base import Json
from app.orchestration.allocations import adoption, deciding, queries
from app.orchestration.allocations.candidates import Part
from app.orchestration.allocations.queries import Memory
from app.orchestration.allocations.telling import decision
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.holds import offers
from app.orchestration.holds import queries as holds
from app.orchestration.holds.offers import Terms
from app.orchestration.inventory import operations as stock
from app.orchestration.inventory.operations import Goods
from app.orchestration.orders.operations import Deployment

BATCH = 100
KEPT = (HoldState.HELD, HoldState.CONFIRMED)
# What of a decision is known before there is an order.
TOLD = ("policy_name", "policy_version", "model_name", "model_version", "chosen", "alternatives", "detail")


async def hold(
    session: AsyncSession, *, offer_id: str, deployment: Deployment, actor: Principal, memory: Memory, now: datetime
) -> Hold:
    """Keeps the offer's window: stock, a place on the node's day and on the carrier's. The same offer is held once.

    Refuses an offer that is none of ours, that has run out, or whose window others took meanwhile.
    """
    terms = offers.read_terms(offer_id, secret=deployment.secret)
    setting = await memory.setting(session, now=now)
    kept = timedelta(minutes=setting.policy.document.hold_minutes)
    made = await _insert(session, terms, deployment, expires_at=now + kept, now=now)
    if made is None:
        return await _held_before(session, terms, now=now)
    if now >= terms.expires_at:
        raise offers.expired(terms)
    demand = offers.demand_of(terms.basket, terms.window, key=new_id(), currency=deployment.currency)
    for _ in range(deciding.MOST_ATTEMPTS):
        loaded = await queries.around(session, [demand], setting=setting, now=now)
        verdict = await deciding.verdict_on(session, loaded, now=now)
        if verdict.chosen is None:
            break
        parts = verdict.chosen.parts
        if await adoption.take_parts(session, [(part, None) for part in parts], detail=_detail(made.id), now=now):
            source = deciding.source_of(loaded)
            for part in parts:
                told = {name: value for name, value in decision(verdict, part, source, now=now).items() if name in TOLD}
                session.add(_part(made, part, told))
            _log(session, made, "held", actor=actor, now=now)
            await session.flush()
            return made
    raise Conflict(
        "OFFER_GONE",
        f"The window from {terms.window.start.isoformat()} was taken by others meanwhile. Ask for offers again.",
        field="offerId",
    )


async def release(session: AsyncSession, *, hold_id: uuid.UUID, actor: Principal, now: datetime) -> Hold:
    """Gives back what is held, if it still is. Refused once an order has it."""
    found = (await holds.locked(session, [hold_id])).get(hold_id)
    if found is None:
        raise NotFound("hold", hold_id, field="holdId")
    if found.state is HoldState.CONFIRMED:
        raise Conflict("HOLD_USED", "An order took this hold over. Cancel the order instead.", field="holdId")
    if found.state is HoldState.HELD:
        await _end(session, [found], HoldState.RELEASED, actor=actor, now=now)
    return found


async def expire_due(session: AsyncSession, *, now: datetime) -> int:
    """Gives back what was held for too long; answers how many holds. What another worker has in hand is left to it."""
    found = await session.scalars(
        select(Hold)
        .where(col(Hold.state) == HoldState.HELD, col(Hold.expires_at) <= now)
        .order_by(col(Hold.id))
        .limit(BATCH)
        .with_for_update(key_share=True, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    due = list(found)
    if due:
        await _end(session, due, HoldState.EXPIRED, actor=SYSTEM, now=now)
    return len(due)


def goods_of(parts: Sequence[HoldPart]) -> list[Goods]:
    """The stock that is reserved for these parts."""
    return [
        each for part in parts for each in stock.goods_of(part.node_id, part.quantities, detail=_detail(part.hold_id))
    ]


def log_confirmed(session: AsyncSession, found: Hold, *, order_id: uuid.UUID, actor: Principal, now: datetime) -> None:
    """An order took the hold over."""
    _log(session, found, "confirmed", actor=actor, now=now, data={"orderId": str(order_id)})


async def _insert(
    session: AsyncSession, terms: Terms, deployment: Deployment, *, expires_at: datetime, now: datetime
) -> Hold | None:
    """The new hold's row; None where the offer is held already. Waits for a call that is holding it right now."""
    made = Hold(
        created_at=now,
        offer_key=str(terms.key),
        window_start=terms.window.start,
        window_end=terms.window.end,
        basket=terms.basket.to_json(),
        price_minor=terms.price_minor,
        currency=deployment.currency,
        expires_at=expires_at,
    )
    taken = await session.scalar(
        insert(Hold).values(made.model_dump()).on_conflict_do_nothing().returning(col(Hold.id))
    )
    return None if taken is None else await session.get(Hold, taken)


async def _held_before(session: AsyncSession, terms: Terms, *, now: datetime) -> Hold:
    """The hold of an offer that is held; refuses one that has run out and only waits to be swept away."""
    found: Hold = (
        await session.scalars(select(Hold).where(col(Hold.offer_key) == str(terms.key), col(Hold.state).in_(KEPT)))
    ).one()
    if found.state is HoldState.HELD and now >= found.expires_at:
        raise offers.expired(terms)
    return found


async def _end(
    session: AsyncSession, ended: Sequence[Hold], state: HoldState, *, actor: Principal, now: datetime
) -> None:
    """Gives stock and capacity of locked holds back."""
    found = await holds.parts_of(session, [each.id for each in ended])
    parts = [part for of_hold in found.values() for part in of_hold]
    await stock.move(session, MovementReason.RELEASE, goods_of(parts), now=now)
    await capacity.give_back(session, [_claim(part) for part in parts])
    for each in ended:
        each.state = state
        _log(session, each, state.value.lower(), actor=actor, now=now)
    await session.flush()


def _claim(part: HoldPart) -> Claim:
    return Claim(node_id=part.node_id, carrier_id=part.carrier_id, service=part.service, day=part.capacity_date)


def _part(made: Hold, part: Part, told: Mapping[str, object]) -> HoldPart:
    return HoldPart(
        hold_id=made.id,
        node_id=part.node.id,
        carrier_id=part.carrier.id,
        service=part.service,
        capacity_date=part.day,
        quantities=dict(part.quantities),
        cost_minor=part.cost_minor,
        price_minor=part.price_minor,
        decision=dict(told),
    )


def _detail(hold_id: uuid.UUID) -> str:
    return f"hold {hold_id}"


def _log(
    session: AsyncSession, found: Hold, happened: str, *, actor: Principal, now: datetime, data: Json | None = None
) -> None:
    window = {"start": found.window_start.isoformat(), "end": found.window_end.isoformat()}
    log.append(
        session,
        type=f"hold.{happened}",
        subject=Subject(kind="hold", id=found.id, reference=str(found.id)),
        actor=actor,
        now=now,
        summary=f"The window from {window['start']} was {happened}.",
        data={"window": window, **(data or {})},
    )
