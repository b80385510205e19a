"""What a driver does at a stop: arrive, hand over, fail, depart, skip, note. Each is one step of one unit of work.

Every verb opens the visit first: it locks order, shipments, route and stop, in this order, and refuses a stop that is
not on the caller's own route under way. Leaves out the batches in which devices send all this: that is driver_events.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Refusal
from app.core.geo import Point
from app.models import (
    FailureReason,
    Order,
    ProofKind,
    Route,
    Shipment,
    ShipmentState,
    Stop,
    StopOutcome,
    StopShipment,
    StopState,
)
from app.models.base import Json
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.policies import PREDICTED_LATE
from app.orchestration.proofs import operations as proofs
from app.orchestration.proofs.policies import GivenProof
from app.orchestration.routes.policies import check_in_progress
from app.orchestration.shipments.goods import lines_by_shipment
from app.orchestration.shipments.operations import Happening, advance
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.stops import policies, reattempts
from app.orchestration.stops.handovers import GivenHandover, Part, check_cash, parts_of, with_receipt
from app.orchestration.stops.policies import StopEvent
from app.orchestration.stops.queries import amounts_due, requirements

Found = TypeVar("Found")

SHIPMENT_EVENT = {
    StopOutcome.SUCCEEDED: ShipmentEvent.DELIVER,
    StopOutcome.PARTIAL: ShipmentEvent.DELIVER_PARTLY,
    StopOutcome.FAILED: ShipmentEvent.FAIL,
}
COLLECTION_EVENT = {
    StopOutcome.SUCCEEDED: ShipmentEvent.COLLECT,
    StopOutcome.PARTIAL: ShipmentEvent.COLLECT_PARTLY,
    StopOutcome.FAILED: ShipmentEvent.MISS,
}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Who recorded it, when and where it happened, and when it was received."""

    actor: Principal
    event_id: uuid.UUID
    at: datetime
    now: datetime
    place: Point | None = None


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A stop with all that it touches, locked."""

    order: Order
    route: Route
    stop: Stop
    stops: Sequence[Stop]
    shipments: Sequence[Shipment]

    @property
    def at_hand(self) -> list[Shipment]:
        """The stop's shipments that can change hands: on the van, or at the door where they are collected."""
        ready = ShipmentState.PLANNED if self.stop.kind.is_collection else ShipmentState.OUT_FOR_DELIVERY
        return [shipment for shipment in self.shipments if shipment.state is ready]


async def open_visit(session: AsyncSession, *, stop_id: uuid.UUID, moment: Moment) -> Visit:
    """Locks a stop and what it touches. Another driver's stop reads as absent."""
    found = (
        await session.execute(
            select(col(Stop.order_id), col(Stop.route_id))
            .join(Route, col(Route.id) == col(Stop.route_id))
            .where(col(Stop.id) == stop_id, col(Route.driver_id) == moment.actor.driver_id)
        )
    ).one_or_none()
    if found is None:
        raise unknown_stop()
    order = (await session.scalars(locked(select(Order).where(col(Order.id) == found[0])))).one()
    shipments = await session.scalars(
        locked(
            select(Shipment)
            .join(StopShipment, col(StopShipment.shipment_id) == col(Shipment.id))
            .where(col(StopShipment.stop_id) == stop_id)
            .order_by(col(Shipment.id)),
            of=Shipment,
        )
    )
    route = (await session.scalars(locked(select(Route).where(col(Route.id) == found[1])))).one()
    stops = await _around(session, route, stop_id)
    if route.driver_id != moment.actor.driver_id:
        raise unknown_stop()
    check_in_progress(route)
    stop = next(each for each in stops if each.id == stop_id)
    return Visit(order=order, route=route, stop=stop, stops=stops, shipments=shipments.all())


async def _around(session: AsyncSession, route: Route, stop_id: uuid.UUID) -> list[Stop]:
    """The stop, those of the route that a visit to it may change, and the first that waits: locked, in their order.

    A long route has hundreds of stops, and a driver's batch opens several visits.
    """
    waiting = (
        select(col(Stop.id))
        .where(col(Stop.route_id) == route.id, col(Stop.state) == StopState.PENDING, col(Stop.id) != stop_id)
        .order_by(col(Stop.sequence))
        .limit(1)
    )
    under_way = col(Stop.state).in_((StopState.EN_ROUTE, StopState.ARRIVED))
    found = await session.scalars(
        locked(
            select(Stop)
            .where(
                col(Stop.route_id) == route.id,
                or_(col(Stop.id) == stop_id, under_way, col(Stop.id).in_(waiting)),
            )
            .order_by(col(Stop.sequence))
        )
    )
    return list(found)


def unknown_stop() -> Refusal:
    """What a stop that is absent, or on another driver's route, is answered with."""
    return Refusal(
        "UNKNOWN_STOP", "There is no such stop on your routes. Read your day again and send its ids.", field="stopId"
    )


async def arrive(session: AsyncSession, visit: Visit, moment: Moment) -> None:
    """The van stands at the door. A visit that ended before is closed, and a stop that was passed by waits again."""
    stop = visit.stop
    state = policies.next_state(stop, StopEvent.ARRIVE)
    for other in visit.stops:
        if other.state is StopState.ARRIVED and other.outcome is not None:
            _leave(session, visit.route, other, moment)
        elif other.state is StopState.EN_ROUTE and other is not stop:
            _change(visit.route, other, policies.next_state(other, StopEvent.WAIT_AGAIN))
    _change(visit.route, stop, state)
    stop.arrived_at = moment.at
    tell(session, "stop.arrived", visit.route, stop, moment, summary=f"Arrived at stop {stop.sequence}.")


async def hand_over(session: AsyncSession, visit: Visit, given: GivenHandover, moment: Moment) -> None:
    """Goods are handed over, wholly or in part, with the proofs and the cash that the order asks for.

    At a stop where goods are collected it is the driver who takes them.
    """
    state = policies.next_state(visit.stop, StopEvent.HAND_OVER)
    parts = await _parts(session, visit, given)
    outcome = policies.outcome_of(part.outcome for part in parts)
    due = (await amounts_due(session, [visit.order.id])).get(visit.order.id)
    cash_minor = check_cash(
        given.cash, due_minor=due, currency=visit.order.currency, is_whole=outcome is StopOutcome.SUCCEEDED
    )
    required = requirements(visit.order, due_minor=due)
    if given.cash is None and ProofKind.CASH in required:
        raise Refusal(
            "PROOF_REQUIRED", "This delivery needs CASH as proof. Send the amount that was collected.", field="cash"
        )
    await _keep(session, visit, with_receipt(given, at=moment.at), required, moment)
    for part in parts:
        await _advance(session, visit, part, moment, received_by=given.received_by)
    _change(visit.route, visit.stop, state)
    visit.stop.outcome = outcome
    visit.stop.handover, visit.stop.received_by, visit.stop.cash_minor = given.handover, given.received_by, cash_minor


async def fail(
    session: AsyncSession,
    visit: Visit,
    moment: Moment,
    *,
    reason: FailureReason,
    note: str | None = None,
    given_proofs: Sequence[GivenProof] = (),
) -> None:
    """Nothing could be handed over. Policy decides whether the goods go round again or back, or are fetched later."""
    policies.check_note(reason, note)
    state = policies.next_state(visit.stop, StopEvent.FAIL)
    await _keep(session, visit, given_proofs, [], moment)
    _change(visit.route, visit.stop, state)
    visit.stop.outcome, visit.stop.reason, visit.stop.note = StopOutcome.FAILED, reason, note or visit.stop.note
    await _fail_goods(session, visit, moment, reason=reason, note=note)
    data: Json = {"reason": reason.value, "note": note}
    tell(session, "stop.failed", visit.route, visit.stop, moment, summary=f"{reason.value}.", data=data)


async def depart(session: AsyncSession, visit: Visit, moment: Moment) -> None:
    """The van leaves the door for the next stop."""
    policies.next_state(visit.stop, StopEvent.DEPART)
    _leave(session, visit.route, visit.stop, moment)
    head_for_next(visit.route, visit.stops)


async def skip(
    session: AsyncSession, visit: Visit, moment: Moment, *, reason: FailureReason, note: str | None = None
) -> None:
    """The stop is not visited; its goods stay on the van as after a failed attempt."""
    policies.check_note(reason, note)
    _change(visit.route, visit.stop, policies.next_state(visit.stop, StopEvent.SKIP))
    visit.stop.reason, visit.stop.note = reason, note or visit.stop.note
    await _fail_goods(session, visit, moment, reason=reason, note=note)
    data: Json = {"reason": reason.value}
    tell(session, "stop.skipped", visit.route, visit.stop, moment, summary=f"Skipped: {reason.value}.", data=data)
    head_for_next(visit.route, visit.stops)


async def take_note(session: AsyncSession, visit: Visit, moment: Moment, *, text: str) -> None:
    """Keeps what the driver writes about a stop. Changes no state."""
    visit.stop.note = text if not visit.stop.note else f"{visit.stop.note}\n{text}"
    visit.stop.version += 1
    tell(session, "stop.noted", visit.route, visit.stop, moment, summary=text[:200], data={"text": text})


def head_for_next(route: Route, stops: Sequence[Stop]) -> None:
    """The first waiting stop is the next, unless one is already."""
    if any(stop.state is StopState.EN_ROUTE for stop in stops):
        return
    following = next((stop for stop in stops if stop.state is StopState.PENDING), None)
    if following is not None:
        _change(route, following, policies.next_state(following, StopEvent.HEAD_FOR))


def tell(
    session: AsyncSession,
    type: str,
    route: Route,
    stop: Stop,
    moment: Moment,
    *,
    summary: str,
    data: Json | None = None,
) -> None:
    """Writes an event about a stop."""
    log.append(
        session,
        type=type,
        subject=Subject(
            kind="stop",
            id=stop.id,
            reference=f"{route.reference}#{stop.sequence}",
            order_id=stop.order_id,
            carrier_id=route.carrier_id,
            route_id=route.id,
        ),
        actor=moment.actor,
        now=moment.now,
        summary=summary,
        data={"at": moment.at.isoformat(), "state": stop.state.value, **(data or {})},
    )


async def _parts(session: AsyncSession, visit: Visit, given: GivenHandover) -> list[Part]:
    if not visit.at_hand:
        where = "is to be collected there any more" if visit.stop.kind.is_collection else "is on the van"
        raise Refusal(
            "INVALID_STATE",
            f"None of the goods of stop {visit.stop.sequence} {where}. Record failed or skipped instead.",
            field="stopId",
        )
    lines = await lines_by_shipment(session, [shipment.id for shipment in visit.at_hand])
    return parts_of(visit.at_hand, lines, given.items)


async def _keep(
    session: AsyncSession, visit: Visit, given: Sequence[GivenProof], required: Sequence[ProofKind], moment: Moment
) -> None:
    await proofs.capture(
        session,
        given,
        order=visit.order,
        route=visit.route,
        stop=visit.stop,
        required=required,
        barcodes={shipment.reference for shipment in visit.at_hand},
        event_id=moment.event_id,
        place=moment.place,
        actor=moment.actor,
        now=moment.now,
    )


async def _fail_goods(
    session: AsyncSession, visit: Visit, moment: Moment, *, reason: FailureReason, note: str | None
) -> None:
    for shipment in visit.at_hand:
        part = Part(shipment=shipment, outcome=StopOutcome.FAILED, reason=reason)
        await _advance(session, visit, part, moment, note=note)


async def _advance(
    session: AsyncSession,
    visit: Visit,
    part: Part,
    moment: Moment,
    *,
    note: str | None = None,
    received_by: str | None = None,
) -> None:
    happening = Happening(
        at=moment.at,
        reason=part.reason,
        note=note,
        stop_id=visit.stop.id,
        driver_id=visit.route.driver_id,
        route_id=visit.route.id,
        received_by=received_by,
        delivered=part.delivered,
    )
    is_collection = visit.stop.kind.is_collection
    event = (COLLECTION_EVENT if is_collection else SHIPMENT_EVENT)[part.outcome]
    await advance(session, part.shipment, event, actor=moment.actor, now=moment.now, happening=happening)
    await exceptions.settle(
        session, kind=PREDICTED_LATE, subject_id=part.shipment.id, resolution="The visit has ended.", now=moment.now
    )
    if part.outcome is StopOutcome.FAILED:
        reason = part.reason or FailureReason.OTHER
        await reattempts.explain(session, part.shipment, reason=reason, is_collection=is_collection, now=moment.now)


def _leave(session: AsyncSession, route: Route, stop: Stop, moment: Moment) -> None:
    _change(route, stop, policies.next_state(stop, StopEvent.DEPART))
    stop.departed_at = max(moment.at, stop.arrived_at or moment.at)
    tell(session, "stop.departed", route, stop, moment, summary=f"Left stop {stop.sequence}.")


def _change(route: Route, stop: Stop, state: StopState) -> None:
    stop.state = state
    stop.version += 1
    route.version += 1


def locked(statement: Select[Found], *, of: Any = None) -> Select[Found]:
    """The rows locked until the transaction ends, and read afresh."""
    return statement.with_for_update(of=of, key_share=True).execution_options(populate_existing=True)
