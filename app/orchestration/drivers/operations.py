"""Where a driver is, as the device reports it now and then, or late and in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Refusal
from app.core.geo import Point
from app.core.ids import new_id
from app.models import DriverPosition

MOST_POSITIONS = 500
# How far ahead a device's clock may be, and how old a position may be to be of use.
AHEAD, OLDEST = timedelta(minutes=2), timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a device was."""

    at: datetime
    point: Point
    accuracy_metres: float | None = None
    speed_mps: float | None = None
    heading_degrees: float | None = None


async def report_positions(
    session: AsyncSession, *, positions: Sequence[Position], actor: Principal, now: datetime
) -> int:
    """Keeps positions; answers how many were new. One that is sent twice changes nothing."""
    if not 1 <= len(positions) <= MOST_POSITIONS:
        raise Refusal(
            "TOO_MANY" if positions else "POSITIONS_MISSING",
            f"Send 1 to {MOST_POSITIONS} positions at a time, not {len(positions)}.",
            field="positions",
        )
    for index, position in enumerate(positions):
        _check(position, now=now, field=f"positions.{index}")
    accepted = await session.scalars(
        insert(DriverPosition)
        .values([_values(position, actor=actor) for position in {each.at: each for each in positions}.values()])
        .on_conflict_do_nothing(index_elements=["driver_id", "at"])
        .returning(col(DriverPosition.id))
    )
    return len(accepted.all())


def _values(position: Position, *, actor: Principal) -> dict[str, object]:
    return {
        "id": new_id(),
        "driver_id": actor.driver_id,
        "at": position.at,
        "latitude": position.point.latitude,
        "longitude": position.point.longitude,
        "accuracy_metres": position.accuracy_metres,
        "speed_mps": position.speed_mps,
        "heading_degrees": position.heading_degrees,
    }


def _check(position: Position, *, now: datetime, field: str) -> None:
    if not position.point.is_valid:
        raise Refusal(
            "LOCATION_INVALID",
            f"{position.point.latitude}, {position.point.longitude} is not on the globe. Send WGS 84 degrees.",
            field=field,
        )
    if not now - OLDEST <= position.at <= now + AHEAD:
        raise Refusal(
            "TIME_OUT_OF_RANGE",
            f"A position of {position.at.isoformat()} cannot be taken. Send those of the last {OLDEST.days} days.",
            field=f"{field}.at",
        )
    ranges = {
        "accuracyMetres": (position.accuracy_metres, 100_000.0),
        "speedMps": (position.speed_mps, 150.0),
        "headingDegrees": (position.heading_degrees, 360.0),
    }
    for name, (value, highest) in ranges.items():
        if value is not None and not (isfinite(value) and 0 <= value <= highest):
            raise Refusal("OUT_OF_RANGE", f"{name} is {value}. Send 0 to {highest:g}.", field=f"{field}.{name}")
