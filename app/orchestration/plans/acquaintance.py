"""What is known of the drops beyond their rows: who has been at their doors, and which kinds of goods they hold."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import FulfilmentNode, OrderLine, Product, Route, Stop, StopOutcome
from app.orchestration.plans.loaded import Drop
from app.orchestration.policies.documents import Planning
from app.orchestration.travel import CELLS_A_DEGREE, Cell
from app.orchestration.writing import one_of

REMEMBERED = timedelta(days=28)


async def acquainted(
    session: AsyncSession, *, node: FulfilmentNode, drops: Sequence[Drop], rules: Planning, now: datetime
) -> list[Drop]:
    """The drops with what the policy's rules ask for; one statement for each rule that asks."""
    known = await _visitors(session, node, now=now) if rules.familiarity_minor else {}
    kinds = await _kinds(session, drops) if rules.never_together else {}
    return [
        replace(
            drop,
            known_to=known.get(drop.cell, frozenset()),
            kinds=kinds.get(drop.order.id, frozenset()),
        )
        for drop in drops
    ]


async def _visitors(session: AsyncSession, node: FulfilmentNode, *, now: datetime) -> dict[Cell, frozenset[uuid.UUID]]:
    """Door -> the drivers who brought something there from this node of late."""
    latitude, longitude = _cell(Stop.latitude), _cell(Stop.longitude)
    found = await session.execute(
        select(latitude, longitude, func.array_agg(col(Route.driver_id).distinct()))
        .join(Route, col(Route.id) == col(Stop.route_id))
        .where(
            col(Route.node_id) == node.id,
            col(Route.started_at) >= now - REMEMBERED,
            col(Route.driver_id).is_not(None),
            col(Stop.outcome).in_((StopOutcome.SUCCEEDED, StopOutcome.PARTIAL)),
        )
        .group_by(latitude, longitude)
    )
    return {(row[0], row[1]): frozenset(driver for driver in row[2] if driver is not None) for row in found.all()}


def _cell(degrees: Any) -> ColumnElement[Any]:
    """As travel.cell_of has it: the same operations on the same floating-point numbers."""
    return func.floor(col(degrees) * CELLS_A_DEGREE + 0.5) / float(CELLS_A_DEGREE)


async def _kinds(session: AsyncSession, drops: Sequence[Drop]) -> dict[uuid.UUID, frozenset[str]]:
    found = await session.execute(
        select(col(OrderLine.order_id), col(Product.goods_kind))
        .join(Product, col(Product.sku) == col(OrderLine.sku))
        .where(one_of(OrderLine.order_id, [drop.order.id for drop in drops]))
        .distinct()
    )
    kinds: defaultdict[uuid.UUID, set[str]] = defaultdict(set)
    for order_id, kind in found.all():
        kinds[order_id].add(kind)
    return {order_id: frozenset(names) for order_id, names in kinds.items()}
