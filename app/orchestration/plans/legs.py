"""A timed route, walked: the drive that leads to each stop, and where it reloads and rests. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.core.geo import Point, great_circle_metres
from app.models import PauseKind
from app.orchestration.plans.loaded import GRAMS_PER_KG, MILLILITRES_PER_LITRE, Loaded
from app.orchestration.routes.pauses import Pause
from app.solvers.routing.problem import DAY_SECONDS, RoutingProblem
from app.solvers.routing.solution import PlannedBreak, PlannedReload, PlannedStop, Route

SECONDS_A_MINUTE = 60
NODE = 0


@dataclass(frozen=True, kw_only=True)
class Leg:
    """The drive to a stop, without the rests on the way."""

    stop: PlannedStop
    drive_seconds: int
    drive_metres: int


@dataclass(kw_only=True)
class Walk:
    """A route's legs in order, and its pauses, each by how many stops come before it."""

    legs: list[Leg] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)

    def numbered(self, numbers: Sequence[int], *, first: int = 0) -> list[Pause]:
        """The pauses by the numbers that the stops have; `first`: the number of the last stop before all these."""
        known = [first, *numbers]
        return [replace(pause, after_stop=known[pause.after_stop]) for pause in self.pauses]


def walk(found: Route, problem: RoutingProblem, loaded: Loaded, *, start: int = NODE) -> Walk:
    """The route, from the place `start` on."""
    walker = _Walker(found, problem, loaded, start)
    for number, one in enumerate(_activities(found)):
        walker.take(one, [rest for rest in found.breaks if rest.after_activities == number])
    done = len(found.stops) + len(found.reloads)
    for rest in found.breaks:
        if rest.after_activities == done:
            walker.rest(rest)
    return walker.done


class _Walker:
    """Where the van is, and since when it could drive on."""

    def __init__(self, found: Route, problem: RoutingProblem, loaded: Loaded, start: int) -> None:
        self.done = Walk()
        self._problem, self._loaded = problem, loaded
        self._place, self._left = start, found.start_seconds
        self._lunches: set[int] = set()

    def take(self, one: PlannedStop | PlannedReload, rests: Sequence[PlannedBreak]) -> None:
        """The drive there, the rests before and after it, and what is done there."""
        there = one.location if isinstance(one, PlannedReload) else self._loaded.place_of[one.visit_id]
        for rest in rests:
            if rest.is_before_leaving:
                self.rest(rest)
        seconds = one.arrival_seconds - self._left
        metres = leg_metres(self._problem, self._place, there)
        self._place, self._left = there, one.arrival_seconds
        on_arrival = [rest for rest in rests if not rest.is_before_leaving]
        if isinstance(one, PlannedStop):
            for rest in on_arrival:
                self.rest(rest, on_arrival=True)
            self.done.legs.append(Leg(stop=one, drive_seconds=seconds, drive_metres=metres))
            self._left = one.departure_seconds
            return
        for rest in on_arrival:
            self.rest(rest, drive=(seconds, metres))
            seconds, metres = 0, 0
        self._reload(one, seconds, metres)

    def rest(self, rest: PlannedBreak, *, on_arrival: bool = False, drive: tuple[int, int] = (0, 0)) -> None:
        """A break or a rest, where the van is."""
        midnight = self._loaded.midnight
        self.done.pauses.append(
            Pause(
                kind=self._kind(rest),
                after_stop=len(self.done.legs),
                start=midnight + timedelta(seconds=rest.start_seconds),
                end=midnight + timedelta(seconds=rest.end_seconds),
                drive_seconds=drive[0],
                drive_metres=drive[1],
                on_arrival=on_arrival,
                at_node=self._place == NODE and not on_arrival,
                waits=rest.start_seconds > self._left,
            )
        )
        self._left = rest.end_seconds

    def _reload(self, one: PlannedReload, seconds: int, metres: int) -> None:
        midnight = self._loaded.midnight
        self.done.pauses.append(
            Pause(
                kind=PauseKind.RELOAD,
                after_stop=len(self.done.legs),
                start=midnight + timedelta(seconds=one.start_seconds),
                end=midnight + timedelta(seconds=one.departure_seconds),
                drive_seconds=seconds,
                drive_metres=metres,
                at_node=True,
                waits=one.start_seconds > self._left,
                weight_kg=one.load[0] / GRAMS_PER_KG,
                volume_l=one.load[1] / MILLILITRES_PER_LITRE,
            )
        )
        self._left = one.departure_seconds

    def _kind(self, rest: PlannedBreak) -> PauseKind:
        """Lunch, once a day, where it begins and lasts as the policy says; all else rests from hours of work."""
        lunch, day = self._loaded.planning.lunch, rest.start_seconds // DAY_SECONDS
        if lunch is None or day in self._lunches:
            return PauseKind.REST
        minute = rest.start_seconds % DAY_SECONDS / SECONDS_A_MINUTE
        lasts = rest.end_seconds - rest.start_seconds == lunch.minutes * SECONDS_A_MINUTE
        if not lasts or not lunch.from_minute <= minute <= lunch.to_minute:
            return PauseKind.REST
        self._lunches.add(day)
        return PauseKind.BREAK


def _activities(found: Route) -> Iterator[PlannedStop | PlannedReload]:
    reloads = {reload.after_stops: reload for reload in found.reloads}
    for number, stop in enumerate(found.stops):
        if number in reloads:
            yield reloads[number]
        yield stop


def leg_metres(problem: RoutingProblem, start: int, end: int) -> int:
    """How long the drive between two places of the problem is."""
    if problem.matrix is not None:
        return int(problem.matrix.distances_metres[start, end])
    here, there = (problem.locations[place] for place in (start, end))
    straight = great_circle_metres(
        Point(latitude=here.latitude, longitude=here.longitude),
        Point(latitude=there.latitude, longitude=there.longitude),
    )
    return round(straight * problem.road.detour_factor)
