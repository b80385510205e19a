"""How carriers did: counted from shipments, tenders and ratings of some days, all carriers in a few statements.

On time is judged by what was delivered; what failed shows in the first attempts. Rates are compared with what all
carriers together achieve at the same mix of work.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.learning.standardisation import Tally, expected_rate, stratum_rates
from app.models import (
    AttemptOutcome,
    DeliveryAttempt,
    Feedback,
    Order,
    Shipment,
    ShipmentState,
    Tender,
    TenderState,
)

# Below so many shipments chance decides more than the carrier: no rank.
LEAST_FOR_RANK = 200
ENDED = (ShipmentState.DELIVERED, ShipmentState.PARTIALLY_DELIVERED)
ANSWERED = (TenderState.ACCEPTED, TenderState.REJECTED, TenderState.EXPIRED)
# Work is alike that goes from one node to one area, weighs alike and has a window of like length.
AREA_CHARACTERS = 2
WEIGHT_BANDS_KG = (5.0, 30.0)
WINDOW_BANDS_HOURS = (2.0, 5.0, 12.0)
SEEING_ALL = STAFF | {PrincipalKind.SYSTEM}

Stratum = tuple[uuid.UUID, str | None, int, int]
# A carrier, and from when on its shipments are counted.
Asked = tuple[uuid.UUID, datetime]


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """Shares are 0 to 1 and None where nothing was counted; the cost is in minor units.

    `expected_on_time_share` is what all carriers achieve at this carrier's mix of work.
    """

    shipments: int = 0
    on_time_share: float | None = None
    expected_on_time_share: float | None = None
    attempted: int = 0
    first_attempt_share: float | None = None
    cost_per_shipment_minor: int | None = None
    tender_acceptance: float | None = None
    average_rating: float | None = None
    rank: int | None = None


@dataclass(frozen=True, kw_only=True)
class Work:
    """One carrier's deliveries, by kind of work."""

    tallies: Mapping[Stratum, Tally]
    cost_minor: float

    @property
    def count(self) -> int:
        """All of them."""
        return sum(tally.count for tally in self.tallies.values())

    @property
    def on_time_share(self) -> float:
        """Of those in time."""
        return sum(tally.successes for tally in self.tallies.values()) / self.count


def since(now: datetime, *, days: int) -> datetime:
    """From when on the last `days` days are counted; the same for all that ask within a minute."""
    return now.replace(second=0, microsecond=0) - timedelta(days=days)


async def of_carriers(session: AsyncSession, viewer: Principal, asked: Sequence[Asked]) -> dict[Asked, Scorecard]:
    """The scorecards that were asked for and that the viewer sees: staff all, a carrier its own."""
    seen = [key for key in asked if viewer.kind in SEEING_ALL or key[0] == viewer.carrier_id]
    found: dict[Asked, Scorecard] = {}
    for moment in {key[1] for key in seen}:
        cards = await scorecards(session, since=moment)
        found.update({key: cards.get(key[0], Scorecard()) for key in seen if key[1] == moment})
    return found


async def scorecards(
    session: AsyncSession, *, since: datetime, until: datetime | None = None
) -> dict[uuid.UUID, Scorecard]:
    """The scorecards of all carriers that did anything since then (and before `until`)."""
    work = await _work(session, since, until)
    attempts = await _first_attempts(session, since, until)
    acceptance = await _acceptance(session, since, until)
    ratings = await _ratings(session, since, until)
    rates = stratum_rates(_together(work.values()))
    expected = {
        key: expected_rate({kind: tally.count for kind, tally in done.tallies.items()}, rates)
        for key, done in work.items()
    }
    ranks = _ranks(work, expected)
    return {
        key: Scorecard(
            shipments=work[key].count if key in work else 0,
            on_time_share=work[key].on_time_share if key in work else None,
            expected_on_time_share=expected.get(key),
            attempted=attempts.get(key, (0, None))[0],
            first_attempt_share=attempts.get(key, (0, None))[1],
            cost_per_shipment_minor=round(work[key].cost_minor / work[key].count) if key in work else None,
            tender_acceptance=acceptance.get(key),
            average_rating=ratings.get(key),
            rank=ranks.get(key),
        )
        for key in {*work, *attempts, *acceptance, *ratings}
    }


def _ranks(work: Mapping[uuid.UUID, Work], expected: Mapping[uuid.UUID, float | None]) -> dict[uuid.UUID, int]:
    """Places by how far each carrier is ahead of what its work makes expected; none below so many shipments."""
    ahead = {
        key: done.on_time_share - (expected[key] or 0.0) for key, done in work.items() if done.count >= LEAST_FOR_RANK
    }
    ordered = sorted(ahead, key=lambda key: (-ahead[key], str(key)))
    return {key: place for place, key in enumerate(ordered, start=1)}


def _together(work: Any) -> dict[Stratum, Tally]:
    answer: dict[Stratum, Tally] = {}
    for done in work:
        for kind, tally in done.tallies.items():
            known = answer.get(kind, Tally(successes=0, count=0))
            answer[kind] = Tally(successes=known.successes + tally.successes, count=known.count + tally.count)
    return answer


def _within(column: Any, since: datetime, until: datetime | None) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = col(column) >= since
    return condition if until is None else condition & (col(column) < until)


def _band(value: Any, bounds: Sequence[float]) -> ColumnElement[int]:
    """Which of the bands between these bounds a value lies in, from 0."""
    return case(*((value <= bound, number) for number, bound in enumerate(bounds)), else_=len(bounds))


async def _work(session: AsyncSession, since: datetime, until: datetime | None) -> dict[uuid.UUID, Work]:
    hours = func.extract("epoch", col(Shipment.window_end) - col(Shipment.window_start)) / 3_600
    kind = (
        col(Shipment.node_id),
        func.left(col(Order.postal_code), AREA_CHARACTERS),
        _band(col(Shipment.weight_kg), WEIGHT_BANDS_KG),
        _band(hours, WINDOW_BANDS_HOURS),
    )
    in_time = func.count().filter(col(Shipment.delivered_at) <= col(Shipment.window_end))
    price = func.coalesce(col(Shipment.actual_minor), col(Shipment.estimated_minor))
    found = await session.execute(
        select(col(Shipment.carrier_id), *kind, func.count(), in_time, func.sum(price))
        .join(Order, col(Order.id) == col(Shipment.order_id))
        .where(col(Shipment.state).in_(ENDED), _within(Shipment.delivered_at, since, until))
        .group_by(col(Shipment.carrier_id), *kind)
    )
    tallies: dict[uuid.UUID, dict[Stratum, Tally]] = {}
    costs: dict[uuid.UUID, float] = {}
    for carrier_id, node_id, area, weight, window, count, successes, cost in found.all():
        mine = tallies.setdefault(carrier_id, {})
        mine[node_id, area, weight, window] = Tally(successes=successes, count=count)
        costs[carrier_id] = costs.get(carrier_id, 0.0) + float(cost)
    return {key: Work(tallies=mine, cost_minor=costs[key]) for key, mine in tallies.items()}


async def _first_attempts(
    session: AsyncSession, since: datetime, until: datetime | None
) -> dict[uuid.UUID, tuple[int, float | None]]:
    succeeded = case((col(DeliveryAttempt.outcome) == AttemptOutcome.FAILED, 0.0), else_=1.0)
    found = await session.execute(
        select(col(Shipment.carrier_id), func.count(), func.avg(succeeded))
        .join(Shipment, col(Shipment.id) == col(DeliveryAttempt.shipment_id))
        .where(col(DeliveryAttempt.number) == 1, _within(DeliveryAttempt.at, since, until))
        .group_by(col(Shipment.carrier_id))
    )
    return {row[0]: (row[1], float(row[2])) for row in found.all()}


async def _acceptance(session: AsyncSession, since: datetime, until: datetime | None) -> dict[uuid.UUID, float]:
    accepted = case((col(Tender.state) == TenderState.ACCEPTED, 1.0), else_=0.0)
    found = await session.execute(
        select(col(Tender.carrier_id), func.avg(accepted))
        .where(col(Tender.state).in_(ANSWERED), _within(Tender.offered_at, since, until))
        .group_by(col(Tender.carrier_id))
    )
    return {row[0]: float(row[1]) for row in found.all()}


async def _ratings(session: AsyncSession, since: datetime, until: datetime | None) -> dict[uuid.UUID, float]:
    found = await session.execute(
        select(col(Feedback.carrier_id), func.avg(col(Feedback.score)))
        .where(
            col(Feedback.carrier_id).is_not(None),
            col(Feedback.score).is_not(None),
            _within(Feedback.created_at, since, until),
        )
        .group_by(col(Feedback.carrier_id))
    )
    return {row[0]: float(row[1]) for row in found.all() if row[0] is not None}
