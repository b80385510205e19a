"""Creating and changing nodes in bulk, by reference."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import UserError
from app.core.geo import Point
from app.models import FulfilmentNode, NodeKind
from app.orchestration import bulk, row_checks
from app.orchestration.row_checks import MINUTES_A_DAY
from app.orchestration.rows import RowResult


@dataclass(frozen=True, kw_only=True)
class NodeRow:
    """A node as it comes in. The names are the table's."""

    reference: str
    name: str
    kind: NodeKind = NodeKind.WAREHOUSE
    line1: str
    city: str
    postal_code: str | None = None
    country: str
    latitude: float
    longitude: float
    time_zone: str
    opens_minute: int = 0
    closes_minute: int = MINUTES_A_DAY
    cutoff_minute: int = MINUTES_A_DAY
    throughput_per_hour: int = 100
    handling_minor: int = 0
    is_active: bool = True


async def upsert(session: AsyncSession, *, rows: Sequence[NodeRow], now: datetime) -> list[RowResult[FulfilmentNode]]:
    """Creates or changes nodes; each bad row answers its own errors."""
    return await bulk.upsert(session, FulfilmentNode, rows, field="nodes", refusals=refusals, values=asdict, now=now)


def refusals(row: NodeRow) -> list[UserError]:
    """Why this row cannot be taken over."""
    return row_checks.faults(
        row_checks.reference(row.reference, field="reference"),
        row_checks.text(row.name, field="name", is_required=True),
        row_checks.text(row.city, field="city", is_required=True),
        row_checks.country(row.country, field="country"),
        row_checks.location(Point(latitude=row.latitude, longitude=row.longitude), field="location"),
        row_checks.time_zone(row.time_zone, field="timeZone"),
        row_checks.within(row.opens_minute, lowest=0, highest=MINUTES_A_DAY - 1, field="opensMinute"),
        row_checks.within(row.closes_minute, lowest=row.opens_minute + 1, highest=MINUTES_A_DAY, field="closesMinute"),
        row_checks.within(row.cutoff_minute, lowest=0, highest=MINUTES_A_DAY, field="cutoffMinute"),
        row_checks.within(row.throughput_per_hour, lowest=1, highest=1_000_000, field="throughputPerHour"),
        row_checks.within(row.handling_minor, lowest=0, highest=10**9, field="handlingMinor"),
    )
