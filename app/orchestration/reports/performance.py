"""How the platform did over some days, from the tables alone: cost, punctuality, estimates, warnings, plans, ratings.

Each number comes from its own statement; shares are None where there is nothing to divide by.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, and_, case, cast, exists, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import (
    Carrier,
    CarrierKind,
    DeliveryAttempt,
    Event,
    ExceptionCase,
    Feedback,
    Plan,
    PlanState,
    Questionnaire,
    Route,
    RouteState,
    Shipment,
    ShipmentLine,
    ShipmentState,
    Stop,
    StopState,
    Vehicle,
)
from app.models.base import Json
from app.orchestration.carriers.scorecards import Scorecard, scorecards
from app.orchestration.etas.policies import CONFIDENCE
from app.orchestration.exceptions.policies import PREDICTED_LATE
from app.orchestration.feedback.policies import QuestionKind

DELIVERED = (ShipmentState.DELIVERED, ShipmentState.PARTIALLY_DELIVERED)
DRIVEN = (RouteState.PUBLISHED, RouteState.ACCEPTED, RouteState.IN_PROGRESS, RouteState.COMPLETED)
PROMOTER_FROM, DETRACTOR_TO = 9, 6
# An estimate is judged by the last one told so long before the visit: what is told at the gate is no estimate.
TOLD_BEFORE_SECONDS = 900
ESTIMATES = ("shipment.eta_changed", "shipment.approaching")


@dataclass(frozen=True, kw_only=True)
class Span:
    """From `since` to before `until`."""

    since: datetime
    until: datetime

    def holds(self, column: Any) -> ColumnElement[bool]:
        """The condition on a column."""
        return (col(column) >= self.since) & (col(column) < self.until)


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share of so many cases."""

    value: float | None
    count: int


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """How far estimated times were from the visits, and how many visits lay in their interval."""

    mean_absolute_error_seconds: float | None
    coverage: float | None
    nominal_coverage: float = CONFIDENCE


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """Warnings that a window will be missed: raised, right, and missed windows without one; and how long before."""

    raised: int
    correct: int
    missed: int
    median_lead_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Planning:
    """Plans that were published or drafted."""

    runs: int
    median_seconds: float | None
    orders_planned: int


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """What customers answered. The net promoter score is promoters less detractors, -100 to 100."""

    responses: int
    average_score: float | None
    net_promoter_score: float | None


@dataclass(frozen=True, kw_only=True)
class OfNode:
    """A node's orders that were due, and which share of their pieces came to the door."""

    node_id: uuid.UUID
    orders: int
    fill_rate: float | None


@dataclass(frozen=True, kw_only=True)
class Performance:
    """All of it. Costs in minor units."""

    cost_per_stop_minor: int | None
    cost_per_shipment_minor: int | None
    on_time: Share
    first_attempt: Share
    utilisation: float | None
    estimates: Estimates
    alerts: Alerts
    planning: Planning
    ratings: Ratings
    carriers: dict[uuid.UUID, Scorecard]
    nodes: list[OfNode]


async def performance(session: AsyncSession, *, since: datetime, until: datetime) -> Performance:
    """The performance of what ended in the span."""
    span = Span(since=since, until=until)
    cards = await scorecards(session, since=since, until=until)
    cost, visited = await _money(session, span)
    delivered = sum(card.shipments for card in cards.values())
    in_time = sum((card.on_time_share or 0.0) * card.shipments for card in cards.values())
    attempted = sum(card.attempted for card in cards.values())
    first = sum((card.first_attempt_share or 0.0) * card.attempted for card in cards.values())
    return Performance(
        cost_per_stop_minor=round(cost / visited) if visited else None,
        cost_per_shipment_minor=round(cost / delivered) if delivered else None,
        on_time=Share(value=in_time / delivered if delivered else None, count=delivered),
        first_attempt=Share(value=first / attempted if attempted else None, count=attempted),
        utilisation=await _utilisation(session, span),
        estimates=await _estimates(session, span),
        alerts=await _alerts(session, span),
        planning=await _planning(session, span),
        ratings=await _ratings(session, span),
        carriers={key: card for key, card in cards.items() if card.shipments},
        nodes=await _nodes(session, span),
    )


async def _money(session: AsyncSession, span: Span) -> tuple[int, int]:
    """What routes and 3PL deliveries cost, and how many doors were visited for it."""
    own = (
        await session.execute(
            select(func.coalesce(func.sum(col(Route.cost_minor)), 0)).where(
                span.holds(Route.planned_start), col(Route.state).in_(DRIVEN)
            )
        )
    ).scalar_one()
    visited = (
        await session.execute(
            select(func.count())
            .select_from(Stop)
            .join(Route, col(Route.id) == col(Stop.route_id))
            .where(span.holds(Route.planned_start), col(Stop.state) == StopState.DEPARTED)
        )
    ).scalar_one()
    price = func.coalesce(col(Shipment.actual_minor), col(Shipment.estimated_minor))
    carried = (
        await session.execute(
            select(func.coalesce(func.sum(price), 0), func.count())
            .join(Carrier, col(Carrier.id) == col(Shipment.carrier_id))
            .where(
                col(Carrier.kind) == CarrierKind.THIRD_PARTY,
                col(Shipment.state).in_(DELIVERED),
                span.holds(Shipment.delivered_at),
            )
        )
    ).one()
    return int(own) + int(carried[0]), int(visited) + int(carried[1])


async def _utilisation(session: AsyncSession, span: Span) -> float | None:
    """Mean over routes of the fuller of weight and volume."""
    weight = col(Route.load_weight_kg) / col(Vehicle.max_weight_kg)
    volume = col(Route.load_volume_l) / col(Vehicle.max_volume_l)
    found = await session.scalar(
        select(func.avg(func.greatest(weight, volume)))
        .join(Vehicle, col(Vehicle.id) == col(Route.vehicle_id))
        .where(span.holds(Route.planned_start), col(Route.state).in_(DRIVEN))
    )
    return None if found is None else float(found)


async def _estimates(session: AsyncSession, span: Span) -> Estimates:
    visited = func.coalesce(col(Stop.arrived_at), col(DeliveryAttempt.at))
    told = (
        select(
            visited.label("visited"),
            col(Event.data)["eta"].astext.label("eta"),
            col(Event.data)["earliest"].astext.label("earliest"),
            col(Event.data)["latest"].astext.label("latest"),
        )
        .ext(distinct_on(col(DeliveryAttempt.id)))
        .select_from(DeliveryAttempt)
        .join(Event, col(Event.subject_id) == col(DeliveryAttempt.shipment_id))
        .outerjoin(Stop, col(Stop.id) == col(DeliveryAttempt.stop_id))
        .where(
            span.holds(DeliveryAttempt.at),
            col(Event.type).in_(ESTIMATES),
            col(Event.data)["latest"].astext.is_not(None),
            func.extract("epoch", visited - col(Event.at)) >= TOLD_BEFORE_SECONDS,
        )
        .order_by(col(DeliveryAttempt.id), col(Event.position).desc())
        .subquery()
    )
    eta, earliest, latest = (cast(told.c[name], DateTime(timezone=True)) for name in ("eta", "earliest", "latest"))
    error = func.abs(func.extract("epoch", told.c.visited - eta))
    within = case((and_(told.c.visited >= earliest, told.c.visited <= latest), 1.0), else_=0.0)
    mean, coverage = (await session.execute(select(func.avg(error), func.avg(within)))).one()
    return Estimates(
        mean_absolute_error_seconds=None if mean is None else float(mean),
        coverage=None if coverage is None else float(coverage),
    )


async def _alerts(session: AsyncSession, span: Span) -> Alerts:
    """Warnings about shipments that have been delivered, or are late by now."""
    was_late = col(Shipment.delivered_at) > col(Shipment.window_end)
    lead = func.extract("epoch", col(Shipment.window_end) - col(ExceptionCase.opened_at))
    raised, correct, median = (
        await session.execute(
            select(
                func.count(),
                func.count().filter(was_late),
                func.percentile_cont(0.5).within_group(lead).filter(was_late),
            )
            .select_from(ExceptionCase)
            .join(Shipment, col(Shipment.id) == col(ExceptionCase.subject_id))
            .where(
                col(ExceptionCase.kind) == PREDICTED_LATE,
                col(Shipment.state).in_(DELIVERED),
                span.holds(Shipment.delivered_at),
            )
        )
    ).one()
    warned = exists().where(
        col(ExceptionCase.kind) == PREDICTED_LATE, col(ExceptionCase.subject_id) == col(Shipment.id)
    )
    missed = await session.scalar(
        select(func.count()).where(
            col(Shipment.state).in_(DELIVERED), span.holds(Shipment.delivered_at), was_late, ~warned
        )
    )
    return Alerts(
        raised=int(raised),
        correct=int(correct),
        missed=int(missed or 0),
        median_lead_seconds=None if median is None else float(median),
    )


async def _planning(session: AsyncSession, span: Span) -> Planning:
    runs, median = (
        await session.execute(
            select(func.count(), func.percentile_cont(0.5).within_group(col(Plan.solve_seconds))).where(
                span.holds(Plan.created_at), col(Plan.state) != PlanState.DISCARDED
            )
        )
    ).one()
    planned = await session.scalar(
        select(func.count(func.distinct(col(Event.order_id)))).where(
            span.holds(Event.at), col(Event.type) == "shipment.planned"
        )
    )
    return Planning(
        runs=int(runs), median_seconds=None if median is None else float(median), orders_planned=int(planned or 0)
    )


async def _ratings(session: AsyncSession, span: Span) -> Ratings:
    responses, average = (
        await session.execute(
            select(func.count(), func.avg(col(Feedback.score))).where(span.holds(Feedback.created_at))
        )
    ).one()
    found = await session.execute(
        select(col(Feedback.answers), col(Questionnaire.questions))
        .join(Questionnaire, col(Questionnaire.id) == col(Feedback.questionnaire_id))
        .where(span.holds(Feedback.created_at))
    )
    return Ratings(
        responses=int(responses),
        average_score=None if average is None else float(average),
        net_promoter_score=_net_promoters([score for row in found.all() for score in _recommendations(*row)]),
    )


def _recommendations(answers: Sequence[Json], questions: Sequence[Json]) -> list[int]:
    """The scores that answer a question of kind NPS."""
    asked = {question["id"] for question in questions if question["kind"] == QuestionKind.NPS}
    given = [answer["score"] for answer in answers if answer["question_id"] in asked]
    return [score for score in given if score is not None]


def _net_promoters(scores: Sequence[int]) -> float | None:
    """Promoters less detractors, as a percentage (Reichheld, "The one number you need to grow", HBR 2003)."""
    if not scores:
        return None
    promoters = sum(score >= PROMOTER_FROM for score in scores)
    detractors = sum(score <= DETRACTOR_TO for score in scores)
    return 100.0 * (promoters - detractors) / len(scores)


async def _nodes(session: AsyncSession, span: Span) -> list[OfNode]:
    found = await session.execute(
        select(
            col(Shipment.node_id),
            func.count(func.distinct(col(Shipment.order_id))),
            func.sum(col(ShipmentLine.delivered_quantity)),
            func.sum(col(ShipmentLine.quantity)),
        )
        .join(ShipmentLine, col(ShipmentLine.shipment_id) == col(Shipment.id))
        .where(span.holds(Shipment.window_end), col(Shipment.state) != ShipmentState.CANCELLED)
        .group_by(col(Shipment.node_id))
        .order_by(col(Shipment.node_id))
    )
    return [
        OfNode(node_id=node_id, orders=orders, fill_rate=float(delivered / wanted) if wanted else None)
        for node_id, orders, delivered, wanted in found.all()
    ]
