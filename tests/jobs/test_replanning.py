"""A published day that goes on otherwise than planned: worked out anew on a real database, with the real solver."""

from datetime import timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.core.errors import Conflict
from app.models import (
    Decision,
    DecisionKind,
    Driver,
    ExceptionCase,
    ExceptionState,
    JobKind,
    Order,
    Plan,
    PlanState,
    Route,
    RouteState,
    Shipment,
    ShipmentState,
    Stop,
    StopState,
    Vehicle,
)
from app.orchestration.plans.replanning import Replanned, adopt
from tests.client import DISPATCHER, Client
from tests.factories.days import PLAN, REPLAN, a_day, device, driver_of, events, routes, searched, set_room, stops
from tests.factories.planning import NOON, TOMORROW, a_network, orders, own_fleet, run
from tests.factories.tendering import rules


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day is under way: it is eleven o'clock."""
    monkeypatch.setattr(clock, "_clock", clock.starting_at(NOON - timedelta(hours=1), speed=1.0))


async def shipment_states(database: Database) -> set[ShipmentState]:
    async with database.reading() as session:
        return set(await session.scalars(select(col(Shipment.state))))


async def test_what_an_ill_driver_would_have_brought_goes_on_the_other_published_route(database: Database) -> None:
    await a_day(database, 6, vans=2)
    ill, well = await routes(database)
    kept = [stop.id for stop in await stops(database, well)]
    moving = [stop.id for stop in await stops(database, ill)]
    await set_room(database, 500)
    driver = await driver_of(database, ill)
    _, result = await run(database, JobKind.PLAN_ROUTES, {**REPLAN, "withoutDrivers": [driver.reference]})
    assert result["replanned"] == {"joined": 0, "moved": 3, "released": 0, "changed": 1, "cancelled": 1}
    assert (result["plans"], result["unassigned"], result["withoutDriver"]) == ([], 0, [ill.reference])
    ill, well = await routes(database)
    assert (ill.state, well.state, well.load_weight_kg) == (RouteState.CANCELLED, RouteState.PUBLISHED, 9.0)
    after = await stops(database, well)
    assert [stop.sequence for stop in after] == [1, 2, 3, 4, 5, 6]
    assert {stop.id for stop in after} == {*kept, *moving}
    assert [stop.planned_arrival for stop in after] == sorted(stop.planned_arrival for stop in after)
    assert await shipment_states(database) == {ShipmentState.PLANNED}
    (changed,) = await events(database, "route.changed")
    assert (changed.data["reason"], len(changed.data["joined"]), changed.data["version"]) == ("REPLANNED", 3, 2)
    (cancelled,) = await events(database, "route.cancelled")
    assert sorted(cancelled.data["left"]) == sorted(changed.data["joined"])
    moved = await events(database, "shipment.replanned")
    assert {(event.data["before"], event.data["route"]) for event in moved} == {(ill.reference, well.reference)}
    async with database.reading() as session:
        decisions = list(await session.scalars(select(Decision).where(col(Decision.kind) == DecisionKind.REROUTE)))
    assert [decision.detail for decision in decisions] == [{"before": ill.reference}] * 3


async def test_what_finds_no_published_route_is_planned_for_a_van_that_is_free(database: Database) -> None:
    await a_day(database, 6, vans=3)
    ill, well = await routes(database)
    kept = [(stop.id, stop.sequence) for stop in await stops(database, well)]
    driver = await driver_of(database, ill)
    _, result = await run(database, JobKind.PLAN_ROUTES, {**REPLAN, "withoutDrivers": [driver.reference]})
    assert result["replanned"] == {"joined": 0, "moved": 0, "released": 3, "changed": 0, "cancelled": 1}
    assert (len(result["plans"]), result["unassigned"]) == (1, 0)
    found = await routes(database)
    assert [route.state for route in found] == [RouteState.CANCELLED, RouteState.PUBLISHED, RouteState.PUBLISHED]
    assert [(stop.id, stop.sequence) for stop in await stops(database, found[1])] == kept
    assert (len(await stops(database, found[0])), len(await stops(database, found[2]))) == (0, 3)
    assert (await driver_of(database, found[2])).reference not in (driver.reference,)
    assert await shipment_states(database) == {ShipmentState.PLANNED}


async def test_a_van_that_has_left_keeps_its_beginning_and_its_goods_and_gets_no_others(
    client: Client, database: Database
) -> None:
    await a_day(database, 6, vans=3)
    ill, away = await routes(database)
    on_road = await device(client, database, away)
    await on_road.outcomes(on_road.start(), *on_road.visit(0, 5))
    begun = {stop.id: (stop.sequence, stop.state) for stop in await stops(database, away)}
    await set_room(database, 500)
    await orders(database, 1, prefix="LATE")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    driver = await driver_of(database, ill)
    _, result = await run(database, JobKind.PLAN_ROUTES, {**REPLAN, "withoutDrivers": [driver.reference]})
    assert (result["replanned"]["released"], result["unassigned"]) == (3, 0)
    _, away, spare = await routes(database)
    after = await stops(database, away)
    assert {stop.id for stop in after} == begun.keys()
    assert [(stop.sequence, stop.state) for stop in after[:2]] == [(1, StopState.DEPARTED), (2, StopState.EN_ROUTE)]
    assert [begun[stop.id] for stop in after[:2]] == [(1, StopState.DEPARTED), (2, StopState.EN_ROUTE)]
    assert (away.state, len(await stops(database, spare))) == (RouteState.IN_PROGRESS, 4)


async def test_the_rest_of_a_route_under_way_gets_a_better_order_and_its_driver_hears_of_it(
    client: Client, database: Database
) -> None:
    await a_day(database, 8, vans=1, room_kg=500)
    (route,) = await routes(database)
    on_road = await device(client, database, route)
    await on_road.outcomes(on_road.start(), *on_road.visit(0, 5))
    await shuffle(database, route)
    before, (route,) = await stops(database, route), await routes(database)
    _, result = await run(database, JobKind.PLAN_ROUTES, REPLAN)
    assert result["replanned"] == {"joined": 0, "moved": 0, "released": 0, "changed": 1, "cancelled": 0}
    after = await stops(database, route)
    assert [stop.id for stop in after[:2]] == [stop.id for stop in before[:2]]
    assert {stop.id for stop in after} == {stop.id for stop in before}
    assert [stop.sequence for stop in after] == list(range(1, 9))
    latitudes = [stop.latitude for stop in after[1:]]
    assert turns(latitudes) <= 1
    assert turns([stop.latitude for stop in before[1:]]) > 1
    (again,) = await routes(database)
    assert (again.version, again.planned_start) == (route.version + 1, route.planned_start)
    assert again.distance_metres < route.distance_metres
    _, second = await run(database, JobKind.PLAN_ROUTES, REPLAN)
    assert second["replanned"]["changed"] == 0


async def shuffle(database: Database, route: Route) -> None:
    """As the driver would not have it: the far stop first, then the near one, and so on. Windows are wide."""
    async with database.transaction() as session:
        waiting = await session.scalars(
            select(Stop)
            .where(col(Stop.route_id) == route.id, col(Stop.state) == StopState.PENDING)
            .order_by(col(Stop.sequence))
        )
        found = list(waiting)
        numbers = [stop.sequence for stop in found]
        mixed = [*found[::2], *found[1::2]]
        for stop, sequence in zip(mixed, numbers, strict=True):
            stop.sequence = sequence


def turns(values: list[float]) -> int:
    """How often a way turns back."""
    steps = [after - before for before, after in pairwise(values) if after != before]
    return sum((one > 0) != (other > 0) for one, other in pairwise(steps))


ALL_DAY = {"minutes": 30, "fromMinute": 0, "toMinute": 1_439}


async def test_a_lunch_that_a_driver_has_taken_and_the_work_since_count(client: Client, database: Database) -> None:
    await a_day(database, 4, vans=1, room_kg=500)
    await rules(database, planning={"lunch": ALL_DAY, "restAfterMinutes": 240, "restMinutes": 45})
    (route,) = await routes(database)
    on_road = await device(client, database, route)
    await on_road.outcomes(on_road.start(), *on_road.visit(0, 5))

    async def seen() -> tuple[bool, float, list[int]]:
        found, answer, _ = await searched(database)
        (van,), (vehicle,) = found.loaded.vans, answer.problem.vehicles
        assert van.standing is not None
        rest = (van.standing.at - on_road.minute(0)).total_seconds() - van.standing.worked_seconds
        return van.standing.had_lunch, round(rest / 60), [each.duration_seconds for each in vehicle.breaks]

    # The van has stood still for the minute between handover and departure.
    assert await seen() == (False, 1, [1_800])
    await on_road.outcomes(*on_road.visit(1, 56))
    had_lunch, until, breaks = await seen()
    assert (had_lunch, breaks) == (True, [])
    # Leaving at 7 and arriving at 56, less twice the drive, is a rest of 45 minutes: work counts from its end.
    assert until >= 7 + 45


async def test_who_stands_in_has_had_no_lunch_yet(client: Client, database: Database) -> None:
    await a_day(database, 4, vans=1, room_kg=500)
    await rules(database, planning={"lunch": ALL_DAY})
    (route,) = await routes(database)
    on_road = await device(client, database, route)
    await on_road.outcomes(on_road.start(), *on_road.visit(0, 5), *on_road.visit(1, 56))
    driver = await driver_of(database, route)
    async with database.transaction() as session:
        session.add(
            Driver(
                reference="D-NEW",
                name="Nuno",
                carrier_id=driver.carrier_id,
                vehicle_id=driver.vehicle_id,
                shift_start_minute=0,
                shift_end_minute=1_439,
            )
        )
        await session.execute(update(Driver).where(col(Driver.id) == driver.id).values(is_active=False))
    found, answer, _ = await searched(database)
    assert [stand_in.reference for stand_in in found.stand_ins.values()] == ["D-NEW"]
    assert [each.duration_seconds for each in answer.problem.vehicles[0].breaks] == [1_800]


async def test_a_colleague_of_the_same_van_takes_over_from_an_ill_driver_on_the_road(
    client: Client, database: Database
) -> None:
    await a_day(database, 3, vans=1)
    (route,) = await routes(database)
    ill = await driver_of(database, route)
    on_road = await device(client, database, route)
    await on_road.outcomes(on_road.start(), *on_road.visit(0, 5))
    async with database.transaction() as session:
        session.add(
            Driver(
                reference="D-STAND-IN",
                name="Sofia",
                carrier_id=ill.carrier_id,
                vehicle_id=route.vehicle_id,
                shift_start_minute=480,
                shift_end_minute=1_080,
            )
        )
    before = [(stop.id, stop.sequence, stop.state) for stop in await stops(database, route)]
    _, result = await run(database, JobKind.PLAN_ROUTES, {**REPLAN, "withoutDrivers": [ill.reference]})
    assert (result["replanned"]["changed"], result["withoutDriver"]) == (1, [])
    (route,) = await routes(database)
    assert (await driver_of(database, route)).reference == "D-STAND-IN"
    assert route.state is RouteState.IN_PROGRESS
    assert [(stop.id, stop.sequence, stop.state) for stop in await stops(database, route)] == before
    (event,) = await events(database, "route.changed")
    assert event.data["driver"] == "D-STAND-IN"


async def test_goods_that_are_loaded_wait_in_the_van_of_a_driver_who_is_out(client: Client, database: Database) -> None:
    await a_day(database, 3, vans=2)
    (route,) = await routes(database)
    loading = await device(client, database, route)
    async with database.reading() as session:
        loaded, *rest = list(await session.scalars(select(col(Shipment.reference)).order_by(col(Shipment.reference))))
    scan = {"eventId": "00000000-0000-4000-8000-000000000001", "at": clock.now().isoformat()}
    await loading.outcomes(scan | {"loadScanned": {"routeId": loading.route_id, "barcodes": [loaded]}})
    driver = await driver_of(database, route)
    _, result = await run(database, JobKind.PLAN_ROUTES, {**REPLAN, "withoutDrivers": [driver.reference]})
    assert (result["replanned"]["released"], result["unassigned"]) == (2, 0)
    first, second = await routes(database)
    assert (first.state, len(await stops(database, first)), len(await stops(database, second))) == (
        RouteState.PUBLISHED,
        1,
        2,
    )
    async with database.reading() as session:
        found = await session.execute(select(col(Shipment.reference), col(Shipment.state)))
        states = {row[0]: row[1] for row in found.all()}
        (case,) = await session.scalars(select(ExceptionCase))
    assert states == {loaded: ShipmentState.PICKED_UP, **dict.fromkeys(rest, ShipmentState.PLANNED)}
    assert (case.kind, case.subject_id, case.state) == ("ROUTE_WITHOUT_DRIVER", first.id, ExceptionState.OPEN)
    assert "Shipments in its van: 1." in (case.suggestion or {})["summary"]
    await run(database, JobKind.PLAN_ROUTES, REPLAN)
    async with database.reading() as session:
        assert (await session.get_one(ExceptionCase, case.id)).state is ExceptionState.RESOLVED


async def test_a_day_that_goes_as_planned_is_left_as_it_is(database: Database) -> None:
    await a_day(database, 6, vans=2)
    before = [(route.id, route.version) for route in await routes(database)]
    _, result = await run(database, JobKind.PLAN_ROUTES, REPLAN)
    assert set(result["replanned"].values()) == {0}
    assert [(route.id, route.version) for route in await routes(database)] == before


async def test_a_van_that_went_on_while_it_was_searched_keeps_its_order(client: Client, database: Database) -> None:
    await a_day(database, 8, vans=1, room_kg=500)
    (route,) = await routes(database)
    on_road = await device(client, database, route)
    await on_road.outcomes(on_road.start(), *on_road.visit(0, 5))
    await shuffle(database, route)
    found, answer, changes = await searched(database)
    assert list(changes.routes) == [str(route.id)]
    await on_road.outcomes(*on_road.visit(1, 15))
    before = [(stop.id, stop.sequence, stop.state) for stop in await stops(database, route)]
    done = await database.run(
        lambda session: adopt(session, found=found, problem=answer.problem, changes=changes, now=clock.now())
    )
    assert done == Replanned()
    assert [(stop.id, stop.sequence, stop.state) for stop in await stops(database, route)] == before
    assert await events(database, "route.changed") == []


async def test_a_van_that_left_while_it_was_searched_takes_the_search_back(client: Client, database: Database) -> None:
    await a_day(database, 4, vans=2, room_kg=3.0)
    first, second = await routes(database)
    await set_room(database, 500)
    async with database.transaction() as session:
        await session.execute(update(Driver).where(col(Driver.id) == first.driver_id).values(is_active=False))
    found, answer, changes = await searched(database)
    assert [len(drops) for drops in changes.moved.values()] == [2]
    leaving = await device(client, database, second)
    await leaving.outcomes(leaving.start())
    before = [(stop.id, stop.version) for route in (first, second) for stop in await stops(database, route)]
    with pytest.raises(Conflict, match="changed while they were worked out anew"):
        await database.run(
            lambda session: adopt(session, found=found, problem=answer.problem, changes=changes, now=clock.now())
        )
    assert [(stop.id, stop.version) for route in (first, second) for stop in await stops(database, route)] == before
    assert await events(database, "route.changed") == []


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"publish": False}, "REPLAN_INVALID", "replan"),
        ({"days": 2}, "REPLAN_INVALID", "replan"),
        ({"withoutDrivers": ["D-NOBODY"]}, "NOT_FOUND", "withoutDrivers"),
    ],
)
async def test_a_replan_that_cannot_be_is_refused(
    client: Client, database: Database, changes: dict[str, Any], code: str, field: str
) -> None:
    document = (
        "mutation M($input: PlanRoutesInput!) { planRoutes(input: $input) { userErrors { code field } job { id } } }"
    )
    given = {"date": TOMORROW.isoformat(), "publish": True, "replan": True, **changes}
    answer = (await client.run(document, {"input": given}, as_=DISPATCHER))["planRoutes"]
    assert answer == {"userErrors": [{"code": code, "field": field}], "job": None}
    async with database.reading() as session:
        assert list(await session.scalars(select(Order))) == []


async def plans(database: Database, state: PlanState, *, unassigned: int) -> list[Plan]:
    """The plans in this state that leave so many out."""
    async with database.reading() as session:
        found = await session.scalars(select(Plan).where(col(Plan.state) == state).order_by(col(Plan.id)))
        return [plan for plan in found if len(plan.unassigned) == unassigned]


async def test_where_a_shift_is_over_the_late_orders_say_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_network(database, carriers=[own_fleet()], vans=1)
    await orders(database, 1)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    monkeypatch.setattr(clock, "_clock", clock.starting_at(NOON + timedelta(hours=8), speed=1.0))
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert result["unassigned"] == 1
    (plan,) = await plans(database, PlanState.PUBLISHED, unassigned=1)
    assert plan.unassigned[0]["detail"] == (
        f"No driver's shift at LIS has time left on {TOMORROW}, beside the published routes."
        " Shifts: LIS-1 08:00 to 18:00."
    )


async def test_released_orders_say_what_keeps_them_off_the_published_vans(database: Database) -> None:
    await a_day(database, 6, vans=2)
    ill, well = await routes(database)
    end = well.planned_end.astimezone(ZoneInfo("Europe/Lisbon"))
    async with database.transaction() as session:
        await session.execute(update(Driver).values(shift_end_minute=60 * end.hour + end.minute + 10))
    driver = await driver_of(database, ill)
    _, result = await run(database, JobKind.PLAN_ROUTES, {**REPLAN, "withoutDrivers": [driver.reference]})
    assert (result["replanned"]["released"], result["unassigned"]) == (3, 3)
    (plan,) = await plans(database, PlanState.PUBLISHED, unassigned=3)
    async with database.reading() as session:
        vehicle = await session.get_one(Vehicle, well.vehicle_id)
    for reason in plan.unassigned:
        assert (reason["code"], reason["vehicle"]) == ("NO_VEHICLE_LEFT", vehicle.registration)
        assert reason["refusedBy"] == "CAPACITY"
        assert reason["ruledOut"] == [{"constraint": "CAPACITY", "share": 1.0}]
        assert reason["cheapestRelaxation"] is not None
