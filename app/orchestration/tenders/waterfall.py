"""Who is asked next: the carriers of a shipment in order of value, one at a time or several at once.

The queue is rows: the followers are written down when the first carrier is over, or when several are asked at once, and
each next turn is taken in the transaction that ended the one before. So nothing here lives in a process.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.models import (
    Carrier,
    Decision,
    DecisionKind,
    Order,
    Shipment,
    ShipmentState,
    Tender,
    TenderMode,
    TenderState,
)
from app.models.base import Json
from app.orchestration import reading
from app.orchestration.policies import queries as rules
from app.orchestration.policies.documents import Mode, PolicyDocument
from app.orchestration.policies.queries import Current
from app.orchestration.shipments import operations as shipments
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.tenders import offers, proposals
from app.orchestration.tenders.policies import DISMISSED, TAKEN, TenderEvent, next_state
from app.orchestration.tenders.ranking import Follower, followers

NO_ROOM = "CAPACITY_EXCEEDED"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a turn goes by: the locked order and shipment, the rules, and the time."""

    order: Order
    shipment: Shipment
    policy: Current
    now: datetime

    @property
    def rules(self) -> PolicyDocument:
        """The rules in force."""
        return self.policy.document

    @property
    def latest_offer(self) -> datetime:
        """After this, nobody could bring it in its window any more."""
        return self.shipment.window_end - timedelta(minutes=self.rules.tendering.last_offer_lead_minutes)


async def ask_next(session: AsyncSession, order: Order, shipment: Shipment, *, because: str, now: datetime) -> bool:
    """Lets the next carriers take their turn; True while somebody is asked or has taken it.

    False: nobody is left, or it is too late to ask. The caller has locked the order and the shipment, and has ended
    the tender before.
    """
    await session.flush()
    turn = Turn(order=order, shipment=shipment, policy=await rules.current_version(session), now=now)
    waiting = await offers.open_tenders(session, [shipment])
    if any(tender.state is not TenderState.QUEUED for tender in waiting):
        return True
    if now >= turn.latest_offer:
        for tender in waiting:
            offers.end(session, tender, shipment, TenderEvent.WITHDRAW, now=now, reason="TOO_LATE")
        return False
    queued = waiting or await enqueue(session, turn, because=because)
    if queued and not await may_ask(session, turn):
        await proposals.propose(session, turn.order, turn.shipment, queued[0], because=because, now=now)
        return True
    return await take_turns(session, turn, queued)


async def may_ask(session: AsyncSession, turn: Turn) -> bool:
    """Whether the policy lets the platform ask a carrier by itself, as sure as the decision was of its choice."""
    autonomy = turn.rules.autonomy_of(DecisionKind.TENDER)
    if autonomy.mode is not Mode.ACT_ABOVE_CONFIDENCE:
        return autonomy.may_act(confidence=None)
    decision = await _decision(session, turn.shipment)
    chosen = (decision.chosen if decision is not None else None) or {}
    return autonomy.may_act(confidence=chosen.get("probabilityOnTime"))


async def ask_several(session: AsyncSession, turn: Turn) -> None:
    """Asks the followers beside the first carrier, who is asked already, where the policy asks several at once."""
    queued = await enqueue(session, turn, because="SEVERAL_AT_ONCE")
    carriers = await _carriers(session, queued)
    for tender in queued[: turn.rules.tendering.at_once - 1]:
        if carriers[tender.carrier_id].tender_mode is TenderMode.AUTOMATIC:
            break
        _ask(session, turn, tender, carriers[tender.carrier_id])


async def enqueue(session: AsyncSession, turn: Turn, *, because: str) -> list[Tender]:
    """Writes down who comes next, by their turn; what they are chosen over is kept as a decision."""
    decision = await _decision(session, turn.shipment)
    known = await _asked(session, turn.shipment)
    limits = turn.rules.tendering
    room = limits.most_carriers - len(known)
    if decision is None or room <= 0:
        return []
    found = followers(decision, without={tender.carrier_id for tender in known}, most=room)
    active = await _active(session, [follower.carrier_id for follower in found])
    ranked = [follower for follower in found if follower.carrier_id in active]
    place = max((tender.place for tender in known), default=0)
    queued = [
        _queued(turn, follower, place=place + turn_number) for turn_number, follower in enumerate(ranked, start=1)
    ]
    session.add_all(queued)
    if ranked and because != "SEVERAL_AT_ONCE":
        session.add(_explained(turn, ranked, known, because=because))
    await session.flush()
    return queued


async def take_turns(session: AsyncSession, turn: Turn, queued: Sequence[Tender]) -> bool:
    """Asks the first of the queue that has room, and as many more at once as the policy says; False: nobody had."""
    carriers = await _carriers(session, queued)
    asked = 0
    for tender in queued:
        carrier = carriers[tender.carrier_id]
        is_told = carrier.tender_mode is TenderMode.AUTOMATIC
        if asked and (is_told or asked >= turn.rules.tendering.at_once):
            break
        # The first of a turn stands for the shipment; of several, the one that accepts takes it over.
        if not asked and not await offers.move_to(session, turn.shipment, tender):
            offers.end(session, tender, turn.shipment, TenderEvent.BREAK, now=turn.now, reason=NO_ROOM)
            continue
        if is_told:
            await _tell(session, turn, tender)
            return True
        _ask(session, turn, tender, carrier)
        asked += 1
    if asked and turn.shipment.state is not ShipmentState.TENDERED:
        await shipments.advance(session, turn.shipment, ShipmentEvent.TENDER, actor=SYSTEM, now=turn.now)
    return asked > 0


def _ask(session: AsyncSession, turn: Turn, tender: Tender, carrier: Carrier) -> None:
    due = offers.respond_by(
        now=turn.now, minutes=turn.rules.tender_respond_minutes, carrier=carrier, latest=turn.latest_offer
    )
    offers.offer(session, tender, turn.shipment, respond_by=due, actor=SYSTEM, now=turn.now)


async def _tell(session: AsyncSession, turn: Turn, tender: Tender) -> None:
    """A carrier that takes what it is given."""
    offers.offer(session, tender, turn.shipment, respond_by=turn.now, actor=SYSTEM, now=turn.now)
    tender.state, tender.responded_at = next_state(tender, TenderEvent.ACCEPT), turn.now
    offers.record(session, tender, turn.shipment, type="tender.accepted", actor=SYSTEM, now=turn.now)
    await withdraw_others(session, turn.shipment, tender, now=turn.now)
    if turn.shipment.state is ShipmentState.ASSIGNED:  # to another, who did not fetch it
        await shipments.advance(session, turn.shipment, ShipmentEvent.TENDER, actor=SYSTEM, now=turn.now)
    await shipments.advance(session, turn.shipment, ShipmentEvent.ASSIGN, actor=SYSTEM, now=turn.now)


async def withdraw_others(session: AsyncSession, shipment: Shipment, taken: Tender, *, now: datetime) -> None:
    """Ends what was offered to the others, or was still to be: the shipment is taken."""
    for tender in await offers.open_tenders(session, [shipment]):
        if tender.id != taken.id:
            offers.end(session, tender, shipment, TenderEvent.WITHDRAW, now=now, reason=TAKEN)
    await session.flush()


def _queued(turn: Turn, follower: Follower, *, place: int) -> Tender:
    return Tender(
        shipment_id=turn.shipment.id,
        carrier_id=follower.carrier_id,
        place=place,
        price_minor=follower.price_minor,
        currency=turn.shipment.currency,
        created_at=turn.now,
    )


def _explained(turn: Turn, ranked: Sequence[Follower], known: Sequence[Tender], *, because: str) -> Decision:
    over = [
        {**follower.told, "rejectedBecause": {"code": "COSTS_MORE", "detail": f"Comes {place} in order of value."}}
        for place, follower in enumerate(ranked[1:], start=2)
    ]
    before: list[Json] = [
        {
            "nodeId": str(turn.shipment.node_id),
            "carrierId": str(tender.carrier_id),
            "costMinor": tender.price_minor,
            "currency": tender.currency,
            "rejectedBecause": {"code": tender.state.value, "detail": tender.reason or f"It was {tender.state.value}."},
        }
        for tender in known
    ]
    return Decision(
        kind=DecisionKind.TENDER,
        at=turn.now,
        order_id=turn.order.id,
        shipment_id=turn.shipment.id,
        policy_name=turn.policy.name,
        policy_version=turn.policy.version,
        chosen={key: value for key, value in ranked[0].told.items() if key != "rejectedBecause"},
        alternatives=[*over, *before],
        detail={"because": because},
    )


async def _decision(session: AsyncSession, shipment: Shipment) -> Decision | None:
    found: Decision | None = await session.scalar(
        select(Decision)
        .where(col(Decision.shipment_id) == shipment.id, col(Decision.kind) == DecisionKind.ALLOCATION)
        .order_by(col(Decision.id).desc())
        .limit(1)
    )
    return found


async def _asked(session: AsyncSession, shipment: Shipment) -> list[Tender]:
    """The shipment's tenders so far, but for those that only waited, or lost to another that has let it go since."""
    found = await session.scalars(
        select(Tender)
        .where(
            col(Tender.shipment_id) == shipment.id,
            col(Tender.offered_at).is_not(None) | (col(Tender.reason) == DISMISSED),
        )
        .order_by(col(Tender.place))
    )
    return [tender for tender in found if tender.reason != TAKEN]


async def _active(session: AsyncSession, carrier_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    return set(
        await session.scalars(select(col(Carrier.id)).where(col(Carrier.id).in_(carrier_ids), col(Carrier.is_active)))
    )


async def _carriers(session: AsyncSession, tenders: Sequence[Tender]) -> dict[uuid.UUID, Carrier]:
    return await reading.by_id(session, select(Carrier).where(col(Carrier.id).in_([row.carrier_id for row in tenders])))
