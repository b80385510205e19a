"""When a node's vans are free, and who drives them then: each driver's shift, less what the van is committed to.

A van is free before, between and after its published routes. Drivers whose shifts of one van do not overlap each have
it in their own.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import Driver, FulfilmentNode, Route, Vehicle
from app.orchestration.nodes.policies import at_minute
from app.orchestration.plans.homecoming import TURNAROUND
from app.orchestration.plans.loaded import Crew, Van
from app.orchestration.writing import one_of

# A shorter pause between two routes is no time for a third.
SHORTEST_GAP = timedelta(minutes=30)

Span = tuple[datetime, datetime]


async def crews(session: AsyncSession, node: FulfilmentNode, *, absent: Collection[str]) -> list[Crew]:
    """The node's vehicles that somebody drives, by registration. `absent` drivers, by reference, do not."""
    found = await session.execute(
        select(Vehicle, Driver)
        .join(
            Driver, and_(col(Driver.vehicle_id) == col(Vehicle.id), col(Driver.carrier_id) == col(Vehicle.carrier_id))
        )
        .where(
            col(Vehicle.node_id) == node.id,
            col(Vehicle.is_active),
            col(Driver.is_active),
            col(Driver.reference).not_in(absent),
        )
        .order_by(col(Vehicle.registration), col(Driver.reference))
    )
    by_vehicle: defaultdict[uuid.UUID, list[Driver]] = defaultdict(list)
    vehicles: dict[uuid.UUID, Vehicle] = {}
    for vehicle, driver in found.all():
        vehicles[vehicle.id] = vehicle
        by_vehicle[vehicle.id].append(driver)
    return [crew(vehicle, by_vehicle[id]) for id, vehicle in vehicles.items()]


def crew(vehicle: Vehicle, drivers: Sequence[Driver]) -> Crew:
    """Who drives the vehicle: of drivers whose shifts overlap, the first. Pure."""
    kept: list[Driver] = []
    left_out = []
    for driver in drivers:
        other = next((other for other in kept if _overlap(driver, other)), None)
        if other is None:
            kept.append(driver)
        else:
            left_out.append((driver, other))
    return Crew(vehicle=vehicle, drivers=kept, left_out=left_out)


def _overlap(one: Driver, other: Driver) -> bool:
    return one.shift_start_minute < other.shift_end_minute and other.shift_start_minute < one.shift_end_minute


async def commitments(
    session: AsyncSession, node: FulfilmentNode, home: Mapping[uuid.UUID, datetime]
) -> dict[uuid.UUID, list[Span]]:
    """Vehicle -> when its published routes need it, the way between two routes included, by start.

    `home`: route -> when the van can leave again.
    """
    mine = select(col(Vehicle.id)).where(col(Vehicle.node_id) == node.id)
    current = await session.scalars(
        select(Route)
        .where(one_of(Route.id, list(home)), col(Route.vehicle_id).in_(mine))
        .order_by(col(Route.planned_start))
    )
    found: defaultdict[uuid.UUID, list[Span]] = defaultdict(list)
    for route in current:
        starts = min(route.planned_start, route.started_at or route.planned_start)
        found[route.vehicle_id].append((starts - TURNAROUND, home[route.id]))
    return dict(found)


def vans_of(
    crews: Sequence[Crew],
    busy: Mapping[uuid.UUID, Sequence[Span]],
    *,
    node: FulfilmentNode,
    day: date,
    days: int,
    leave_after: datetime,
) -> list[Van]:
    """A van for each pause of each driver's shift of each day; one without time where a shift has none left. Pure."""
    zone = ZoneInfo(node.time_zone)
    vans = []
    for index in range(days):
        for each in crews:
            shifts = [(driver, *shift_of(driver, day + timedelta(days=index), zone)) for driver in each.drivers]
            pauses = [
                (driver, pause, pause[1] < ends)
                for driver, starts, ends in shifts
                for pause in free_spans(max(starts, leave_after), ends, busy.get(each.vehicle.id, ()))
            ]
            vans += [
                Van(
                    vehicle=each.vehicle,
                    driver=driver,
                    free_from=free_from,
                    free_until=free_until,
                    day_index=index,
                    is_followed=is_followed,
                    slot=slot,
                )
                for slot, (driver, (free_from, free_until), is_followed) in enumerate(pauses)
            ]
    return vans


def shift_of(driver: Driver, day: date, zone: ZoneInfo) -> Span:
    """The driver's shift of a local day."""
    return at_minute(day, driver.shift_start_minute, zone=zone), at_minute(day, driver.shift_end_minute, zone=zone)


def free_spans(starts: datetime, ends: datetime, busy: Sequence[Span]) -> Iterator[Span]:
    """What `busy` leaves of a shift; where that is nothing, the end of the shift. Pure.

    A pause between routes counts from half an hour; what is left at the end, however short it is.
    """
    free_from, count = starts, 0
    for begins, over in sorted(busy):
        if over <= free_from or begins >= ends:
            continue
        if begins - free_from >= SHORTEST_GAP:
            yield free_from, begins
            count += 1
        free_from = max(free_from, over)
    if free_from < ends or not count:
        yield min(free_from, ends), ends
