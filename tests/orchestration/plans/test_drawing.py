"""A plan's picture: a PNG of the routes and the day, with streets where there is an extract."""

import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.errors import Refusal
from app.core.geo import Point
from app.models import PauseKind
from app.orchestration.plans.base_map import streets
from app.orchestration.plans.day_panel import legend_of
from app.orchestration.plans.drawing import DOTS_AN_INCH, ROW_INCHES, draw
from app.orchestration.plans.drawn import DrawnPause, DrawnPlan, DrawnRoute, DrawnStop
from app.orchestration.plans.map_panel import HIGHEST, LOWEST, frame_of

EIGHT = datetime(2026, 5, 4, 8, tzinfo=UTC)
NODE = Point(latitude=38.72, longitude=-9.14)


def a_route(number: int, *, stops: int = 3) -> DrawnRoute:
    return DrawnRoute(
        name=f"R-{number}",
        start=NODE,
        leaves=EIGHT,
        returns=EIGHT + timedelta(hours=3),
        stops=[
            DrawnStop(
                place=Point(latitude=38.72 + 0.01 * number, longitude=-9.14 + 0.01 * at),
                starts=EIGHT + timedelta(minutes=30 * at),
                service_seconds=300,
                window_end=EIGHT + timedelta(minutes=45),
            )
            for at in range(1, stops + 1)
        ],
    )


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, as the file's first chunk says (PNG specification, section 11.2.2)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_picture_is_as_wide_as_the_page_and_higher_the_more_vans_there_are() -> None:
    few = size_of(draw(DrawnPlan(title="Two vans", routes=[a_route(1), a_route(2)], left_out=[NODE])))
    many = size_of(draw(DrawnPlan(title="Twenty vans", routes=[a_route(1), *[a_route(2)] * 19])))
    assert few[0] == many[0] == 1320
    assert many[1] - few[1] == pytest.approx(18 * ROW_INCHES * DOTS_AN_INCH, abs=2)


def test_the_map_fills_the_page_whatever_shape_the_routes_have() -> None:
    far = Point(latitude=38.72, longitude=-9.0)
    flat = frame_of(DrawnPlan(title="Flat", routes=[], left_out=[NODE, far]))
    tall = frame_of(DrawnPlan(title="Tall", routes=[], left_out=[NODE, Point(latitude=39.2, longitude=-9.14)]))
    assert flat.height == pytest.approx(LOWEST)
    assert tall.height == pytest.approx(HIGHEST)
    assert flat.x[0] < NODE.longitude < far.longitude < flat.x[1]


def test_a_van_that_reloads_is_drawn_back_at_its_node_between_its_trips() -> None:
    route = a_route(1, stops=5)
    reload = DrawnPause(kind=PauseKind.RELOAD, after=2, starts=EIGHT, ends=EIGHT)
    lunch = DrawnPause(kind=PauseKind.BREAK, after=4, starts=EIGHT, ends=EIGHT + timedelta(minutes=45))
    paused = replace(route, pauses=[reload, lunch])
    assert [list(trip) for trip in paused.trips] == [list(route.stops[:2]), list(route.stops[2:])]
    said = [handle.get_label() for handle in legend_of(DrawnPlan(title="Trips", routes=[paused]))]
    assert said[1:] == ["drives", "waits", "reloads", "break or rest", "after its window"]
    plain = draw(DrawnPlan(title="Trips", routes=[route]))
    assert draw(DrawnPlan(title="Trips", routes=[paused])) != plain


def test_a_route_that_ends_at_its_last_door_is_drawn_without_a_way_back() -> None:
    there_and_back = draw(DrawnPlan(title="One", routes=[a_route(1)]))
    assert draw(DrawnPlan(title="One", routes=[replace(a_route(1), comes_back=False)])) != there_and_back


def test_a_plan_without_routes_has_a_picture_too() -> None:
    assert size_of(draw(DrawnPlan(title="Nothing to drive", routes=[])))[0] == 1320


def test_streets_lie_under_the_routes() -> None:
    road = [(-9.15, 38.71), (-9.10, 38.75)]
    plain = draw(DrawnPlan(title="Streets", routes=[a_route(1)]))
    assert draw(DrawnPlan(title="Streets", routes=[a_route(1)], roads=[road])) != plain


def test_an_extract_is_read_as_lines_of_streets_that_cars_use(tmp_path: Path) -> None:
    osmium = pytest.importorskip("osmium")
    file = tmp_path / "town.osm.pbf"
    with osmium.SimpleWriter(str(file)) as writer:
        for number, place in enumerate([(-9.15, 38.71), (-9.14, 38.72), (-9.13, 38.73)], start=1):
            writer.add_node(osmium.osm.mutable.Node(id=number, location=place))
        writer.add_way(osmium.osm.mutable.Way(id=1, nodes=[1, 2], tags={"highway": "residential"}))
        writer.add_way(osmium.osm.mutable.Way(id=2, nodes=[2, 3], tags={"highway": "footway"}))
    assert streets(file) == [[(-9.15, 38.71), (-9.14, 38.72)]]


def test_an_extract_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"There is no road extract .*nowhere\.osm\.pbf") as refused:
        streets(tmp_path / "nowhere.osm.pbf")
    assert refused.value.code == "EXTRACT_MISSING"
