"""The lower half of a plan's picture: a row for each van, with what it does when, and a legend for it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import matplotlib.dates
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from app.models import PauseKind
from app.orchestration.plans.drawn import INK, TROUBLE_COLOUR, DrawnPlan, DrawnRoute, colour

WAIT_COLOUR, DRIVE_COLOUR, RELOAD_COLOUR, REST_COLOUR = "#e1e4e8", "#8b949e", "#30363d", "#ffffff"
SECONDS_A_DAY = 86_400
FONT = 9
MOST_NAMED_ROWS = 120
dates: Any = matplotlib.dates  # says nothing of its types

Span = tuple[float, float]


def draw_day(axes: Axes, plan: DrawnPlan) -> None:
    """The rows, by route; times are the node's."""
    for row, route in enumerate(plan.routes):
        _row(axes, row, route)
    axes.set_yticks(range(len(plan.routes)))
    names = [f"{route.name} ({len(route.stops)})" for route in plan.routes]
    axes.set_yticklabels(names if len(names) <= MOST_NAMED_ROWS else [""] * len(names), fontsize=FONT)
    for label, number in zip(axes.get_yticklabels(), range(len(names)), strict=True):
        label.set_color(colour(number))
    axes.set_ylim(len(plan.routes) - 0.4, -0.6)
    locator = dates.AutoDateLocator(tz=plan.zone, minticks=4)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M", tz=plan.zone))
    axes.tick_params(axis="x", labelsize=FONT)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"time of day, {plan.zone}", fontsize=FONT)
    axes.grid(axis="x", linewidth=0.4, color="#d0d4d9")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def legend_of(plan: DrawnPlan) -> list[Line2D | Patch]:
    """What the bars mean; what no van does is not named."""
    kinds = {pause.kind for route in plan.routes for pause in route.pauses}
    handles: list[Line2D | Patch] = [
        Patch(facecolor=colour(0), label="at a stop (each van in its colour)"),
        Patch(facecolor=DRIVE_COLOUR, label="drives"),
        Patch(facecolor=WAIT_COLOUR, label="waits"),
    ]
    if PauseKind.RELOAD in kinds:
        handles.append(Patch(facecolor=RELOAD_COLOUR, label="reloads"))
    if kinds - {PauseKind.RELOAD}:
        handles.append(Patch(facecolor=REST_COLOUR, edgecolor=INK, hatch="////", label="break or rest"))
    if any(stop.is_late for route in plan.routes for stop in route.stops):
        handles.append(
            Line2D([], [], color=TROUBLE_COLOUR, marker="v", linestyle="", markersize=6, label="after its window")
        )
    return handles


def _row(axes: Axes, row: int, route: DrawnRoute) -> None:
    leaves, returns = _number(route.leaves), _number(route.returns)
    axes.barh(row, returns - leaves, left=leaves, height=0.28, color=WAIT_COLOUR, zorder=2)
    _bars(axes, row, list(_drives(route)), height=0.28, color=DRIVE_COLOUR, zorder=3)
    visits = [(_number(stop.starts), stop.service_seconds / SECONDS_A_DAY) for stop in route.stops]
    _bars(axes, row, visits, height=0.66, color=colour(row), zorder=4)
    for pause in route.pauses:
        span = (_number(pause.starts), _number(pause.ends) - _number(pause.starts))
        if pause.kind is PauseKind.RELOAD:
            _bars(axes, row, [span], height=0.66, color=RELOAD_COLOUR, zorder=5)
        else:
            axes.barh(row, span[1], left=span[0], height=0.66, color=REST_COLOUR, edgecolor=INK, hatch="////", zorder=5)
    late = [_number(stop.starts) for stop in route.stops if stop.is_late]
    axes.scatter(late, [row - 0.42] * len(late), color=TROUBLE_COLOUR, marker="v", s=22, zorder=6, linewidths=0)


def _drives(route: DrawnRoute) -> Iterator[Span]:
    """When the van drives: from wherever it was last, for as long as the drive takes, then it waits."""
    left = route.leaves
    things = [
        *((pause.starts, pause.drive_seconds, pause.ends) for pause in route.pauses),
        *((stop.starts, stop.drive_seconds, _after(stop.starts, stop.service_seconds)) for stop in route.stops),
    ]
    for starts, seconds, ends in sorted(things):
        lasts = min(seconds / SECONDS_A_DAY, _number(starts) - _number(left))
        yield _number(left), lasts
        left = ends
    yield _number(left), _number(route.returns) - _number(left)


def _after(moment: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() + seconds, moment.tzinfo)


def _bars(axes: Axes, row: int, spans: list[Span], *, height: float, color: str, zorder: int) -> None:
    axes.barh(
        [row] * len(spans),
        [lasts for _, lasts in spans],
        left=[starts for starts, _ in spans],
        height=height,
        color=color,
        zorder=zorder,
    )


def _number(moment: datetime) -> float:
    """Days since 1970, as the axis counts."""
    return float(dates.date2num(moment))
