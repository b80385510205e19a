"""The limits of a carrier's days, which it sets itself. What is booked of them: orchestration/capacity."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Conflict, Refusal
from app.core.ids import new_id
from app.models import Carrier, CarrierCapacity
from app.orchestration.events import log, subjects
from app.orchestration.rows import check_row_count

# A day is over everywhere when it is over in UTC-12; whoever is still in it may change it.
LATEST_ZONE = timedelta(hours=12)


@dataclass(frozen=True, kw_only=True)
class DayLimit:
    """How many shipments a carrier takes on a day."""

    date: date
    limit: int


async def set_limits(
    session: AsyncSession, *, carrier: Carrier, limits: Sequence[DayLimit], actor: Principal, now: datetime
) -> list[CarrierCapacity]:
    """Sets the limits of days to come. Refuses all of them where one lies below what is already booked."""
    check_row_count(limits, field="capacities")
    _check_limits(limits, now=now)
    days = await _locked(session, carrier=carrier, days=[limit.date for limit in limits])
    for index, limit in enumerate(limits):
        row = days[limit.date]
        if limit.limit < row.booked:
            raise Conflict(
                "LIMIT_BELOW_BOOKED",
                f"{carrier.name} already has {row.booked} shipments booked on {limit.date}, so that {limit.limit}"
                f" is too few. Send {row.booked} or more.",
                field=f"capacities.{index}.limit",
            )
        row.daily_limit = limit.limit
    log.append(
        session,
        type="carrier.capacity_set",
        subject=subjects.of_carrier(carrier),
        actor=actor,
        now=now,
        summary=f"{carrier.name} set its capacity for {len(limits)} days.",
        data={"capacities": [{"date": str(limit.date), "limit": limit.limit} for limit in limits]},
    )
    return [days[limit.date] for limit in limits]


def _check_limits(limits: Sequence[DayLimit], *, now: datetime) -> None:
    seen: set[date] = set()
    for index, limit in enumerate(limits):
        if limit.limit < 0:
            raise Refusal(
                "LIMIT_NEGATIVE",
                f"A limit of {limit.limit} on {limit.date} cannot be. Send 0 or more.",
                field=f"capacities.{index}.limit",
            )
        if limit.date < (now - LATEST_ZONE).date():
            raise Refusal("DATE_IN_PAST", f"{limit.date} is over. Send days to come.", field=f"capacities.{index}.date")
        if limit.date in seen:
            raise Refusal(
                "DUPLICATE_DATE", f"{limit.date} comes twice. Send it once.", field=f"capacities.{index}.date"
            )
        seen.add(limit.date)


async def _locked(session: AsyncSession, *, carrier: Carrier, days: Sequence[date]) -> dict[date, CarrierCapacity]:
    """The capacity of these days, made from the carrier's daily limit where it is not there yet."""
    wanted = sorted(set(days))
    if not wanted:
        return {}
    await session.execute(
        insert(CarrierCapacity).on_conflict_do_nothing(index_elements=["carrier_id", "date", "service"]),
        [{"id": new_id(), "carrier_id": carrier.id, "date": day, "daily_limit": carrier.daily_limit} for day in wanted],
    )
    found = await session.scalars(
        select(CarrierCapacity)
        .where(
            col(CarrierCapacity.carrier_id) == carrier.id,
            col(CarrierCapacity.date).in_(wanted),
            col(CarrierCapacity.service) == "",
        )
        .order_by(col(CarrierCapacity.date))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {row.date: row for row in found}
