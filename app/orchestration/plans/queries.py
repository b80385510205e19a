"""Reading plans, and what a plan is made from."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import (
    Carrier,
    CarrierKind,
    FulfilmentNode,
    Order,
    Plan,
    PlanState,
    Route,
    Shipment,
    ShipmentState,
    Stop,
    StopShipment,
)
from app.orchestration import reading
from app.orchestration.nodes.policies import at_minute
from app.orchestration.paging import Page, page
from app.orchestration.plans import availability
from app.orchestration.plans.acquaintance import acquainted
from app.orchestration.plans.homecoming import homecomings
from app.orchestration.plans.loaded import Drop, Loaded, Van
from app.orchestration.policies import queries as rules
from app.orchestration.routes.policies import CURRENT
from app.orchestration.writing import one_of

PLANNABLE = (ShipmentState.ASSIGNED, ShipmentState.ATTEMPT_FAILED)


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which plans the viewer sees: staff all, nobody else any."""
    return true() if viewer.kind in STAFF | {PrincipalKind.SYSTEM} else false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Plan]:
    """The plans with these keys."""
    return await reading.by_id(session, select(Plan).where(col(Plan.id).in_(ids), visible(viewer)))


async def listed(
    session: AsyncSession, viewer: Principal, *, day: date | None, node: str | None, **arguments: Any
) -> Page[Plan]:
    """One page of the plans of a local day, or of all, at one node (by reference) or at all; newest first."""
    statement = select(Plan).where(visible(viewer))
    if day is not None:
        statement = statement.where(col(Plan.date) == day)
    if node is not None:
        mine = select(col(FulfilmentNode.id)).where(col(FulfilmentNode.reference) == node)
        statement = statement.where(col(Plan.node_id).in_(mine))
    return await page(session, statement, key_columns=[Plan.id], descending=True, **arguments)


async def of_job(session: AsyncSession, *, job_id: uuid.UUID) -> dict[uuid.UUID, list[Plan]]:
    """The plans that earlier attempts at this job made: node -> its plans, a day each."""
    found = await session.scalars(
        select(Plan).where(col(Plan.job_id) == job_id, col(Plan.state) != PlanState.SUPERSEDED).order_by(col(Plan.id))
    )
    plans: defaultdict[uuid.UUID, list[Plan]] = defaultdict(list)
    for plan in found:
        if plan.node_id is not None:
            plans[plan.node_id].append(plan)
    return dict(plans)


async def nodes_to_plan(session: AsyncSession, *, reference: str | None) -> list[FulfilmentNode]:
    """The active nodes with shipments that an own fleet has to plan, by reference."""
    waiting = (
        select(col(Shipment.node_id))
        .join(Carrier, col(Carrier.id) == col(Shipment.carrier_id))
        .where(col(Shipment.state).in_(PLANNABLE), col(Carrier.kind) == CarrierKind.OWN_FLEET)
    )
    statement = select(FulfilmentNode).where(col(FulfilmentNode.is_active), col(FulfilmentNode.id).in_(waiting))
    if reference is not None:
        statement = statement.where(col(FulfilmentNode.reference) == reference)
    return list(await session.scalars(statement.order_by(col(FulfilmentNode.reference))))


async def nodes_under_way(session: AsyncSession, *, reference: str | None) -> list[FulfilmentNode]:
    """The active nodes with published routes that are not over yet, by reference."""
    driven = select(col(Route.node_id)).where(col(Route.state).in_(CURRENT))
    statement = select(FulfilmentNode).where(col(FulfilmentNode.is_active), col(FulfilmentNode.id).in_(driven))
    if reference is not None:
        statement = statement.where(col(FulfilmentNode.reference) == reference)
    return list(await session.scalars(statement.order_by(col(FulfilmentNode.reference))))


async def to_plan(
    session: AsyncSession,
    *,
    node: FulfilmentNode,
    day: date,
    days: int = 1,
    now: datetime,
    leave_after: datetime,
    absent: Collection[str] = (),
) -> Loaded:
    """What the node has to bring and collect on so many local days, and with what. No van leaves before `leave_after`.

    `absent`: drivers, by reference, who do not drive.
    """
    ends = at_minute(day + timedelta(days=days), 0, zone=ZoneInfo(node.time_zone))
    policy = await rules.current(session)
    home = await homecomings(session, node=node, planning=policy.planning, now=now)
    crews = await availability.crews(session, node, absent=absent)
    busy = await availability.commitments(session, node, home)
    vans = availability.vans_of(crews, busy, node=node, day=day, days=days, leave_after=leave_after)
    drafted = await _drafted(session, node, day, days, vans) if policy.planning.change_minor else {}
    drops = await acquainted(
        session, node=node, drops=await _drops(session, node, ends, home), rules=policy.planning, now=now
    )
    return Loaded(
        node=node,
        day=day,
        days=days,
        drops=[replace(drop, drafted=drafted.get(drop.order.id)) for drop in drops],
        vans=vans,
        crews=crews,
        absent=absent,
        now=now,
        planning=policy.planning,
        promises=policy.promises,
    )


async def _drafted(
    session: AsyncSession, node: FulfilmentNode, day: date, days: int, vans: Sequence[Van]
) -> dict[uuid.UUID, str]:
    """Order -> the vehicle of the problem that the node's latest drafts of these days have for it."""
    found = await session.execute(
        select(col(Stop.order_id), Route, Plan)
        .join(Route, col(Route.id) == col(Stop.route_id))
        .join(Plan, col(Plan.id) == col(Route.plan_id))
        .where(
            col(Plan.node_id) == node.id,
            col(Plan.state) == PlanState.DRAFT,
            col(Plan.date) >= day,
            col(Plan.date) < day + timedelta(days=days),
        )
        .order_by(col(Plan.id))
    )
    rows = found.all()
    newest = {plan.date: plan.id for _, _, plan in rows}
    ids = {
        order_id: _id_on(vans, route, (plan.date - day).days)
        for order_id, route, plan in rows
        if newest[plan.date] == plan.id
    }
    return {order_id: id for order_id, id in ids.items() if id is not None}


def _id_on(vans: Sequence[Van], route: Route, day_index: int) -> str | None:
    """The vehicle of the problem that a draft's route is driven with: its van on that day, and with its driver."""
    same = [van for van in vans if van.vehicle.id == route.vehicle_id and van.day_index == day_index]
    best = min(
        same, key=lambda van: (van.driver.id != route.driver_id, not van.covers(route.planned_start)), default=None
    )
    return None if best is None else best.id


async def _drops(
    session: AsyncSession, node: FulfilmentNode, ends: datetime, home: Mapping[uuid.UUID, datetime]
) -> list[Drop]:
    """The shipments due before `ends`, grouped by order, oldest first."""
    found = await session.execute(
        select(Shipment, Order)
        .join(Order, col(Order.id) == col(Shipment.order_id))
        .join(Carrier, col(Carrier.id) == col(Shipment.carrier_id))
        .where(
            col(Shipment.node_id) == node.id,
            col(Shipment.state).in_(PLANNABLE),
            col(Carrier.kind) == CarrierKind.OWN_FLEET,
            col(Shipment.window_start) < ends,
            or_(col(Shipment.not_before).is_(None), col(Shipment.not_before) < ends),
        )
        .order_by(col(Shipment.id))
    )
    by_order: defaultdict[uuid.UUID, list[Shipment]] = defaultdict(list)
    orders: dict[uuid.UUID, Order] = {}
    for shipment, order in found.all():
        by_order[order.id].append(shipment)
        orders[order.id] = order
    tried = [each.id for group in by_order.values() for each in group if each.attempt_count]
    back = await _back_at(session, tried, home)
    return [
        Drop(order=orders[order_id], shipments=group, release=_release(orders[order_id], group, back))
        for order_id, group in by_order.items()
    ]


def _release(order: Order, shipments: Sequence[Shipment], back: dict[uuid.UUID, datetime]) -> datetime | None:
    if order.kind.is_collection:
        return None
    times = [time for each in shipments for time in (each.not_before, back.get(each.id)) if time is not None]
    return max(times, default=None)


async def _back_at(
    session: AsyncSession, shipment_ids: Sequence[uuid.UUID], home: Mapping[uuid.UUID, datetime]
) -> dict[uuid.UUID, datetime]:
    """When goods of a failed attempt that are still on the road will be back at the node."""
    found = await session.execute(
        select(col(StopShipment.shipment_id), col(Stop.route_id))
        .join(Stop, col(Stop.id) == col(StopShipment.stop_id))
        .where(one_of(StopShipment.shipment_id, shipment_ids), one_of(Stop.route_id, list(home)))
    )
    back: dict[uuid.UUID, datetime] = {}
    for shipment_id, route_id in found.all():
        at = home[route_id]
        back[shipment_id] = max(at, back.get(shipment_id, at))
    return back
