"""The way that is left of a route, as ETAs are projected along it: drives, visits, reloads and rests. Pure.

Drives are the planned ones where the van still comes from where the plan says. Others are estimated, at the pace that
the plan has for this route: its roads and its traffic are in that.
"""

from collections.abc import Sequence

from app.core.geo import Point
from app.models import FulfilmentNode, PauseKind, Route, Stop
from app.orchestration.etas.policies import Halt, Leg
from app.orchestration.routes import pauses
from app.orchestration.routes.pauses import Pause
from app.orchestration.travel import drive_seconds

# What a route's drives may say of its pace: those of a few doors side by side say little.
LEAST_SECONDS = 300
SLOWEST, FASTEST = 4.0, 0.25


def legs(route: Route, node: FulfilmentNode, stops: Sequence[Stop], ahead: Sequence[Stop]) -> list[Leg]:
    """One leg for each stop ahead, in order; `stops` are all of the route."""
    way = _Way(route, Point(latitude=node.latitude, longitude=node.longitude), stops)
    coming = pauses.before(pauses.ahead(pauses.of(route), stops), ahead)
    return [way.to(stop, leading) for stop, leading in zip(ahead, coming, strict=True)]


def pace(route: Route, home: Point, stops: Sequence[Stop]) -> float:
    """How many times as long as estimated the planned drives of a route take, all in all."""
    planned, estimated, here = 0, 0, home
    leading = pauses.before(pauses.of(route), stops)
    for stop, before in zip(stops, leading, strict=True):
        if any(pause.at_node for pause in before):
            here = home
        planned, estimated = planned + stop.drive_seconds, estimated + drive_seconds(here, _place(stop))
        here = _place(stop)
    if min(planned, estimated) < LEAST_SECONDS:
        return 1.0
    return min(SLOWEST, max(FASTEST, planned / estimated))


class _Way:
    """Where the van is on the way, and whether it comes from there by the plan."""

    def __init__(self, route: Route, home: Point, stops: Sequence[Stop]) -> None:
        behind = [stop for stop in stops if stop.arrived_at is not None]
        self._last = max(behind, key=lambda stop: stop.arrived_at or stop.planned_arrival) if behind else None
        self._here = _place(self._last) if self._last else home
        self._home = home
        self._pace = pace(route, home, stops)
        self._before = dict(zip((stop.id for stop in stops[1:]), stops, strict=False))

    def to(self, stop: Stop, leading: Sequence[Pause]) -> Leg:
        """The leg to the stop, with the pauses that lead up to it."""
        planned_before = self._before.get(stop.id)
        is_as_planned = planned_before is self._last
        number = planned_before.sequence if planned_before else 0
        halts = []
        for pause in leading:
            if not pause.on_arrival:
                halts.append(self._halt(pause, is_as_planned=is_as_planned))
                is_as_planned = is_as_planned or (pause.at_node and pause.after_stop == number)
        seconds = stop.drive_seconds if is_as_planned else self._estimated(_place(stop))
        self._here, self._last = _place(stop), stop
        return Leg(
            drive_seconds=seconds,
            service_seconds=stop.service_seconds,
            opens_at=stop.window_start,
            on_the_way=halts,
            on_arrival=[_halt(pause, drive_seconds=0) for pause in leading if pause.on_arrival],
        )

    def _halt(self, pause: Pause, *, is_as_planned: bool) -> Halt:
        seconds = pause.drive_seconds
        if pause.at_node:
            seconds = seconds if is_as_planned else self._estimated(self._home)
            self._here = self._home
        return _halt(pause, drive_seconds=seconds)

    def _estimated(self, there: Point) -> int:
        return round(drive_seconds(self._here, there) * self._pace)


def _halt(pause: Pause, *, drive_seconds: int) -> Halt:
    return Halt(
        seconds=pause.seconds,
        drive_seconds=drive_seconds,
        begins_at=pause.start if pause.waits else None,
        is_work=pause.kind is PauseKind.RELOAD,
    )


def _place(stop: Stop) -> Point:
    return Point(latitude=stop.latitude, longitude=stop.longitude)
