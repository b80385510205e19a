"""Creating and changing vehicles and drivers in bulk, by registration and by reference."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.errors import UserError
from app.models import Carrier, Driver, FulfilmentNode, Vehicle
from app.orchestration import bulk, row_checks
from app.orchestration.carriers import queries as carriers
from app.orchestration.nodes import queries as nodes
from app.orchestration.rows import RowResult

MOST_MINOR = 10**9
TWO_DAYS_MINUTES = 2_880


@dataclass(frozen=True, kw_only=True)
class VehicleRow:
    """A vehicle as it comes in. `carrier` and `node` are references; amounts are minor units."""

    registration: str
    carrier: str
    node: str
    max_weight_kg: float
    max_volume_l: float
    fixed_minor: int = 0
    per_km_minor: int = 0
    per_hour_minor: int = 0
    kind: str = "van"
    skills: list[str] = field(default_factory=list)
    is_active: bool = True


@dataclass(frozen=True, kw_only=True)
class DriverRow:
    """A driver as they come in. `carrier` is a reference, `vehicle` a registration."""

    reference: str
    name: str
    carrier: str
    vehicle: str | None = None
    phone: str | None = None
    skills: list[str] = field(default_factory=list)
    shift_start_minute: int
    shift_end_minute: int
    is_active: bool = True


async def upsert_vehicles(
    session: AsyncSession, *, rows: Sequence[VehicleRow], now: datetime
) -> list[RowResult[Vehicle]]:
    """Creates or changes vehicles; each bad row answers its own errors."""
    owners = await carriers.by_references(session, {row.carrier for row in rows})
    places = await nodes.by_references(session, {row.node for row in rows})

    def values(row: VehicleRow) -> dict[str, Any]:
        return _values(row, carrier_id=owners[row.carrier].id, node_id=places[row.node].id)

    return await bulk.upsert(
        session,
        Vehicle,
        rows,
        field="vehicles",
        key="registration",
        refusals=lambda row: _vehicle_refusals(row, owners, places),
        values=values,
        now=now,
    )


async def upsert_drivers(session: AsyncSession, *, rows: Sequence[DriverRow], now: datetime) -> list[RowResult[Driver]]:
    """Creates or changes drivers; each bad row answers its own errors."""
    owners = await carriers.by_references(session, {row.carrier for row in rows})
    found = await session.scalars(select(Vehicle).where(col(Vehicle.registration).in_({row.vehicle for row in rows})))
    vehicles = {vehicle.registration: vehicle for vehicle in found}

    def values(row: DriverRow) -> dict[str, Any]:
        vehicle_id = None if row.vehicle is None else vehicles[row.vehicle].id
        return _values(row, carrier_id=owners[row.carrier].id, vehicle_id=vehicle_id)

    return await bulk.upsert(
        session,
        Driver,
        rows,
        field="drivers",
        refusals=lambda row: _driver_refusals(row, owners, vehicles),
        values=values,
        now=now,
    )


def _values(row: VehicleRow | DriverRow, **keys: Any) -> dict[str, Any]:
    """The column values of a row, with keys in place of references."""
    values = {name: value for name, value in asdict(row).items() if name not in ("carrier", "node", "vehicle")}
    return {**values, **keys}


def _vehicle_refusals(
    row: VehicleRow, owners: Mapping[str, Carrier], places: Mapping[str, FulfilmentNode]
) -> list[UserError]:
    return row_checks.faults(
        row_checks.reference(row.registration, field="registration"),
        row_checks.known(row.carrier, owners, noun="carrier", field="carrier"),
        row_checks.known(row.node, places, noun="node", field="node"),
        row_checks.text(row.kind, field="kind", is_required=True),
        row_checks.within(row.max_weight_kg, lowest=0.001, highest=1_000_000, field="maxWeightKg"),
        row_checks.within(row.max_volume_l, lowest=0.001, highest=10_000_000, field="maxVolumeL"),
        row_checks.within(row.fixed_minor, lowest=0, highest=MOST_MINOR, field="fixedMinor"),
        row_checks.within(row.per_km_minor, lowest=0, highest=MOST_MINOR, field="perKmMinor"),
        row_checks.within(row.per_hour_minor, lowest=0, highest=MOST_MINOR, field="perHourMinor"),
    )


def _driver_refusals(row: DriverRow, owners: Mapping[str, Carrier], vehicles: Mapping[str, Vehicle]) -> list[UserError]:
    return row_checks.faults(
        row_checks.reference(row.reference, field="reference"),
        row_checks.text(row.name, field="name", is_required=True),
        row_checks.known(row.carrier, owners, noun="carrier", field="carrier"),
        row_checks.known(row.vehicle, vehicles, noun="vehicle", field="vehicle"),
        row_checks.within(row.shift_start_minute, lowest=0, highest=1_439, field="shiftStartMinute"),
        row_checks.within(
            row.shift_end_minute,
            lowest=row.shift_start_minute + 1,
            highest=TWO_DAYS_MINUTES,
            field="shiftEndMinute",
        ),
    )
