"""What one plan has over another: its figures, and each order that would be brought otherwise."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import NotFound
from app.models import Order, Plan, Route, Stop, StopState, Vehicle
from app.orchestration.plans.queries import by_ids
from app.orchestration.plans.totals import Totals, of_plans


class StopChange(StrEnum):
    """How an order is brought otherwise."""

    ADDED = "ADDED"
    REMOVED = "REMOVED"
    OTHER_VEHICLE = "OTHER_VEHICLE"
    OTHER_POSITION = "OTHER_POSITION"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a plan comes to now."""

    totals: Totals
    vehicles: int
    stops: int
    unassigned: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an order is on a plan."""

    order_id: uuid.UUID
    order: str
    vehicle: str
    sequence: int
    planned_arrival: datetime


@dataclass(frozen=True, kw_only=True)
class ChangedStop:
    """One order that is brought otherwise: `before` on the first plan, `after` on the second."""

    order: str
    change: StopChange
    before: Place | None = None
    after: Place | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two plans side by side, and the orders that they bring otherwise, by reference."""

    first: Plan
    second: Plan
    figures: tuple[Figures, Figures]
    changed: Sequence[ChangedStop]


async def compare(session: AsyncSession, viewer: Principal, *, first: uuid.UUID, second: uuid.UUID) -> Comparison:
    """Compares two plans of any state. Refuses one that the viewer cannot see as absent."""
    plans = await by_ids(session, viewer, [first, second])
    for key, field in ((first, "first"), (second, "second")):
        if key not in plans:
            raise NotFound("plan", "with this id", field=field)
    totals = await of_plans(session, viewer, [first, second])
    places = {key: await _places(session, key) for key in (first, second)}
    return Comparison(
        first=plans[first],
        second=plans[second],
        figures=(
            _figures(plans[first], totals[first], places[first]),
            _figures(plans[second], totals[second], places[second]),
        ),
        changed=changes(places[first], places[second]),
    )


def changes(before: Mapping[uuid.UUID, Place], after: Mapping[uuid.UUID, Place]) -> list[ChangedStop]:
    """Each order that is on one plan only, on another vehicle, or at another position. Pure."""
    found = []
    for key in {*before, *after}:
        old, new = before.get(key), after.get(key)
        change = _change(old, new)
        if change is not None:
            known = new or old
            assert known is not None, "it is on one of them"
            found.append(ChangedStop(order=known.order, change=change, before=old, after=new))
    return sorted(found, key=lambda each: each.order)


def _change(old: Place | None, new: Place | None) -> StopChange | None:
    if old is None:
        return StopChange.ADDED
    if new is None:
        return StopChange.REMOVED
    if old.vehicle != new.vehicle:
        return StopChange.OTHER_VEHICLE
    return None if old.sequence == new.sequence else StopChange.OTHER_POSITION


async def _places(session: AsyncSession, plan_id: uuid.UUID) -> dict[uuid.UUID, Place]:
    found = await session.execute(
        select(
            col(Stop.order_id),
            col(Order.reference),
            col(Vehicle.registration),
            col(Stop.sequence),
            col(Stop.planned_arrival),
        )
        .join(Route, col(Route.id) == col(Stop.route_id))
        .join(Vehicle, col(Vehicle.id) == col(Route.vehicle_id))
        .join(Order, col(Order.id) == col(Stop.order_id))
        .where(col(Route.plan_id) == plan_id, col(Stop.state) != StopState.CANCELLED)
    )
    return {
        order_id: Place(order_id=order_id, order=order, vehicle=vehicle, sequence=sequence, planned_arrival=arrival)
        for order_id, order, vehicle, sequence, arrival in found.all()
    }


def _figures(plan: Plan, totals: Totals, places: Mapping[uuid.UUID, Place]) -> Figures:
    return Figures(
        totals=totals,
        vehicles=len({place.vehicle for place in places.values()}),
        stops=len(places),
        unassigned=len(plan.unassigned),
    )
