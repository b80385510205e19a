"""Travel for plans: road distances and times where there is a road server, kept by cell; else the great circle.

Places within about ten metres are one cell, whose roads are asked for once. A problem too large for a whole table keeps
the great circle, with a detour and a speed that a sample of its roads calibrates.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import structlog
from numpy.typing import NDArray

from app.connectors.roads import local_server
from app.connectors.roads.local_server import LocalServer
from app.connectors.roads.osrm import Osrm, RoadsUnavailable
from app.core.geo import Point, great_circle_metres
from app.core.settings import Settings
from app.orchestration.travel import Cell, cell_of
from app.solvers.routing.problem import Location, RoadEstimate, RoutingProblem, TravelMatrix

Floats = NDArray[np.float64]
MOST_PLACES = 2_500
MOST_CELLS = 5_000
SAMPLED_PLACES = 60
SAMPLE_SEED = 1
log = structlog.get_logger(__name__)

Table = Callable[[Sequence[Point], Sequence[Point]], Awaitable[tuple[Floats, Floats]]]


@dataclass
class Known:
    """Metres and seconds between the cells that were asked for; not a number where nobody has asked yet."""

    cells: dict[Cell, int]
    metres: Floats
    seconds: Floats


class RoadTravel:
    """Puts road distances and times into problems. Never fails: without a server the problem stays as it was."""

    def __init__(self, table: Table, *, most_places: int = MOST_PLACES) -> None:
        self._table = table
        self._most_places = most_places
        self._known = _nothing_known()

    async def applied(self, problem: RoutingProblem) -> RoutingProblem:
        """The problem with a road matrix, or with a calibrated estimate where it is too large for one."""
        try:
            if len(problem.locations) > self._most_places:
                road = await self._calibrated(problem)
                return replace(problem, road=road, roads=_roads_of_kinds(problem, road))
            matrix = await self._matrix(problem)
            return replace(problem, matrix=matrix, matrices=_matrices_of_kinds(problem, matrix))
        except RoadsUnavailable as failure:
            log.warning("travel.without_roads", reason=str(failure), places=len(problem.locations))
            return problem

    async def _matrix(self, problem: RoutingProblem) -> TravelMatrix:
        cells = [_cell(place) for place in problem.locations]
        await self._learn(list(dict.fromkeys(cells)))
        rows = np.array([self._known.cells[cell] for cell in cells])
        block = np.ix_(rows, rows)
        metres, seconds = self._known.metres[block], self._known.seconds[block]
        return _completed(problem, metres, seconds)

    async def _learn(self, cells: list[Cell]) -> None:
        """Asks for what is not known yet between these cells."""
        if len(self._known.cells.keys() | set(cells)) > MOST_CELLS:
            self._known = _nothing_known()
        is_new = np.array([cell not in self._known.cells for cell in cells])
        _make_room(self._known, cells)
        rows = np.array([self._known.cells[cell] for cell in cells])
        unknown = np.isnan(self._known.metres[np.ix_(rows, rows)])
        lacking = is_new | (unknown & ~is_new).any(axis=1)
        if not lacking.any():
            return
        asked = [cell for cell, is_lacking in zip(cells, lacking, strict=True) if is_lacking]
        from_new = await self._table([_point(cell) for cell in asked], [_point(cell) for cell in cells])
        known = [cell for cell, is_lacking in zip(cells, lacking, strict=True) if not is_lacking]
        to_new = (
            await self._table([_point(cell) for cell in known], [_point(cell) for cell in asked]) if known else None
        )
        self._keep(asked, cells, from_new)
        if to_new is not None:
            self._keep(known, asked, to_new)

    def _keep(self, origins: Sequence[Cell], destinations: Sequence[Cell], found: tuple[Floats, Floats]) -> None:
        block = np.ix_(
            [self._known.cells[cell] for cell in origins], [self._known.cells[cell] for cell in destinations]
        )
        # Where there is no way, infinity says that it has been asked for.
        self._known.metres[block] = np.nan_to_num(found[0], nan=np.inf)
        self._known.seconds[block] = np.nan_to_num(found[1], nan=np.inf)

    async def _calibrated(self, problem: RoutingProblem) -> RoadEstimate:
        draw = random.Random(SAMPLE_SEED)  # noqa: S311 - a sample, no secret
        chosen = draw.sample(range(len(problem.locations)), SAMPLED_PLACES)
        places = [problem.locations[at] for at in chosen]
        points = [Point(latitude=place.latitude, longitude=place.longitude) for place in places]
        metres, seconds = await self._table(points, points)
        straight = np.array([[great_circle_metres(start, end) for end in points] for start in points])
        usable = np.isfinite(metres) & np.isfinite(seconds) & (straight > 0) & (seconds > 0)
        if not usable.any():
            raise RoadsUnavailable("The road server knows no way between any of the sampled places.")
        return RoadEstimate(
            detour_factor=float(metres[usable].sum() / straight[usable].sum()),
            speed_metres_per_second=float(metres[usable].sum() / seconds[usable].sum()),
        )


def from_settings(settings: Settings) -> RoadTravel | None:
    """By a server's address, by an extract, or None: the great circle."""
    if settings.osrm_url is not None:
        return RoadTravel(Osrm(settings.osrm_url, block=settings.osrm_block).table)
    if settings.road_extract is None:
        return None
    server = LocalServer(settings.road_extract, folder=settings.data / "roads")

    async def table(origins: Sequence[Point], destinations: Sequence[Point]) -> tuple[Floats, Floats]:
        return await Osrm(await server.url(), block=local_server.BLOCK).table(origins, destinations)

    return RoadTravel(table)


def _completed(problem: RoutingProblem, metres: Floats, seconds: Floats) -> TravelMatrix:
    """Whole numbers; where there is no way, the estimate stands in, so that one odd place does not spoil a plan."""
    for row, column in zip(*np.nonzero(~np.isfinite(metres) | ~np.isfinite(seconds)), strict=True):
        start, end = (_point(_cell(problem.locations[at])) for at in (row, column))
        metres[row, column] = great_circle_metres(start, end) * problem.road.detour_factor
        seconds[row, column] = metres[row, column] / problem.road.speed_metres_per_second
    return TravelMatrix(
        distances_metres=np.rint(metres).astype(np.int64), durations_seconds=np.rint(seconds).astype(np.int64)
    )


def _matrices_of_kinds(problem: RoutingProblem, matrix: TravelMatrix) -> dict[str, TravelMatrix]:
    """The same roads at the speed of each profile."""
    return {
        profile: replace(matrix, durations_seconds=np.rint(matrix.durations_seconds / factor).astype(np.int64))
        for profile, factor in _speed_factors(problem).items()
    }


def _roads_of_kinds(problem: RoutingProblem, road: RoadEstimate) -> dict[str, RoadEstimate]:
    return {
        profile: replace(road, speed_metres_per_second=road.speed_metres_per_second * factor)
        for profile, factor in _speed_factors(problem).items()
    }


def _speed_factors(problem: RoutingProblem) -> dict[str, float]:
    usual = problem.road.speed_metres_per_second
    return {profile: road.speed_metres_per_second / usual for profile, road in problem.roads.items()}


def _nothing_known() -> Known:
    return Known(cells={}, metres=np.full((0, 0), np.nan), seconds=np.full((0, 0), np.nan))


def _make_room(known: Known, cells: Sequence[Cell]) -> None:
    before = len(known.cells)
    for cell in cells:
        known.cells.setdefault(cell, len(known.cells))
    if grown := len(known.cells) - before:
        known.metres = np.pad(known.metres, (0, grown), constant_values=np.nan)
        known.seconds = np.pad(known.seconds, (0, grown), constant_values=np.nan)


def _cell(place: Location) -> Cell:
    return cell_of(place.latitude, place.longitude)


def _point(cell: Cell) -> Point:
    return Point(latitude=cell[0], longitude=cell[1])
