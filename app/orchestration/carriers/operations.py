"""Creating and changing carriers in bulk, by reference."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import UserError
from app.models import Carrier, CarrierKind, TenderMode
from app.orchestration import bulk, row_checks
from app.orchestration.row_checks import MINUTES_A_DAY
from app.orchestration.rows import RowResult

MOST_MINOR = 10**9


@dataclass(frozen=True, kw_only=True)
class CarrierRow:
    """A carrier as it comes in. The names are the table's; amounts are minor units."""

    reference: str
    name: str
    kind: CarrierKind = CarrierKind.THIRD_PARTY
    tender_mode: TenderMode = TenderMode.ASK
    services: list[str] = field(default_factory=lambda: ["STANDARD"])
    skills: list[str] = field(default_factory=list)
    zone_radius_metres: int
    base_minor: int = 0
    per_km_minor: int = 0
    per_kg_minor: int = 0
    max_weight_kg: float
    response_minutes: int = 30
    cutoff_minute: int = MINUTES_A_DAY
    daily_limit: int
    grams_co2_per_km: int = 0
    is_active: bool = True


async def upsert(session: AsyncSession, *, rows: Sequence[CarrierRow], now: datetime) -> list[RowResult[Carrier]]:
    """Creates or changes carriers; each bad row answers its own errors."""
    return await bulk.upsert(session, Carrier, rows, field="carriers", refusals=refusals, values=asdict, now=now)


def refusals(row: CarrierRow) -> list[UserError]:
    """Why this row cannot be taken over."""
    return row_checks.faults(
        row_checks.reference(row.reference, field="reference"),
        row_checks.text(row.name, field="name", is_required=True),
        row_checks.within(row.zone_radius_metres, lowest=1, highest=20_037_509, field="zoneRadiusMetres"),
        row_checks.within(row.base_minor, lowest=0, highest=MOST_MINOR, field="baseMinor"),
        row_checks.within(row.per_km_minor, lowest=0, highest=MOST_MINOR, field="perKmMinor"),
        row_checks.within(row.per_kg_minor, lowest=0, highest=MOST_MINOR, field="perKgMinor"),
        row_checks.within(row.max_weight_kg, lowest=0.001, highest=1_000_000, field="maxWeightKg"),
        row_checks.within(row.response_minutes, lowest=1, highest=7 * MINUTES_A_DAY, field="responseMinutes"),
        row_checks.within(row.cutoff_minute, lowest=0, highest=MINUTES_A_DAY, field="cutoffMinute"),
        row_checks.within(row.daily_limit, lowest=0, highest=10_000_000, field="dailyLimit"),
        row_checks.within(row.grams_co2_per_km, lowest=0, highest=100_000, field="gramsCo2PerKm"),
    )
