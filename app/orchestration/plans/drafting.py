"""Adopting a solver's answer as a draft: a plan, its routes and stops, and a reason for all that is on none."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core.errors import Conflict
from app.core.geo import Point, great_circle_metres
from app.models import (
    FulfilmentNode,
    Order,
    Plan,
    PlanState,
    Route,
    RouteState,
    Severity,
    Shipment,
    Stop,
    StopShipment,
)
from app.models.base import Json
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.exceptions.policies import UNPLANNED
from app.orchestration.plans import policies
from app.orchestration.plans.problem import GRAMS_PER_KG, MILLILITRES_PER_LITRE, Drop, Loaded
from app.orchestration.plans.queries import of_job
from app.orchestration.routes import policies as routes
from app.solvers.routing import solution as routing
from app.solvers.routing.problem import RoadEstimate


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A checked solution, and how roads were estimated in it."""

    solution: routing.RoutingSolution
    road: RoadEstimate


async def adopt(
    session: AsyncSession, *, loaded: Loaded, answer: Answer, job_id: uuid.UUID, currency: str, now: datetime
) -> Plan:
    """Writes the draft, once per job and node; an earlier draft of the node's day is superseded.

    Refuses with PLAN_OUTDATED where a shipment changed since it was loaded.
    """
    await session.scalar(
        select(FulfilmentNode).where(col(FulfilmentNode.id) == loaded.node.id).with_for_update(key_share=True)
    )
    earlier = await of_job(session, job_id=job_id)
    if loaded.node.id in earlier:
        return earlier[loaded.node.id]
    await _check_unchanged(session, loaded)
    await _supersede(session, loaded)
    solution = answer.solution
    plan = Plan(
        node_id=loaded.node.id,
        date=loaded.day,
        version=1,
        job_id=job_id,
        cost_minor=round(solution.cost),
        currency=currency,
        distance_metres=solution.distance_metres,
        duration_seconds=solution.duration_seconds,
        solver=solution.quality.solver,
        solve_seconds=solution.quality.seconds,
        iterations=solution.quality.iterations,
        bound_minor=None if solution.quality.bound is None else int(solution.quality.bound),
        unassigned=[_reason(unserved, shipment) for unserved, shipment in _left_out(loaded, solution)],
        created_at=now,
    )
    session.add(plan)
    await session.flush()
    await _write_routes(session, plan, loaded, answer, now=now)
    await _explain(session, loaded, solution, now=now)
    log.append(
        session,
        type="plan.drafted",
        subject=subject_of(plan, loaded.node),
        actor=SYSTEM,
        now=now,
        summary=f"{len(solution.routes)} routes were drafted at {loaded.node.reference} for {loaded.day}.",
        data={"routes": len(solution.routes), "unassigned": len(plan.unassigned)},
    )
    await session.flush()
    return plan


def subject_of(plan: Plan, node: FulfilmentNode) -> Subject:
    """How events name a plan."""
    return Subject(kind="plan", id=plan.id, reference=f"{node.reference} {plan.date}")


async def _check_unchanged(session: AsyncSession, loaded: Loaded) -> None:
    found = await session.execute(
        select(col(Shipment.id), col(Shipment.version)).where(col(Shipment.id).in_(list(loaded.versions)))
    )
    if {row[0]: row[1] for row in found.all()} != loaded.versions:
        raise Conflict(
            "PLAN_OUTDATED",
            f"Shipments of {loaded.node.reference} changed while {loaded.day} was planned. Plan it again.",
        )


async def _supersede(session: AsyncSession, loaded: Loaded) -> None:
    drafts = await session.scalars(
        select(Plan)
        .where(
            col(Plan.node_id) == loaded.node.id,
            col(Plan.date) == loaded.day,
            col(Plan.state) == PlanState.DRAFT,
        )
        .with_for_update(key_share=True)
    )
    for draft in list(drafts):
        draft.state = policies.next_state(draft, policies.PlanEvent.SUPERSEDE)
        draft.version += 1
        for route in list(await session.scalars(select(Route).where(col(Route.plan_id) == draft.id))):
            route.state = routes.next_state(route, routes.RouteEvent.CANCEL)
            route.version += 1


async def _write_routes(session: AsyncSession, plan: Plan, loaded: Loaded, answer: Answer, *, now: datetime) -> None:
    prefix = f"R-{loaded.day:%Y%m%d}-{loaded.node.reference}-"
    number = await session.scalar(
        select(func.count()).select_from(Route).where(col(Route.reference).startswith(prefix, autoescape=True))
    )
    for count, found in enumerate(answer.solution.routes, start=(number or 0) + 1):
        van = loaded.vans_by_id[found.vehicle_id]
        route = Route(
            reference=f"{prefix}{count:02}",
            plan_id=plan.id,
            node_id=loaded.node.id,
            carrier_id=van.vehicle.carrier_id,
            vehicle_id=van.vehicle.id,
            driver_id=van.driver.id,
            state=RouteState.DRAFT,
            planned_start=loaded.midnight + timedelta(seconds=found.start_seconds),
            planned_end=loaded.midnight + timedelta(seconds=max(found.end_seconds, found.start_seconds + 1)),
            distance_metres=found.distance_metres,
            duration_seconds=found.duration_seconds,
            cost_minor=round(found.cost),
            currency=plan.currency,
            load_weight_kg=found.load[0] / GRAMS_PER_KG,
            load_volume_l=found.load[1] / MILLILITRES_PER_LITRE,
            created_at=now,
        )
        session.add(route)
        await session.flush()
        await _write_stops(session, route, found, loaded, answer.road)


async def _write_stops(
    session: AsyncSession, route: Route, found: routing.Route, loaded: Loaded, road: RoadEstimate
) -> None:
    place = Point(latitude=loaded.node.latitude, longitude=loaded.node.longitude)
    left = found.start_seconds
    links: list[StopShipment] = []
    for sequence, visit in enumerate(found.stops, start=1):
        drop = loaded.drops_by_id[visit.visit_id]
        door = Point(latitude=drop.order.latitude, longitude=drop.order.longitude)
        stop = _stop(route, drop, visit, sequence, loaded)
        stop.drive_seconds = visit.arrival_seconds - left
        stop.drive_metres = round(great_circle_metres(place, door) * road.detour_factor)
        session.add(stop)
        links += [StopShipment(stop_id=stop.id, shipment_id=shipment.id) for shipment in drop.shipments]
        place, left = door, visit.departure_seconds
    await session.flush()
    session.add_all(links)


def _stop(route: Route, drop: Drop, visit: routing.PlannedStop, sequence: int, loaded: Loaded) -> Stop:
    return Stop(
        route_id=route.id,
        order_id=drop.order.id,
        sequence=sequence,
        latitude=drop.order.latitude,
        longitude=drop.order.longitude,
        window_start=drop.shipments[0].window_start if not drop.shipments[0].attempt_count else None,
        window_end=drop.shipments[0].window_end if not drop.shipments[0].attempt_count else None,
        planned_arrival=loaded.midnight + timedelta(seconds=visit.service_start_seconds),
        service_seconds=drop.order.service_seconds,
    )


def _left_out(loaded: Loaded, solution: routing.RoutingSolution) -> list[tuple[routing.Unserved, Shipment]]:
    return [
        (unserved, shipment)
        for unserved in solution.unserved
        for shipment in loaded.drops_by_id[unserved.visit_id].shipments
    ]


def _reason(unserved: routing.Unserved, shipment: Shipment) -> Json:
    relaxation = unserved.relaxation
    return {
        "shipmentId": str(shipment.id),
        "shipment": shipment.reference,
        "code": unserved.code.value,
        "detail": unserved.detail,
        "cheapestRelaxation": relaxation
        and {
            "constraint": relaxation.constraint.value,
            "change": relaxation.change,
            "costMinor": round(relaxation.cost),
        },
    }


async def _explain(session: AsyncSession, loaded: Loaded, solution: routing.RoutingSolution, *, now: datetime) -> None:
    """Opens a case for each shipment that is on no route, and tells its order why."""
    for unserved, shipment in _left_out(loaded, solution):
        reason = _reason(unserved, shipment)
        await session.execute(
            update(Order)
            .where(col(Order.id) == shipment.order_id)
            .values(unassigned={key: reason[key] for key in ("code", "detail", "cheapestRelaxation")})
        )
        relaxation = reason["cheapestRelaxation"] or {}
        suggestion = {
            "action": relaxation.get("constraint", "CONTACT_CUSTOMER"),
            "summary": f"{unserved.detail} Cheapest way out: {relaxation.get('change', 'none was found')}.",
        }
        trouble = Trouble(
            kind=UNPLANNED,
            severity=Severity.CRITICAL,
            subject=Subject(
                kind="shipment",
                id=shipment.id,
                reference=shipment.reference,
                order_id=shipment.order_id,
                carrier_id=shipment.carrier_id,
            ),
            node_id=shipment.node_id,
            due_at=shipment.window_end,
            suggestion=suggestion,
        )
        await exceptions.open_case(session, trouble, now=now)


__all__: Sequence[str] = ["Answer", "adopt", "subject_of"]
