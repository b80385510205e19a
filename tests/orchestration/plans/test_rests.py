"""What can be known of a driver's rests from what the device recorded."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.geo import Point
from app.orchestration.plans.loaded import MARGIN, Standing
from app.orchestration.plans.rests import SLOWEST, Mark, Record, Rested, Standstill, rested, standstills
from app.orchestration.policies.documents import parse
from app.orchestration.travel import drive_seconds
from app.solvers.routing.problem import Break, DrivingRule, TimeWindow, Vehicle
from app.solvers.routing.schedule import Terms, timetable
from app.solvers.routing.solution import Route
from tests.orchestration.plans.test_problem import CARRIER, MONDAY, a_drop, a_van, at, posed

HERE, THERE = Point(latitude=38.72, longitude=-9.14), Point(latitude=38.73, longitude=-9.14)
DRIVE = timedelta(seconds=round(SLOWEST * drive_seconds(HERE, THERE)))
LUNCH = {"lunch": {"minutes": 30, "fromMinute": 690, "toMinute": 780}}  # from half past eleven to one
REST = {"restAfterMinutes": 240, "restMinutes": 45}


def clock(hour: int, minute: int = 0) -> datetime:
    return at(hour) + timedelta(minutes=minute)


def left(moment: datetime, place: Point = HERE) -> Record:
    return Record(mark=Mark.LEFT, at=moment, place=place)


def arrived(moment: datetime, *, opens_at: datetime | None = None, place: Point = THERE) -> Record:
    return Record(mark=Mark.ARRIVED, at=moment, place=place, opens_at=opens_at)


def ended(moment: datetime) -> Record:
    return Record(mark=Mark.ENDED, at=moment, place=THERE)


def told(
    *records: Record, planning: dict[str, Any] = LUNCH, moment: datetime | None = None, kind: str = "van"
) -> Rested:
    rules = parse({"planning": planning}).planning
    zone = ZoneInfo("Europe/Lisbon")
    return rested(records, rules, kind=kind, day=MONDAY, zone=zone, at=moment or records[-1].at)


@pytest.mark.parametrize(
    ("records", "had_lunch"),
    [
        pytest.param(
            [left(clock(11, 40)), arrived(clock(12, 10) + DRIVE)], True, id="half an hour longer than the drive"
        ),
        pytest.param([left(clock(11, 40)), arrived(clock(12, 9) + DRIVE)], False, id="not quite half an hour"),
        pytest.param([left(clock(11, 25)), arrived(clock(12, 0) + DRIVE)], True, id="from before the window into it"),
        pytest.param([left(clock(11, 0)), arrived(clock(12, 0))], False, id="it may have been before the window"),
        pytest.param([left(clock(13, 0)), arrived(clock(13, 31) + DRIVE)], False, id="it may have been after it"),
        pytest.param([arrived(clock(12), opens_at=clock(12, 30)), ended(clock(12, 40))], True, id="a wait"),
        pytest.param([arrived(clock(12), opens_at=clock(12, 20)), ended(clock(12, 40))], False, id="a long service"),
        pytest.param([ended(clock(12)), left(clock(12, 30), THERE)], True, id="after the handover"),
        pytest.param([left(clock(11, 40))], False, id="nobody knows what goes on"),
    ],
)
def test_lunch_was_taken_where_the_van_must_have_stood_so_long_in_its_window(
    records: list[Record], had_lunch: bool
) -> None:
    assert told(*records).had_lunch is had_lunch
    assert told(*records, planning={}).had_lunch is False


def test_slow_vehicles_and_slow_traffic_are_no_rests() -> None:
    records = [left(clock(11, 40)), arrived(clock(12, 10) + DRIVE)]
    slow = {**LUNCH, "vehicleKinds": {"bike": {"speedFactor": 0.5}}}
    assert [told(*records, planning=slow, kind=kind).had_lunch for kind in ("van", "bike")] == [True, False]
    jam = {**LUNCH, "traffic": [{"fromMinute": 0, "speedFactor": 0.5}]}
    assert told(*records, planning=jam).had_lunch is False
    planned = [records[0], replace(records[1], drive_seconds=900)]
    assert told(*planned).had_lunch is False


def test_work_counts_from_the_start_or_from_the_end_of_the_last_rest() -> None:
    morning = [left(clock(8)), arrived(clock(8) + DRIVE), ended(clock(8, 30)), left(clock(8, 40), THERE)]
    assert told(*morning, planning=REST).worked == timedelta(minutes=30)
    assert told(*morning, planning=REST, moment=clock(9)).worked == timedelta(minutes=50)
    rest = [arrived(clock(9, 25) + DRIVE, place=HERE), ended(clock(9, 50))]
    assert told(*morning, *rest, planning=REST).worked == clock(9, 50) - clock(9, 25)
    assert told(*morning, *rest, planning={**REST, "restMinutes": 50}).worked == timedelta(minutes=55)
    assert told(*morning[:0], planning=REST, moment=clock(9)) == Rested()


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Mark), st.integers(0, 90), st.integers(0, 60)), min_size=2, max_size=12))
def test_nobody_stands_longer_than_there_is_time(given_records: list[tuple[Mark, int, int]]) -> None:
    moment, records = clock(8), []
    for mark, minutes, opens in given_records:
        moment += timedelta(minutes=minutes)
        records.append(Record(mark=mark, at=moment, place=HERE, opens_at=moment + timedelta(minutes=opens)))
    found = list(standstills(records))
    assert all(timedelta() < each.length <= each.until - each.since for each in found)
    assert sum((each.length for each in found), timedelta()) <= records[-1].at - records[0].at
    worked = told(*records, planning=REST).worked
    assert timedelta() <= worked <= records[-1].at - records[0].at


def test_what_lies_outside_a_span_for_certain_is_the_most_that_may() -> None:
    stood = Standstill(since=clock(11), until=clock(13), length=timedelta(minutes=90))
    assert stood.certainly_within(clock(11), clock(13)) == timedelta(minutes=90)
    assert stood.certainly_within(clock(11, 30), clock(12, 45)) == timedelta(minutes=45)
    assert stood.certainly_within(clock(14), clock(15)) == timedelta()


def on_the_road(planning: dict[str, Any], *, hour: int = 12, minute: int = 0, **known: Any) -> tuple[Vehicle, Route]:
    """A van with two hours of stops before it, and how it goes on."""
    now = clock(hour, minute)
    drops = [a_drop() for _ in range(4)]
    for drop in drops:
        drop.order.service_seconds = 1_800
        drop.shipments[0].window_end = at(20)
    standing = Standing(place=HERE, at=now, back_by=now + timedelta(hours=2) + MARGIN, **known)
    van = replace(a_van(), route_id=CARRIER.id, standing=standing)
    loaded = [replace(drop, drafted=van.id, is_loaded=True) for drop in drops]
    problem = posed(planning, drops=loaded, vans=[van], now=now)
    terms, (vehicle,) = Terms(problem), problem.vehicles
    timed = timetable(terms, vehicle, terms.order([str(drop.order.id) for drop in drops]))
    assert timed is not None
    return vehicle, timed


def seconds(hour: int, minute: int = 0) -> int:
    return hour * 3_600 + minute * 60


def test_a_lunch_that_was_taken_is_not_due_again() -> None:
    vehicle, _ = on_the_road(LUNCH)
    assert [each.duration_seconds for each in vehicle.breaks] == [1_800]
    again, timed = on_the_road(LUNCH, had_lunch=True)
    assert (again.breaks, timed.breaks, timed.start_seconds) == ((), (), seconds(12))


def test_a_lunch_whose_window_is_nearly_over_is_taken_at_once() -> None:
    vehicle, timed = on_the_road(LUNCH, minute=50)
    assert (vehicle.breaks, vehicle.shift.start_seconds) == ((), seconds(13, 20))
    assert timed.start_seconds >= seconds(13, 20)
    assert on_the_road(LUNCH, minute=50, had_lunch=True)[0].shift.start_seconds == seconds(12, 50)
    assert on_the_road(LUNCH, hour=13, minute=1)[1].start_seconds == seconds(13, 1)


def test_a_rest_comes_before_the_work_since_the_last_one_is_too_much() -> None:
    vehicle, timed = on_the_road(REST, worked_seconds=180 * 60)
    due = TimeWindow(start_seconds=seconds(12), end_seconds=seconds(13))
    assert vehicle.breaks == (Break(windows=(due,), duration_seconds=2_700),)
    assert timed.start_seconds >= seconds(12, 45) or timed.breaks[0].start_seconds <= seconds(13)


@pytest.mark.parametrize("worked", [196, 240, 300])
def test_a_rest_that_presses_is_taken_at_once(worked: int) -> None:
    vehicle, timed = on_the_road(REST, worked_seconds=worked * 60)
    assert (vehicle.breaks, vehicle.shift.start_seconds, timed.breaks) == ((), seconds(12, 45), ())


def test_who_is_back_before_the_work_is_too_much_needs_no_rest_for_what_was_planned() -> None:
    vehicle, timed = on_the_road(REST, worked_seconds=60 * 60)
    assert vehicle.driving_rule == DrivingRule(max_work_seconds=180 * 60, break_seconds=2_700)
    assert (vehicle.breaks, timed.breaks, timed.start_seconds) == ((), (), seconds(12))
    assert on_the_road(REST)[0].driving_rule == DrivingRule(max_work_seconds=240 * 60, break_seconds=2_700)


def test_one_break_is_lunch_and_rest_where_it_is_long_enough() -> None:
    long_lunch = {"lunch": {"minutes": 45, "fromMinute": 690, "toMinute": 840}}
    vehicle, _ = on_the_road({**REST, **long_lunch}, worked_seconds=180 * 60)
    both = TimeWindow(start_seconds=seconds(12), end_seconds=seconds(13))
    assert vehicle.breaks == (Break(windows=(both,), duration_seconds=2_700),)
    vehicle, _ = on_the_road({**REST, **LUNCH}, worked_seconds=180 * 60)
    assert [each.duration_seconds for each in vehicle.breaks] == [1_800, 2_700]
    vehicle, _ = on_the_road({**REST, **LUNCH}, worked_seconds=230 * 60)
    assert (vehicle.breaks, vehicle.shift.start_seconds) == ((), seconds(12, 45))
