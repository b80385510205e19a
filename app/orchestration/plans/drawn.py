"""What a plan's picture shows: plain data, and the colour of each route."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from app.core.geo import Point
from app.models import PauseKind

# Dark enough for a thin line on white, each far from the ones beside it; red is for what is late or left out.
COLOURS = (
    "#1f5fb4",
    "#e07b00",
    "#1b8a3a",
    "#8e2fb0",
    "#8a5a2b",
    "#0a8f9c",
    "#c2187e",
    "#6b7a00",
    "#2b2f8f",
    "#a8470f",
    "#00664f",
    "#7a5fd0",
    "#4f4f4f",
    "#b08a00",
    "#0077c8",
    "#5c1a3b",
)
TROUBLE_COLOUR, INK = "#d6202a", "#30363d"

Line = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class DrawnStop:
    """A visit: where, when it starts, how long it and the drive to it take, and until when it may start."""

    place: Point
    starts: datetime
    service_seconds: int
    drive_seconds: int = 0
    window_end: datetime | None = None

    @property
    def is_late(self) -> bool:
        """Whether it starts after its window."""
        return self.window_end is not None and self.starts > self.window_end


@dataclass(frozen=True, kw_only=True)
class DrawnPause:
    """A reload, at the start, or a rest, after so many stops; and how long the drive to it takes."""

    kind: PauseKind
    after: int
    starts: datetime
    ends: datetime
    drive_seconds: int = 0


@dataclass(frozen=True, kw_only=True)
class DrawnRoute:
    """A van's way from `start` over its stops, and back whenever it reloads, and in the end where it `comes_back`."""

    name: str
    start: Point
    leaves: datetime
    returns: datetime
    stops: Sequence[DrawnStop]
    pauses: Sequence[DrawnPause] = ()
    comes_back: bool = True

    @property
    def trips(self) -> list[list[DrawnStop]]:
        """The stops between one loading and the next."""
        cuts = sorted({pause.after for pause in self.pauses if pause.kind is PauseKind.RELOAD})
        bounds = [0, *cuts, len(self.stops)]
        return [list(self.stops[first:last]) for first, last in pairwise(bounds) if first < last]


@dataclass(frozen=True, kw_only=True)
class DrawnPlan:
    """What a picture shows. `roads`: lines of (longitude, latitude) under the routes. `left_out`: stops on no route."""

    title: str
    routes: Sequence[DrawnRoute]
    figures: str = ""
    left_out: Sequence[Point] = ()
    roads: Sequence[Line] = ()
    zone: str = "UTC"


def colour(number: int) -> str:
    """Of the route with this number; the same on the map and in the day."""
    return COLOURS[number % len(COLOURS)]
