"""What carriers report of their shipments: each milestone once, whatever came twice or in the wrong order."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.database import savepoint
from app.core.errors import NotFound, Refusal, UserError
from app.core.ids import new_id
from app.models import CarrierMilestone, FailureReason, MilestoneKind, RecordOutcome, Shipment, ShipmentState
from app.orchestration.rows import check_row_count
from app.orchestration.shipments.operations import Happening, advance
from app.orchestration.shipments.policies import NEXT, TERMINAL, ShipmentEvent
from app.orchestration.shipments.queries import visible

Event, Kind = ShipmentEvent, MilestoneKind

# What must have happened by then, in order. The part that is still missing is made up for.
PATH: Mapping[MilestoneKind, tuple[ShipmentEvent, ...]] = {
    Kind.PICKED_UP: (Event.PICK_UP,),
    Kind.OUT_FOR_DELIVERY: (Event.PICK_UP, Event.DEPART),
    Kind.DELIVERED: (Event.PICK_UP, Event.DEPART, Event.DELIVER),
    Kind.ATTEMPT_FAILED: (Event.PICK_UP, Event.DEPART, Event.FAIL),
    Kind.RETURNED: (Event.PICK_UP, Event.SEND_BACK, Event.RETURN),
    Kind.LOST: (Event.PICK_UP, Event.LOSE),
}
FINAL = frozenset({Kind.DELIVERED, Kind.RETURNED, Kind.LOST})
# Where the news is old: the shipment has been there.
PAST: Mapping[MilestoneKind, frozenset[ShipmentState]] = {
    Kind.PICKED_UP: frozenset(ShipmentState)
    - {ShipmentState.PENDING, ShipmentState.TENDERED, ShipmentState.ASSIGNED, ShipmentState.PLANNED}
    - {ShipmentState.CANCELLED},
    Kind.OUT_FOR_DELIVERY: (TERMINAL - {ShipmentState.CANCELLED})
    | {ShipmentState.OUT_FOR_DELIVERY, ShipmentState.RETURNING},
    Kind.ATTEMPT_FAILED: (TERMINAL - {ShipmentState.CANCELLED}) | {ShipmentState.RETURNING},
    Kind.DELIVERED: frozenset({ShipmentState.DELIVERED, ShipmentState.PARTIALLY_DELIVERED}),
    Kind.RETURNED: frozenset({ShipmentState.RETURNED}),
    Kind.LOST: frozenset({ShipmentState.LOST}),
}


@dataclass(frozen=True, kw_only=True)
class Milestone:
    """One report, by shipment or by the carrier's own number."""

    event_id: str
    kind: MilestoneKind
    at: datetime
    shipment_id: uuid.UUID | None = None
    carrier_tracking_number: str | None = None
    reason: FailureReason | None = None
    note: str | None = None
    received_by: str | None = None


@dataclass(kw_only=True)
class MilestoneResult:
    """What became of one report."""

    event_id: str
    outcome: RecordOutcome
    shipment_id: uuid.UUID | None = None
    errors: list[UserError] = field(default_factory=list)


def missing_steps(state: ShipmentState, kind: MilestoneKind) -> tuple[ShipmentEvent, ...] | None:
    """The events that lead from the state to what is reported; None where none do."""
    path = PATH[kind]
    for start in range(len(path) - 1, -1, -1):
        reached: ShipmentState | None = state
        for event in path[start:]:
            reached = NEXT.get((reached, event)) if reached is not None else None
        if reached is not None:
            return path[start:]
    return None


async def report(
    session: AsyncSession, *, milestones: Sequence[Milestone], actor: Principal, now: datetime
) -> list[MilestoneResult]:
    """Takes reports over in the order of their times; one that cannot be answers its own error, and the others land."""
    check_row_count(milestones, field="events")
    order = sorted(range(len(milestones)), key=lambda index: (milestones[index].at, index))
    results = {index: await _one(session, milestones[index], index, actor=actor, now=now) for index in order}
    return [results[index] for index in range(len(milestones))]


async def _one(
    session: AsyncSession, milestone: Milestone, index: int, *, actor: Principal, now: datetime
) -> MilestoneResult:
    try:
        async with savepoint(session):
            shipment = await _shipment(session, milestone, actor)
            known = await _known(session, milestone, shipment, now=now)
            if known is not None:
                return known
            newest = await _newest(session, milestone, shipment)
            await _apply(session, milestone, shipment, newest=newest, actor=actor, now=now)
            return MilestoneResult(event_id=milestone.event_id, outcome=RecordOutcome.RECORDED, shipment_id=shipment.id)
    except Refusal as refusal:
        error = refusal.to_user_error(within=f"events.{index}")
        return MilestoneResult(event_id=milestone.event_id, outcome=RecordOutcome.REFUSED, errors=[error])


async def _shipment(session: AsyncSession, milestone: Milestone, actor: Principal) -> Shipment:
    if (milestone.shipment_id is None) == (milestone.carrier_tracking_number is None):
        raise Refusal(
            "SHIPMENT_NOT_NAMED", "Send shipmentId or carrierTrackingNumber, one of them.", field="shipmentId"
        )
    if milestone.kind is MilestoneKind.ATTEMPT_FAILED and milestone.reason is None:
        raise Refusal("REASON_MISSING", "Say why the attempt failed, such as NOT_HOME.", field="reason")
    if milestone.shipment_id is not None:
        named, value, where = col(Shipment.id) == milestone.shipment_id, "with this id", "shipmentId"
    else:
        value, where = repr(milestone.carrier_tracking_number), "carrierTrackingNumber"
        named = col(Shipment.carrier_tracking_number) == milestone.carrier_tracking_number
    found: Shipment | None = await session.scalar(select(Shipment).where(named, visible(actor)))
    # A shipment that a carrier is only offered is not its own to report of.
    if found is None or (actor.carrier_id is not None and found.carrier_id != actor.carrier_id):
        raise NotFound("shipment", value, field=where)
    return found


async def _known(
    session: AsyncSession, milestone: Milestone, shipment: Shipment, *, now: datetime
) -> MilestoneResult | None:
    """Keeps the report; answers DUPLICATE where it was kept before."""
    kept = await session.scalar(
        insert(CarrierMilestone)
        .values(
            id=new_id(),
            created_at=now,
            carrier_id=shipment.carrier_id,
            event_id=milestone.event_id,
            shipment_id=shipment.id,
            kind=milestone.kind.value,
            at=milestone.at,
            outcome=RecordOutcome.RECORDED.value,
            errors=[],
        )
        .on_conflict_do_nothing(index_elements=["carrier_id", "event_id"])
        .returning(col(CarrierMilestone.id))
    )
    if kept is not None:
        return None
    return MilestoneResult(event_id=milestone.event_id, outcome=RecordOutcome.DUPLICATE, shipment_id=shipment.id)


async def _newest(session: AsyncSession, milestone: Milestone, shipment: Shipment) -> datetime | None:
    found: datetime | None = await session.scalar(
        select(func.max(col(CarrierMilestone.at))).where(
            col(CarrierMilestone.shipment_id) == shipment.id, col(CarrierMilestone.event_id) != milestone.event_id
        )
    )
    return found


async def _apply(
    session: AsyncSession,
    milestone: Milestone,
    shipment: Shipment,
    *,
    newest: datetime | None,
    actor: Principal,
    now: datetime,
) -> None:
    """Brings the shipment to what is reported; old news is kept, but changes nothing."""
    if shipment.state in PAST[milestone.kind]:
        return
    steps = missing_steps(shipment.state, milestone.kind)
    if steps is None:
        # The machine's own refusal names what may follow.
        await advance(session, shipment, PATH[milestone.kind][-1], actor=actor, now=now)
        return
    is_old = newest is not None and milestone.at < newest and milestone.kind not in FINAL
    if is_old and steps != PATH[milestone.kind]:
        return
    for event in steps:
        happening = Happening(
            at=milestone.at,
            reason=milestone.reason if event is ShipmentEvent.FAIL else None,
            note=milestone.note,
            received_by=milestone.received_by if event is ShipmentEvent.DELIVER else None,
        )
        shipment = await advance(session, shipment, event, actor=actor, now=now, happening=happening)
