"""A plan as two pictures in one file: its routes on a map, and the planned day of each van. Plain data in, PNG out.

Leaves out where the data come from (pictures.py) and reading road extracts (base_map.py).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import cos, radians
from typing import Any

import matplotlib.dates
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from app.core.geo import Point

WIDTH_INCHES, MAP_INCHES, DOTS_AN_INCH = 12.0, 9.0, 110
ROW_INCHES, MOST_GANTT_INCHES = 0.22, 30.0
COLOURS = colormaps["tab20"]
ROAD_COLOUR, DRIVE_COLOUR, WINDOW_COLOUR = "#d5d5d5", "#9aa5b1", "#e74c3c"
MARGIN_SHARE = 0.05
MOST_NAMED_ROWS = 120
dates: Any = matplotlib.dates  # says nothing of its types

Line = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class DrawnStop:
    """A visit: where, when it starts and how long it takes, and until when it may start."""

    place: Point
    starts: datetime
    service_seconds: int
    window_end: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DrawnRoute:
    """A van's way from `start` over its stops, and back where it `comes_back`."""

    name: str
    start: Point
    leaves: datetime
    returns: datetime
    stops: Sequence[DrawnStop]
    comes_back: bool = True


@dataclass(frozen=True, kw_only=True)
class DrawnPlan:
    """What a picture shows. `roads`: lines of (longitude, latitude) under the routes. `left_out`: stops on no route."""

    title: str
    routes: Sequence[DrawnRoute]
    left_out: Sequence[Point] = ()
    roads: Sequence[Line] = ()
    zone: str = "UTC"


def draw(plan: DrawnPlan) -> bytes:
    """The PNG: the map above, the day below."""
    rows = max(3, len(plan.routes))
    gantt = min(MOST_GANTT_INCHES, 1.2 + ROW_INCHES * rows)
    figure = Figure(figsize=(WIDTH_INCHES, MAP_INCHES + gantt), dpi=DOTS_AN_INCH, layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[MAP_INCHES, gantt])
    figure.suptitle(plan.title)
    _map(above, plan)
    _gantt(below, plan)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()


def _map(axes: Axes, plan: DrawnPlan) -> None:
    places = [stop.place for route in plan.routes for stop in route.stops]
    places += [route.start for route in plan.routes] + list(plan.left_out)
    if plan.roads:
        axes.add_collection(LineCollection([list(road) for road in plan.roads], colors=ROAD_COLOUR, linewidths=0.6))
    for number, route in enumerate(plan.routes):
        doors = [stop.place for stop in route.stops]
        way = [route.start, *doors, *([route.start] if route.comes_back else [])]
        x, y = [place.longitude for place in way], [place.latitude for place in way]
        axes.plot(x, y, color=COLOURS(number % COLOURS.N), linewidth=1.1, alpha=0.85)
        served = slice(1, 1 + len(doors))
        axes.scatter(x[served], y[served], color=COLOURS(number % COLOURS.N), s=7, zorder=3)
    starts = {(route.start.longitude, route.start.latitude) for route in plan.routes}
    if starts:
        x, y = [x for x, _ in starts], [y for _, y in starts]
        axes.scatter(x, y, marker="s", color="black", s=45, zorder=4, label="node")
    if plan.left_out:
        x, y = [place.longitude for place in plan.left_out], [place.latitude for place in plan.left_out]
        axes.scatter(x, y, marker="x", color="red", s=28, zorder=4, label="on no route")
    _frame(axes, places)
    if starts or plan.left_out:
        axes.legend(loc="upper right")
    if plan.roads:
        axes.text(0.99, 0.01, "© OpenStreetMap contributors", transform=axes.transAxes, ha="right", fontsize=7)


def _frame(axes: Axes, places: Sequence[Point]) -> None:
    """The part of the world that the routes are in, as wide as it is on the ground."""
    axes.set_xlabel("longitude")
    axes.set_ylabel("latitude")
    if not places:
        return
    x, y = [place.longitude for place in places], [place.latitude for place in places]
    across, up = max(max(x) - min(x), 0.005) * MARGIN_SHARE, max(max(y) - min(y), 0.005) * MARGIN_SHARE
    axes.set_xlim(min(x) - across, max(x) + across)
    axes.set_ylim(min(y) - up, max(y) + up)
    axes.set_aspect(1 / max(0.1, cos(radians((min(y) + max(y)) / 2))), adjustable="box")


def _number(moment: datetime) -> float:
    """Days since 1970, as the axis counts."""
    return float(dates.date2num(moment))


def _gantt(axes: Axes, plan: DrawnPlan) -> None:
    """A row for each van: grey while it drives or waits, coloured while it serves; red where a window is missed."""
    for row, route in enumerate(plan.routes):
        leaves, returns = _number(route.leaves), _number(route.returns)
        axes.barh(row, returns - leaves, left=leaves, height=0.3, color=DRIVE_COLOUR)
        starts = [_number(stop.starts) for stop in route.stops]
        lasts = [stop.service_seconds / 86_400 for stop in route.stops]
        axes.barh([row] * len(starts), lasts, left=starts, height=0.7, color=COLOURS(row % COLOURS.N))
        late = [_number(stop.starts) for stop in route.stops if stop.window_end and stop.starts > stop.window_end]
        if late:
            axes.scatter(late, [row] * len(late), color=WINDOW_COLOUR, marker="|", zorder=3)
    axes.set_yticks(range(len(plan.routes)))
    names = [f"{route.name} ({len(route.stops)})" for route in plan.routes]
    axes.set_yticklabels(names if len(names) <= MOST_NAMED_ROWS else [""] * len(names), fontsize=6)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(dates.AutoDateLocator(tz=plan.zone))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M", tz=plan.zone))
    axes.set_xlabel(f"time of day, {plan.zone}")
    axes.grid(axis="x", linewidth=0.3)
