"""Adopting a solver's answer as drafts: a plan for each day, its routes and stops, and a reason for all on none."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.wording import counted
from app.models import (
    FulfilmentNode,
    Order,
    Plan,
    Route,
    RouteState,
    Shipment,
    Stop,
    StopKind,
    StopShipment,
)
from app.models.base import Json
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.plans import elsewhere, whynot
from app.orchestration.plans.elsewhere import Reasons
from app.orchestration.plans.legs import Leg, Walk, walk
from app.orchestration.plans.loaded import GRAMS_PER_KG, MILLILITRES_PER_LITRE, Drop, Loaded
from app.orchestration.plans.queries import of_job
from app.orchestration.plans.totals import money
from app.orchestration.routes import pauses
from app.orchestration.writing import insert_all, one_of, update_all
from app.solvers.routing import solution as routing
from app.solvers.routing.problem import RoutingProblem, Vehicle

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A checked solution, and the problem that it solves. `elsewhere`: why published routes' vans take no more.

    That is by visit, and of so many `other_vehicles`.
    """

    solution: routing.RoutingSolution
    problem: RoutingProblem
    elsewhere: Reasons = field(default_factory=dict)
    other_vehicles: int = 0

    @cached_property
    def vehicles(self) -> Mapping[str, Vehicle]:
        """By id."""
        return {vehicle.id: vehicle for vehicle in self.problem.vehicles}


async def adopt(
    session: AsyncSession, *, loaded: Loaded, answer: Answer, job_id: uuid.UUID, currency: str, now: datetime
) -> list[Plan]:
    """Writes a draft for each day, once per job and node; earlier drafts stay beside it until one is published.

    The first day's plan is there even if it has no routes, and tells what is on none. Refuses with PLAN_OUTDATED where
    a shipment changed since it was loaded.
    """
    await session.scalar(
        select(FulfilmentNode).where(col(FulfilmentNode.id) == loaded.node.id).with_for_update(key_share=True)
    )
    earlier = await of_job(session, job_id=job_id)
    if loaded.node.id in earlier:
        return earlier[loaded.node.id]
    await _check_unchanged(session, loaded)
    left = _left_out(loaded, answer)
    by_day: defaultdict[date, list[routing.Route]] = defaultdict(list)
    by_day[loaded.day] = []
    for route in answer.solution.routes:
        by_day[loaded.day + timedelta(days=loaded.vans_by_id[route.vehicle_id].day_index)].append(route)
    plans = []
    for day, found in sorted(by_day.items()):
        plan = _plan(loaded, answer, day, found, job_id=job_id, currency=currency, now=now)
        plan.unassigned = [reason for _, reason in left] if day == loaded.day else []
        session.add(plan)
        await session.flush()
        await _write_routes(session, plan, found, loaded, answer, now=now)
        log.append(
            session,
            type="plan.drafted",
            subject=subject_of(plan, loaded.node),
            actor=SYSTEM,
            now=now,
            summary=f"Drafted at {loaded.node.reference} for {day}: {counted(len(found), 'route')}.",
            data={"routes": len(found), "unassigned": len(plan.unassigned)},
        )
        plans.append(plan)
    await _explain(session, left, now=now)
    await session.flush()
    return plans


def _left_out(loaded: Loaded, answer: Answer) -> list[tuple[Shipment, Json]]:
    on = {stop.visit_id: route.vehicle_id for route in answer.solution.routes for stop in route.stops}
    return elsewhere.completed(
        whynot.left_out(loaded, answer.solution.unserved, on),
        loaded,
        vehicles=len(answer.problem.vehicles),
        others=answer.elsewhere,
        other_vehicles=answer.other_vehicles,
    )


def subject_of(plan: Plan, node: FulfilmentNode) -> Subject:
    """How events name a plan."""
    return Subject(kind="plan", id=plan.id, reference=f"{node.reference} {plan.date}")


async def _check_unchanged(session: AsyncSession, loaded: Loaded) -> None:
    found = await session.execute(
        select(col(Shipment.id), col(Shipment.version)).where(one_of(Shipment.id, list(loaded.versions)))
    )
    if {row[0]: row[1] for row in found.all()} != loaded.versions:
        raise Conflict(
            "PLAN_OUTDATED",
            f"Shipments of {loaded.node.reference} changed while {loaded.day} was planned. Plan it again.",
        )


def _plan(
    loaded: Loaded,
    answer: Answer,
    day: date,
    found: Sequence[routing.Route],
    *,
    job_id: uuid.UUID,
    currency: str,
    now: datetime,
) -> Plan:
    solution = answer.solution
    bound = solution.quality.bound if loaded.days == 1 else None
    return Plan(
        node_id=loaded.node.id,
        date=day,
        version=1,
        job_id=job_id,
        cost_minor=sum(money(answer.vehicles[route.vehicle_id], route) for route in found),
        currency=currency,
        distance_metres=sum(route.distance_metres for route in found),
        duration_seconds=sum(route.duration_seconds for route in found),
        solver=solution.quality.solver,
        solve_seconds=solution.quality.seconds,
        iterations=solution.quality.iterations,
        bound_minor=None if bound is None else int(bound),
        created_at=now,
    )


async def _write_routes(
    session: AsyncSession, plan: Plan, found: Sequence[routing.Route], loaded: Loaded, answer: Answer, *, now: datetime
) -> None:
    prefix = f"R-{plan.date:%Y%m%d}-{loaded.node.reference}-"
    number = await session.scalar(
        select(func.count()).select_from(Route).where(col(Route.reference).startswith(prefix, autoescape=True))
    )
    rows, stops, links = [], list[Row](), list[Row]()
    for count, route in enumerate(found, start=(number or 0) + 1):
        walked = walk(route, answer.problem, loaded)
        cost = money(answer.vehicles[route.vehicle_id], route)
        row = _route(plan, route, walked, loaded, cost_minor=cost, reference=f"{prefix}{count:02}", now=now)
        rows.append(row)
        for stop, drop in _stops(row, walked, loaded):
            stops.append(stop)
            links += [{"stop_id": stop["id"], "shipment_id": shipment.id} for shipment in drop.shipments]
    await insert_all(session, Route, rows)
    await insert_all(session, Stop, stops)
    await insert_all(session, StopShipment, links)


def _route(
    plan: Plan, found: routing.Route, walked: Walk, loaded: Loaded, *, cost_minor: int, reference: str, now: datetime
) -> Row:
    van = loaded.vans_by_id[found.vehicle_id]
    return {
        "id": new_id(),
        "reference": reference,
        "plan_id": plan.id,
        "node_id": loaded.node.id,
        "carrier_id": van.vehicle.carrier_id,
        "vehicle_id": van.vehicle.id,
        "driver_id": van.driver.id,
        "state": RouteState.DRAFT,
        "planned_start": loaded.midnight + timedelta(seconds=found.start_seconds),
        "planned_end": loaded.midnight + timedelta(seconds=max(found.end_seconds, found.start_seconds + 1)),
        "distance_metres": found.distance_metres,
        "duration_seconds": found.duration_seconds,
        "cost_minor": cost_minor,
        "currency": plan.currency,
        "load_weight_kg": highest_load(found)[0] / GRAMS_PER_KG,
        "load_volume_l": highest_load(found)[1] / MILLILITRES_PER_LITRE,
        "pauses": pauses.kept(walked.numbered(range(1, len(walked.legs) + 1))),
        "created_at": now,
    }


def _stops(route: Row, walked: Walk, loaded: Loaded) -> Iterator[tuple[Row, Drop]]:
    for sequence, leg in enumerate(walked.legs, start=1):
        drop = loaded.drops_by_id[leg.stop.visit_id]
        yield stop_row(route["id"], drop, leg, sequence, loaded), drop


def highest_load(route: routing.Route) -> tuple[int, ...]:
    """The most that is on board at any time of a route, by dimension: goods are collected while others are brought."""
    loads = [route.load, *(stop.load_after for stop in route.stops), *(reload.load for reload in route.reloads)]
    return tuple(max(amounts) for amounts in zip(*loads, strict=True))


def stop_row(route_id: uuid.UUID, drop: Drop, leg: Leg, sequence: int, loaded: Loaded) -> Row:
    """A new stop's columns. Its service holds the parking, and is that of the vehicle's kind."""
    first, visit = drop.shipments[0], leg.stop
    return {
        "id": new_id(),
        "route_id": route_id,
        "order_id": drop.order.id,
        "sequence": sequence,
        "kind": StopKind(drop.order.kind.value),
        "latitude": drop.order.latitude,
        "longitude": drop.order.longitude,
        "window_start": first.window_start if not first.attempt_count else None,
        "window_end": first.window_end if not first.attempt_count else None,
        "planned_arrival": loaded.midnight + timedelta(seconds=visit.service_start_seconds),
        "service_seconds": visit.departure_seconds - visit.service_start_seconds,
        "drive_seconds": leg.drive_seconds,
        "drive_metres": leg.drive_metres,
    }


async def _explain(session: AsyncSession, left_out: Sequence[tuple[Shipment, Json]], *, now: datetime) -> None:
    """Opens a case for each shipment that is on no route, and tells its order why."""
    reasons = {shipment.order_id: whynot.of_order(reason) for shipment, reason in left_out}
    rows = [{"id": order_id, "unassigned": reason} for order_id, reason in sorted(reasons.items())]
    await update_all(session, Order, rows)
    await exceptions.open_cases(session, [whynot.trouble(*left) for left in left_out], now=now)


__all__: Sequence[str] = ["Answer", "adopt", "highest_load", "stop_row", "subject_of"]
