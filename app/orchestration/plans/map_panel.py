"""The upper half of a plan's picture: its routes on a map, with its scale, and what the marks mean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, radians

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from app.core.geo import Point
from app.orchestration.plans.drawn import INK, TROUBLE_COLOUR, DrawnPlan, DrawnRoute, colour

GROUND_COLOUR, ROAD_COLOUR = "#f6f5f2", "#bdc1c6"
MARGIN_SHARE, LEAST_DEGREES = 0.05, 0.01
METRES_A_DEGREE = 111_195.0
SCALES_METRES = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
SCALE_SHARE = 0.2
# How high a map is, of its width: that of its routes, within these.
LOWEST, HIGHEST = 0.5, 0.9
FONT = 9
MANY_STOPS = 400


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The part of the world that is shown, in degrees. `stretch`: a degree of latitude by one of longitude."""

    x: tuple[float, float]
    y: tuple[float, float]
    stretch: float

    @property
    def height(self) -> float:
        """Of its width, on the ground."""
        return (self.y[1] - self.y[0]) * self.stretch / (self.x[1] - self.x[0])


def frame_of(plan: DrawnPlan) -> Frame:
    """All places with a margin, made wider or higher where the map would be too flat or too tall for the page."""
    places = [*_places(plan)] or [Point(latitude=0.0, longitude=0.0)]
    west, east = min(place.longitude for place in places), max(place.longitude for place in places)
    south, north = min(place.latitude for place in places), max(place.latitude for place in places)
    stretch = 1 / max(0.1, cos(radians((south + north) / 2)))
    across = max(east - west, LEAST_DEGREES) * (1 + 2 * MARGIN_SHARE)
    up = max(north - south, LEAST_DEGREES) * (1 + 2 * MARGIN_SHARE)
    across = max(across, up * stretch / HIGHEST)
    up = max(up, across * LOWEST / stretch)
    middle = ((west + east) / 2, (south + north) / 2)
    return Frame(
        x=(middle[0] - across / 2, middle[0] + across / 2),
        y=(middle[1] - up / 2, middle[1] + up / 2),
        stretch=stretch,
    )


def draw_map(axes: Axes, plan: DrawnPlan, frame: Frame) -> None:
    """Streets, routes with their stops, nodes, and what is on no route. The axes have the frame's shape."""
    axes.set_facecolor(GROUND_COLOUR)
    if plan.roads:
        lines = [list(road) for road in plan.roads]
        axes.add_collection(LineCollection(lines, colors=ROAD_COLOUR, linewidths=0.8, zorder=1))
    is_dense = sum(len(route.stops) for route in plan.routes) > MANY_STOPS
    for number, route in enumerate(plan.routes):
        _route(axes, route, colour(number), is_dense=is_dense)
    _marks(axes, plan)
    axes.set_xlim(*frame.x)
    axes.set_ylim(*frame.y)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#c8ccd1")
    _scale(axes, frame)
    said = "Straight lines from stop to stop; vans drive on roads."
    said += " Streets © OpenStreetMap contributors." if plan.roads else ""
    axes.text(0.99, 0.012, said, transform=axes.transAxes, ha="right", fontsize=FONT - 1, color=INK, bbox=_box())


def _places(plan: DrawnPlan) -> Iterator[Point]:
    for route in plan.routes:
        yield route.start
        yield from (stop.place for stop in route.stops)
    yield from plan.left_out


def _route(axes: Axes, route: DrawnRoute, shade: str, *, is_dense: bool) -> None:
    """Each trip as a line with its stops; thinner on the way out and back, where many vans lie side by side."""
    trips = route.trips
    for number, trip in enumerate(trips, start=1):
        x, y = _xy([stop.place for stop in trip])
        axes.plot(x, y, color=shade, linewidth=1.2 if is_dense else 1.8, zorder=3, solid_joinstyle="round")
        goes_back = route.comes_back or number < len(trips)
        for end in (trip[0], trip[-1]) if goes_back else (trip[0],):
            out_x, out_y = _xy([route.start, end.place])
            axes.plot(out_x, out_y, color=shade, linewidth=0.8, alpha=0.7, linestyle=(0, (4, 2)), zorder=2)
        size = 8 if is_dense else 22
        axes.scatter(x, y, color=shade, s=size, zorder=4, edgecolors="white", linewidths=0.3 if is_dense else 0.6)


def marks_of(plan: DrawnPlan) -> list[Line2D]:
    """What the map's marks mean."""
    marks = [
        Line2D([], [], color="black", marker="s", linestyle="", markersize=8, label="node"),
        Line2D([], [], color=INK, marker="o", linewidth=1.8, markersize=4, label="the stops of a trip, in order"),
        Line2D([], [], color=INK, linewidth=0.9, linestyle=(0, (4, 2)), label="from the node, and back"),
    ]
    if plan.left_out:
        marks.append(Line2D([], [], color=TROUBLE_COLOUR, marker="x", linestyle="", markersize=7, label="on no route"))
    return marks


def _marks(axes: Axes, plan: DrawnPlan) -> None:
    starts = list({(route.start.longitude, route.start.latitude) for route in plan.routes})
    x, y = [x for x, _ in starts], [y for _, y in starts]
    axes.scatter(x, y, marker="s", color="black", s=95, zorder=6, edgecolors="white", linewidths=1.2)
    x, y = _xy(plan.left_out)
    axes.scatter(x, y, marker="x", color=TROUBLE_COLOUR, s=46, zorder=6, linewidths=2)


def _scale(axes: Axes, frame: Frame) -> None:
    """A bar in the lower left corner, as long as it says."""
    across = (frame.x[1] - frame.x[0]) * METRES_A_DEGREE / frame.stretch
    metres = max((each for each in SCALES_METRES if each <= across * SCALE_SHARE), default=SCALES_METRES[0])
    share = metres / across
    named = f"{metres // 1_000} km" if metres >= 1_000 else f"{metres} m"
    axes.plot([0.015, 0.015 + share], [0.02, 0.02], transform=axes.transAxes, color=INK, linewidth=3, zorder=7)
    axes.text(0.015, 0.03, named, transform=axes.transAxes, fontsize=FONT, color=INK, zorder=7, bbox=_box())


def _box() -> dict[str, object]:
    return {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5}


def _xy(places: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [place.longitude for place in places], [place.latitude for place in places]
