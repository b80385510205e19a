"""Reading stops. Who sees a route sees its stops; a customer sees none, but the tracking noun's view of them."""

import uuid
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.models import Order, ProofKind, Route, Stop
from app.orchestration import reading
from app.orchestration.routes.queries import visible


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Stop]:
    """The stops with these keys."""
    return await reading.by_id(
        session,
        select(Stop).join(Route, col(Route.id) == col(Stop.route_id)).where(col(Stop.id).in_(ids), visible(viewer)),
    )


async def of_routes(
    session: AsyncSession, viewer: Principal, route_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Stop]]:
    """The stops of these routes, in their order."""
    return await reading.grouped(
        session,
        select(col(Stop.route_id), Stop)
        .join(Route, col(Route.id) == col(Stop.route_id))
        .where(col(Stop.route_id).in_(route_ids), visible(viewer))
        .order_by(col(Stop.sequence)),
        route_ids,
    )


async def cash_due(session: AsyncSession, viewer: Principal, order_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Order -> minor units that are still to be collected at its door. Orders that are paid have no entry."""
    return await amounts_due(session, order_ids)


async def amounts_due(session: AsyncSession, order_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """What `cash_due` answers, for operations."""
    collected = (
        select(col(Stop.order_id), func.coalesce(func.sum(col(Stop.cash_minor)), 0).label("minor"))
        .where(col(Stop.order_id).in_(order_ids))
        .group_by(col(Stop.order_id))
        .subquery()
    )
    found = await session.execute(
        select(col(Order.id), col(Order.cash_minor) - func.coalesce(collected.c.minor, 0))
        .outerjoin(collected, collected.c.order_id == col(Order.id))
        .where(col(Order.id).in_(order_ids), col(Order.cash_minor).is_not(None))
    )
    return {order_id: minor for order_id, minor in found.all() if minor is not None and minor > 0}


def requirements(order: Order, *, due_minor: int | None) -> list[ProofKind]:
    """The proofs without which a handover is refused; cash is one where an amount is due."""
    kinds = [ProofKind(kind) for kind in order.proof_requirements]
    if due_minor and ProofKind.CASH not in kinds:
        kinds.append(ProofKind.CASH)
    return [kind for kind in kinds if kind is not ProofKind.CASH or due_minor]
