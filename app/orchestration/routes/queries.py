"""Reading routes: what each viewer may see of them is said here once."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, case, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import FulfilmentNode, Route, RouteState, Vehicle
from app.orchestration import reading
from app.orchestration.policies import queries as rules
from app.orchestration.routes.policies import CURRENT

SEEING_ALL = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which routes the viewer sees: a driver its own from publication on, a carrier its own."""
    if viewer.kind in SEEING_ALL:
        return true()
    if viewer.kind is PrincipalKind.DRIVER:
        return (col(Route.driver_id) == viewer.driver_id) & (col(Route.state) != RouteState.DRAFT)
    if viewer.kind is PrincipalKind.CARRIER:
        return col(Route.carrier_id) == viewer.carrier_id
    return false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Route]:
    """The routes with these keys."""
    return await reading.by_id(session, select(Route).where(col(Route.id).in_(ids), visible(viewer)))


async def of_plans(
    session: AsyncSession, viewer: Principal, plan_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Route]]:
    """The routes of these plans, by reference."""
    return await reading.grouped(
        session,
        select(col(Route.plan_id), Route)
        .where(col(Route.plan_id).in_(plan_ids), visible(viewer))
        .order_by(col(Route.reference)),
        plan_ids,
    )


async def current_of_drivers(
    session: AsyncSession, viewer: Principal, driver_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Route]:
    """The route that each driver has before them: the one under way, or else the next to start."""
    under_way_first = case((col(Route.state) == RouteState.IN_PROGRESS, 0), else_=1)
    found = await session.scalars(
        select(Route)
        .where(col(Route.driver_id).in_(driver_ids), col(Route.state).in_(CURRENT), visible(viewer))
        .order_by(under_way_first, col(Route.planned_start), col(Route.id))
    )
    answer: dict[uuid.UUID, Route] = {}
    for route in found:
        assert route.driver_id is not None
        answer.setdefault(route.driver_id, route)
    return answer


async def vehicles(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Vehicle]:
    """The vehicles of routes that the viewer sees, and for staff and their carrier any."""
    if viewer.kind in SEEING_ALL:
        where: ColumnElement[bool] = true()
    elif viewer.kind is PrincipalKind.CARRIER:
        where = col(Vehicle.carrier_id) == viewer.carrier_id
    else:
        where = col(Vehicle.id).in_(select(col(Route.vehicle_id)).where(visible(viewer)))
    return await reading.by_id(session, select(Vehicle).where(col(Vehicle.id).in_(ids), where))


async def start_nodes(
    session: AsyncSession, viewer: Principal, route_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, FulfilmentNode]:
    """Where each of these routes starts."""
    return await reading.by_key(
        session,
        select(col(Route.id), FulfilmentNode)
        .join(FulfilmentNode, col(FulfilmentNode.id) == col(Route.node_id))
        .where(col(Route.id).in_(route_ids), visible(viewer)),
    )


async def end_nodes(
    session: AsyncSession, viewer: Principal, route_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, FulfilmentNode]:
    """Where each of these routes ends; none for those that end with their last service."""
    planning = (await rules.current(session)).planning
    open_ended = [kind for kind in planning.vehicle_kinds if planning.ends_anywhere(kind)]
    return await reading.by_key(
        session,
        select(col(Route.id), FulfilmentNode)
        .join(FulfilmentNode, col(FulfilmentNode.id) == col(Route.node_id))
        .join(Vehicle, col(Vehicle.id) == col(Route.vehicle_id))
        .where(col(Route.id).in_(route_ids), col(Vehicle.kind).not_in(open_ended), visible(viewer)),
    )
