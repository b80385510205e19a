"""Taking a device's batch: in the order in which it happened, each event on its own, each only once.

One transaction with a savepoint per event: an event that the rules refuse leaves nothing behind but its refusal, and
the others still land. What came before is answered DUPLICATE, with the errors that it had then.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.database import savepoint
from app.core.errors import Refusal, UserError
from app.models import Driver, DriverEvent, RecordOutcome, Route, Stop
from app.orchestration.driver_events import driving
from app.orchestration.driver_events import happenings as heard
from app.orchestration.driver_events.happenings import SentEvent
from app.orchestration.driver_events.policies import MOST_EVENTS, check_count, corrected, in_order, skew
from app.orchestration.stops import operations as visits
from app.orchestration.stops.operations import Moment, Visit, locked

LONGEST_NOTE = 2_000


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What became of one event of the batch."""

    event_id: uuid.UUID
    outcome: RecordOutcome
    errors: Sequence[UserError] = ()
    route_id: uuid.UUID | None = None


@dataclass
class AtDoor:
    """The visit that the batch's last event was about: what it locked stays locked for the next."""

    visit: Visit | None = None


async def record(
    session: AsyncSession, *, events: Sequence[SentEvent], sent_at: datetime | None, actor: Principal, now: datetime
) -> list[Recorded]:
    """What became of each event, in the order sent. Two batches of one driver wait for each other."""
    check_count(len(events), most=MOST_EVENTS, field="events")
    await session.scalar(locked(select(Driver).where(col(Driver.id) == actor.driver_id)))
    known = await _known(session, [event.event_id for event in events])
    off_by = skew(sent_at=sent_at, now=now)
    results: dict[int, Recorded] = {}
    at_door = AtDoor()
    for position in in_order([event.device_at for event in events]):
        event = events[position]
        if event.event_id in known:
            results[position] = _duplicate(known[event.event_id], actor)
            continue
        row = await _record_one(session, event, at_door, position=position, off_by=off_by, actor=actor, now=now)
        known[event.event_id] = row
        results[position] = Recorded(
            event_id=event.event_id, outcome=row.outcome, errors=_errors(row), route_id=row.route_id
        )
    return [results[position] for position in range(len(events))]


async def _known(session: AsyncSession, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, DriverEvent]:
    found = await session.scalars(select(DriverEvent).where(col(DriverEvent.event_id).in_(ids)))
    return {row.event_id: row for row in found}


def _duplicate(row: DriverEvent, actor: Principal) -> Recorded:
    if row.driver_id != actor.driver_id:
        error = UserError(
            code="EVENT_ID_TAKEN", message=f"The id {row.event_id} is taken. Give the event a new id.", field="eventId"
        )
        return Recorded(event_id=row.event_id, outcome=RecordOutcome.REFUSED, errors=[error])
    return Recorded(event_id=row.event_id, outcome=RecordOutcome.DUPLICATE, errors=_errors(row), route_id=row.route_id)


def _errors(row: DriverEvent) -> list[UserError]:
    return [UserError(code=each["code"], message=each["message"], field=each["field"]) for each in row.errors]


async def _record_one(
    session: AsyncSession,
    event: SentEvent,
    at_door: AtDoor,
    *,
    position: int,
    off_by: timedelta,
    actor: Principal,
    now: datetime,
) -> DriverEvent:
    assert actor.driver_id is not None
    at = corrected(event.device_at, skew=off_by, now=now)
    moment = Moment(actor=actor, event_id=event.event_id, at=at, now=now, place=event.place)
    refusal = await _try(session, event, at_door, moment)
    route_id, stop_id = await _subject(session, event, at_door, actor)
    error = None if refusal is None else refusal.to_user_error(within=f"events.{position}.{event.kind}")
    row = DriverEvent(
        event_id=event.event_id,
        driver_id=actor.driver_id,
        route_id=route_id,
        stop_id=stop_id,
        kind=event.kind,
        at=at,
        device_at=event.device_at,
        received_at=now,
        outcome=RecordOutcome.RECORDED if error is None else RecordOutcome.REFUSED,
        errors=[] if error is None else [{"code": error.code, "message": error.message, "field": error.field}],
        payload=event.words,
        latitude=None if event.place is None else event.place.latitude,
        longitude=None if event.place is None else event.place.longitude,
    )
    session.add(row)
    await session.flush()
    return row


async def _try(session: AsyncSession, event: SentEvent, at_door: AtDoor, moment: Moment) -> Refusal | None:
    """Does what the event asks for, within a savepoint. The refusal, where there was one."""
    try:
        async with savepoint(session):
            await _apply(session, event, at_door, moment)
            await session.flush()
    except Refusal as refusal:
        at_door.visit = None  # its locks went with the savepoint
        return refusal
    return None


async def _apply(session: AsyncSession, event: SentEvent, at_door: AtDoor, moment: Moment) -> None:
    happening = event.happening
    if isinstance(happening, Refusal):
        raise happening
    if event.place is not None and not event.place.is_valid:
        raise Refusal("LOCATION_INVALID", "The event's location is not on the globe. Send WGS 84 degrees.")
    if isinstance(happening, heard.RouteStarted | heard.LoadScanned | heard.RouteCompleted):
        at_door.visit = None
        await _on_route(session, happening, moment)
    else:
        await _at_stop(session, happening, at_door, moment)


async def _on_route(session: AsyncSession, happening: heard.OnRoute, moment: Moment) -> None:
    tour = await driving.open_tour(session, route_id=happening.route_id, moment=moment)
    match happening:
        case heard.RouteStarted():
            await driving.start(session, tour, moment)
        case heard.LoadScanned():
            await driving.scan(session, tour, happening.barcodes, moment)
        case heard.RouteCompleted():
            await driving.complete(session, tour, moment)


async def _at_stop(session: AsyncSession, happening: heard.AtStop, at_door: AtDoor, moment: Moment) -> None:
    visit = at_door.visit
    if visit is None or visit.stop.id != happening.stop_id:
        visit = await visits.open_visit(session, stop_id=happening.stop_id, moment=moment)
    at_door.visit = visit
    match happening:
        case heard.Arrived():
            await visits.arrive(session, visit, moment)
        case heard.Departed():
            await visits.depart(session, visit, moment)
        case heard.Delivered():
            await visits.hand_over(session, visit, happening.given, moment)
        case heard.Failed():
            await visits.fail(
                session, visit, moment, reason=happening.reason, note=happening.note, given_proofs=happening.proofs
            )
        case heard.Skipped():
            await visits.skip(session, visit, moment, reason=happening.reason, note=happening.note)
        case heard.Noted():
            await visits.take_note(session, visit, moment, text=_checked_note(happening.text))


def _checked_note(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_NOTE:
        raise Refusal("NOTE_REQUIRED", f"A note has 1 to {LONGEST_NOTE} characters, not {len(text)}.", field="text")
    return text


async def _subject(
    session: AsyncSession, event: SentEvent, at_door: AtDoor, actor: Principal
) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """The route and the stop that an event is about, where they are the driver's own."""
    happening = event.happening
    if at_door.visit is not None:
        return at_door.visit.route.id, at_door.visit.stop.id
    if isinstance(happening, Refusal):
        return None, None
    own = col(Route.driver_id) == actor.driver_id
    if isinstance(happening, heard.RouteStarted | heard.LoadScanned | heard.RouteCompleted):
        route_id = await session.scalar(select(col(Route.id)).where(col(Route.id) == happening.route_id, own))
        return route_id, None
    found = (
        await session.execute(
            select(col(Stop.route_id), col(Stop.id))
            .join(Route, col(Route.id) == col(Stop.route_id))
            .where(col(Stop.id) == happening.stop_id, own)
        )
    ).one_or_none()
    return (None, None) if found is None else (found[0], found[1])
