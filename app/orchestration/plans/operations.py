"""Publishing a plan: its routes become the drivers' day, and its shipments are planned. All of it, or nothing."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Conflict, NotFound
from app.core.wording import counted
from app.models import (
    Decision,
    DecisionKind,
    FulfilmentNode,
    Order,
    Plan,
    PlanState,
    Route,
    RouteState,
    Shipment,
    ShipmentState,
    Stop,
    StopShipment,
    StopState,
)
from app.orchestration.etas import operations as etas
from app.orchestration.events import log, subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.policies import UNPLANNED
from app.orchestration.plans import policies
from app.orchestration.plans.drafting import subject_of
from app.orchestration.plans.queries import visible
from app.orchestration.policies import queries as rules
from app.orchestration.routes import policies as routes
from app.orchestration.shipments.policies import ShipmentEvent, next_state
from app.orchestration.writing import one_of, update_all


async def publish(
    session: AsyncSession, *, plan_id: uuid.UUID, expected_version: int, actor: Principal, now: datetime
) -> Plan:
    """Publishes a draft; other drafts of its node and day are superseded.

    Refuses a stale version, a plan that is no draft, and one that the day has overtaken. A shipment that was cancelled
    since leaves its stop; any other change refuses with PLAN_OUTDATED.
    """
    locked = await _locked_plans(session, plan_id, actor)
    plan = locked.pop(plan_id, None)
    if plan is None:
        raise NotFound("plan", "with this id", field="planId")
    policies.check_version(plan, expected_version)
    plan.state = policies.next_state(plan, policies.PlanEvent.PUBLISH)
    plan.version, plan.published_at = plan.version + 1, now
    await _supersede(session, list(locked.values()))
    shipments = await _locked_shipments(session, plan)
    drafts = list(
        await session.scalars(select(Route).where(col(Route.plan_id) == plan.id).order_by(col(Route.reference)))
    )
    await _check_vehicles(session, drafts)
    await _publish_routes(session, drafts, shipments, actor=actor, now=now)
    node = await session.get(FulfilmentNode, plan.node_id) if plan.node_id else None
    assert node is not None, "plans are made per node"
    await settle(session, [each for group in shipments.values() for _, each in group], now=now)
    await _record(session, plan, node, drafts, actor=actor, now=now)
    await session.flush()
    return plan


async def _locked_plans(session: AsyncSession, plan_id: uuid.UUID, actor: Principal) -> dict[uuid.UUID, Plan]:
    """The plan and the other drafts of its node and day, locked in the order of their ids."""
    mine = select(col(Plan.node_id), col(Plan.date)).where(col(Plan.id) == plan_id)
    beside = tuple_(col(Plan.node_id), col(Plan.date)).in_(mine) & (col(Plan.state) == PlanState.DRAFT)
    found = await session.scalars(
        select(Plan)
        .where(visible(actor), or_(col(Plan.id) == plan_id, beside))
        .order_by(col(Plan.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {plan.id: plan for plan in found}


async def _supersede(session: AsyncSession, drafts: Sequence[Plan]) -> None:
    """Their routes will not be driven."""
    for draft in drafts:
        draft.state = policies.next_state(draft, policies.PlanEvent.SUPERSEDE)
        draft.version += 1
    cancelled = routes.NEXT[RouteState.DRAFT, routes.RouteEvent.CANCEL]
    await session.execute(
        update(Route)
        .where(col(Route.plan_id).in_([draft.id for draft in drafts]), col(Route.state) == RouteState.DRAFT)
        .values(state=cancelled, version=col(Route.version) + 1)
    )


async def _locked_shipments(session: AsyncSession, plan: Plan) -> defaultdict[uuid.UUID, list[tuple[Stop, Shipment]]]:
    """Route -> its stops with their shipments, in order; orders and then shipments are locked."""
    on_plan = (
        select(col(StopShipment.shipment_id))
        .join(Stop, col(Stop.id) == col(StopShipment.stop_id))
        .join(Route, col(Route.id) == col(Stop.route_id))
        .where(col(Route.plan_id) == plan.id)
    )
    mine = select(col(Shipment.order_id)).where(col(Shipment.id).in_(on_plan))
    await session.execute(
        select(col(Order.id))
        .where(col(Order.id).in_(mine))
        .order_by(col(Order.reference))
        .with_for_update(key_share=True)
    )
    await session.execute(
        select(Shipment)
        .where(col(Shipment.id).in_(on_plan))
        .order_by(col(Shipment.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    found = await session.execute(
        select(Stop, Shipment)
        .join(StopShipment, col(StopShipment.stop_id) == col(Stop.id))
        .join(Shipment, col(Shipment.id) == col(StopShipment.shipment_id))
        .join(Route, col(Route.id) == col(Stop.route_id))
        .where(col(Route.plan_id) == plan.id)
        .order_by(col(Stop.sequence), col(Shipment.id))
    )
    answer: defaultdict[uuid.UUID, list[tuple[Stop, Shipment]]] = defaultdict(list)
    for stop, shipment in found.all():
        answer[stop.route_id].append((stop, shipment))
    return answer


async def _check_vehicles(session: AsyncSession, drafts: Sequence[Route]) -> None:
    """Refuses a vehicle that has another route at the time."""
    active = await session.scalars(
        select(Route).where(
            col(Route.vehicle_id).in_([route.vehicle_id for route in drafts]), col(Route.state).in_(routes.CURRENT)
        )
    )
    for other in list(active):
        for route in drafts:
            overlaps = route.planned_start < other.planned_end and other.planned_start < route.planned_end
            if route.vehicle_id == other.vehicle_id and overlaps:
                raise Conflict(
                    "VEHICLE_TAKEN",
                    f"The vehicle of route {route.reference} drives route {other.reference} until"
                    f" {other.planned_end.isoformat()}. Plan the routes again.",
                    field="planId",
                )


async def _publish_routes(
    session: AsyncSession,
    drafts: Sequence[Route],
    served: Mapping[uuid.UUID, Sequence[tuple[Stop, Shipment]]],
    *,
    actor: Principal,
    now: datetime,
) -> None:
    """All routes and what they carry, with a few statements for however many there are."""
    entries: list[dict[str, Any]] = []
    going: list[tuple[Shipment, Stop]] = []
    for route in drafts:
        route.state = routes.next_state(route, routes.RouteEvent.PUBLISH)
        route.version += 1
        group = served.get(route.id, ())
        alive = {stop.id for stop, shipment in group if shipment.state is not ShipmentState.CANCELLED}
        for stop, shipment in group:
            if stop.id not in alive:
                stop.state = StopState.CANCELLED
            if shipment.state is not ShipmentState.CANCELLED:
                going.append((shipment, stop))
                entries.append(planned(shipment, stop, route, actor=actor, now=now))
        entries.append(_published(route, len(alive), actor=actor, now=now))
    await plan_shipments(session, going)
    await log.append_all(session, entries)
    await etas.refresh_all(session, drafts, actor=actor, now=now)


def _published(route: Route, stops: int, *, actor: Principal, now: datetime) -> dict[str, Any]:
    return log.entry(
        type="route.published",
        subject=subjects.of_route(route),
        actor=actor,
        now=now,
        summary=f"Route {route.reference} was published with {counted(stops, 'stop')}.",
        data={"version": route.version, "stops": stops, "plannedStart": route.planned_start.isoformat()},
    )


async def plan_shipments(session: AsyncSession, going: Sequence[tuple[Shipment, Stop]]) -> None:
    """The shipments' new states in one statement; the rows in hand follow without being written again."""
    rows = [
        {"id": shipment.id, "state": _next(shipment), "eta_expected": stop.planned_arrival} for shipment, stop in going
    ]
    await update_all(session, Shipment, rows, counting=["version"])
    for (shipment, _), row in zip(going, rows, strict=True):
        set_committed_value(shipment, "state", row["state"])
        set_committed_value(shipment, "eta_expected", row["eta_expected"])
        set_committed_value(shipment, "version", shipment.version + 1)


def _next(shipment: Shipment) -> ShipmentState:
    try:
        return next_state(shipment, ShipmentEvent.PLAN)
    except Conflict as refusal:
        state = shipment.state.value.replace("_", " ").lower()
        raise Conflict(
            "PLAN_OUTDATED",
            f"Shipment {shipment.reference} is {state} since this plan was drafted, and cannot go on its routes."
            " Plan the routes again.",
            field="planId",
        ) from refusal


def planned(shipment: Shipment, stop: Stop, route: Route, *, actor: Principal, now: datetime) -> dict[str, Any]:
    """The event that a shipment goes on a route; to be written before its state is."""
    return log.entry(
        type="shipment.planned",
        subject=subjects.of_shipment(shipment, route_id=route.id),
        actor=actor,
        now=now,
        summary=f"Shipment {shipment.reference} goes on route {route.reference}.",
        data={
            "state": _next(shipment).value,
            "eta": stop.planned_arrival.isoformat(),
            "window": {"start": shipment.window_start.isoformat(), "end": shipment.window_end.isoformat()},
            "route": route.reference,
        },
    )


async def settle(session: AsyncSession, shipments: Sequence[Shipment], *, now: datetime) -> None:
    """What stood in the way of these shipments is over."""
    await session.execute(
        update(Order)
        .where(
            one_of(Order.id, [shipment.order_id for shipment in shipments]),
            func.jsonb_typeof(col(Order.unassigned)) == "object",
        )
        .values(unassigned=None)
    )
    await exceptions.settle_all(
        session,
        kind=UNPLANNED,
        subject_ids=[shipment.id for shipment in shipments],
        resolution="The shipment was planned.",
        now=now,
    )


async def _record(
    session: AsyncSession,
    plan: Plan,
    node: FulfilmentNode,
    published: Sequence[Route],
    *,
    actor: Principal,
    now: datetime,
) -> None:
    policy = await rules.current_version(session)
    session.add(
        Decision(
            kind=DecisionKind.ROUTE,
            at=now,
            plan_id=plan.id,
            automatic=not actor.is_staff,
            policy_name=policy.name,
            policy_version=policy.version,
            model_name=plan.solver,
            model_version="1",
            chosen={
                "nodeId": str(node.id),
                "node": node.reference,
                "costMinor": plan.cost_minor,
                "currency": plan.currency,
                "breakdown": [{"component": route.reference, "amountMinor": route.cost_minor} for route in published],
            },
        )
    )
    log.append(
        session,
        type="plan.published",
        subject=subject_of(plan, node),
        actor=actor,
        now=now,
        summary=f"Published at {node.reference} for {plan.date}: {counted(len(published), 'route')}.",
        data={"version": plan.version, "routes": len(published)},
    )
