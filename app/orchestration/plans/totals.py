"""What a plan comes to: the sums of its routes as they are now, late orders and moved stops included.

A route that was cancelled counts for nothing, but on a plan that was given up as a whole. Leaves out what wishes
weighed in the search (familiar drivers, changes, territories, lateness): that is no money.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import extract, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.models import Plan, PlanState, Route, RouteState, Stop, StopState
from app.orchestration.plans.queries import visible
from app.solvers.routing import solution as routing
from app.solvers.routing.problem import Vehicle
from app.solvers.routing.schedule import cost_of

GIVEN_UP = (PlanState.SUPERSEDED, PlanState.DISCARDED)


@dataclass(frozen=True, kw_only=True)
class Totals:
    """`late`: visits that are planned to begin after their window; by how much, together and at most."""

    cost_minor: int = 0
    distance_metres: int = 0
    duration_seconds: int = 0
    late_stops: int = 0
    late_seconds: int = 0
    worst_late_seconds: int = 0


def money(vehicle: Vehicle, route: routing.Route) -> int:
    """What a route costs, in minor units: fixed, metres, seconds and overtime, and no wishes."""
    return round(cost_of(vehicle, metres=route.distance_metres, seconds=route.duration_seconds))


async def of_plans(session: AsyncSession, viewer: Principal, plan_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Totals]:
    """The totals of these plans."""
    counts = or_(col(Route.state) != RouteState.CANCELLED, col(Plan.state).in_(GIVEN_UP))
    mine = (col(Plan.id).in_(plan_ids), visible(viewer))
    sums = await session.execute(
        select(
            col(Plan.id),
            func.coalesce(func.sum(col(Route.cost_minor)).filter(counts), 0),
            func.coalesce(func.sum(col(Route.distance_metres)).filter(counts), 0),
            func.coalesce(func.sum(col(Route.duration_seconds)).filter(counts), 0),
        )
        .outerjoin(Route, col(Route.plan_id) == col(Plan.id))
        .where(*mine)
        .group_by(col(Plan.id))
    )
    found = {
        id: Totals(cost_minor=int(cost), distance_metres=int(metres), duration_seconds=int(seconds))
        for id, cost, metres, seconds in sums.all()
    }
    lateness = extract("epoch", col(Stop.planned_arrival) - col(Stop.window_end))
    late = await session.execute(
        select(col(Plan.id), func.count(), func.sum(lateness), func.max(lateness))
        .join(Route, col(Route.plan_id) == col(Plan.id))
        .join(Stop, col(Stop.route_id) == col(Route.id))
        .where(*mine, counts, col(Stop.state) != StopState.CANCELLED, lateness > 0)
        .group_by(col(Plan.id))
    )
    for id, count, together, worst in late.all():
        found[id] = replace(found[id], late_stops=count, late_seconds=round(together), worst_late_seconds=round(worst))
    return found
