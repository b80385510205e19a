"""When vans are free: each driver's shift, less what the van is committed to; on rows and through a plan."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.models import Driver, JobKind, Route, RouteState, Stop
from app.orchestration.plans.availability import SHORTEST_GAP, crew, free_spans, vans_of
from app.orchestration.plans.fleets import sharing
from app.orchestration.plans.homecoming import TURNAROUND
from tests.factories.callers import a_carrier
from tests.factories.days import PLAN
from tests.factories.planning import NOON, TOMORROW, a_network, orders, own_fleet, run
from tests.factories.stock import a_node
from tests.orchestration.plans.test_problem import MONDAY, a_van, at

CARRIER = a_carrier("own")


def a_driver_of(reference: str, starts: int, ends: int) -> Driver:
    return Driver(
        reference=reference,
        name=reference,
        carrier_id=CARRIER.id,
        shift_start_minute=60 * starts,
        shift_end_minute=60 * ends,
    )


def test_a_van_is_free_before_between_and_after_its_routes() -> None:
    busy = [(at(10), at(12)), (at(14), at(15))]
    assert list(free_spans(at(8), at(18), busy)) == [(at(8), at(10)), (at(12), at(14)), (at(15), at(18))]


def test_a_route_of_another_day_takes_nothing_from_the_shift() -> None:
    day = timedelta(days=1)
    busy = [(at(10) - day, at(12) - day), (at(10) + day, at(12) + day)]
    assert list(free_spans(at(8), at(18), busy)) == [(at(8), at(18))]


def test_a_shift_that_is_taken_whole_has_no_time_left() -> None:
    assert list(free_spans(at(8), at(18), [(at(7), at(19))])) == [(at(18), at(18))]
    assert list(free_spans(at(19), at(18), [])) == [(at(18), at(18))]


@given(
    st.lists(st.tuples(st.integers(0, 1_440), st.integers(1, 400)), max_size=5),
    st.integers(0, 1_000),
    st.integers(1, 800),
)
def test_pauses_lie_in_the_shift_and_apart_from_every_route(
    routes: list[tuple[int, int]], starts: int, length: int
) -> None:
    def minute(value: int) -> datetime:
        return at(0) + timedelta(minutes=value)

    busy = [(minute(begins), minute(begins + lasts)) for begins, lasts in routes]
    first, last = minute(starts), minute(starts + length)
    found = list(free_spans(first, last, busy))
    assert found
    for begins, over in found:
        assert first <= begins <= over <= last
        assert begins == over or all(over <= other or ends <= begins for other, ends in busy)
    assert all(over - begins >= SHORTEST_GAP for begins, over in found[:-1])


def test_two_drivers_whose_shifts_do_not_overlap_each_have_the_van() -> None:
    vehicle = a_van().vehicle
    shared = crew(vehicle, [a_driver_of("D1", 6, 14), a_driver_of("D2", 14, 22)])
    vans = vans_of([shared], {}, node=a_node(), day=MONDAY, days=2, leave_after=at(0))
    assert [(van.driver.reference, van.free_from, van.free_until) for van in vans[:2]] == [
        ("D1", at(6), at(14)),
        ("D2", at(14), at(22)),
    ]
    assert [van.id for van in vans] == [f"{vehicle.id}@{name}" for name in ("0", "0.1", "1", "1.1")]


def test_of_drivers_whose_shifts_overlap_the_first_has_the_van_and_it_is_told() -> None:
    shared = crew(a_van().vehicle, [a_driver_of("D1", 6, 14), a_driver_of("D2", 13, 22)])
    assert [driver.reference for driver in shared.drivers] == ["D1"]
    assert sharing([shared]) == [
        "D2 (13:00 to 22:00) cannot have V1 while D1 (06:00 to 14:00) drives it."
        " Let their shifts not overlap, or give one of them another van."
    ]


async def test_a_route_published_for_a_later_day_leaves_its_van_to_earlier_ones(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], vans=1)
    later = NOON + timedelta(days=1)
    window: dict[str, Any] = {"promised_start": later, "promised_end": later + timedelta(hours=2)}
    asked: dict[str, Any] = {"requested_start": later, "requested_end": later + timedelta(hours=2)}
    await orders(database, 1, prefix="B", **window, **asked)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, {**PLAN, "date": (TOMORROW + timedelta(days=1)).isoformat()})
    await orders(database, 2)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert ([plan["date"] for plan in result["plans"]], result["unassigned"]) == ([TOMORROW.isoformat()], 0)


async def test_the_evening_driver_of_a_shared_van_brings_what_the_morning_one_cannot(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], vans=1)
    async with database.transaction() as session:
        morning = (await session.scalars(select(Driver))).one()
        morning.shift_start_minute, morning.shift_end_minute = 360, 780
        evening = a_driver_of("D-EVE", 13, 22)
        evening.carrier_id, evening.vehicle_id = morning.carrier_id, morning.vehicle_id
        session.add(evening)
    evening_window: dict[str, Any] = {
        "promised_start": NOON + timedelta(hours=6),
        "promised_end": NOON + timedelta(hours=8),
        "requested_start": NOON + timedelta(hours=6),
        "requested_end": NOON + timedelta(hours=8),
    }
    await orders(database, 1, prefix="E", **evening_window)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert (result["unassigned"], result["notes"]) == (0, [])
    async with database.reading() as session:
        route = (await session.scalars(select(Route))).one()
        assert (await session.get_one(Driver, route.driver_id)).reference == "D-EVE"


async def test_a_van_that_is_late_is_planned_from_when_it_is_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "_clock", clock.starting_at(NOON, speed=1.0))
    await a_network(database, carriers=[own_fleet()], vans=1)
    await orders(database, 1)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN)
    late = NOON + timedelta(hours=3)
    async with database.transaction() as session:
        await session.execute(update(Route).values(state=RouteState.IN_PROGRESS, started_at=NOON))
        await session.execute(update(Stop).values(eta_expected=late))
    await orders(database, 1, prefix="NEXT")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN)
    async with database.reading() as session:
        first, second = await session.scalars(select(Route).order_by(col(Route.reference)))
    assert first.planned_end < late
    assert second.planned_start > late + TURNAROUND
    assert second.vehicle_id == first.vehicle_id
