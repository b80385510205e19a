"""Distances on a plane without the whole matrix: any block of it is worked out when it is read.

The table reads like the square integer array it stands for (`table[rows, columns]`, with everything that broadcasts)
and takes as much memory as its coordinates.
"""

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.problem import Integers, TravelMatrix

Rounding = Literal["nearest", "down"]
ROUNDINGS = {"nearest": np.rint, "down": np.floor}


@dataclass(frozen=True, kw_only=True)
class Plane:
    """Straight lines between points, times `scale`, rounded."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    scale: float = 1.0
    rounding: Rounding = "nearest"


class PlaneTable:
    """A square integer array as far as reading goes."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.shape = (len(plane.x), len(plane.x))

    def __getitem__(self, key: tuple[Any, Any]) -> Any:
        x, y = self.plane.x, self.plane.y
        rows, columns = (np.asarray(part) for part in key)
        straight = np.sqrt((x[rows] - x[columns]) ** 2 + (y[rows] - y[columns]) ** 2)
        return ROUNDINGS[self.plane.rounding](self.plane.scale * straight).astype(np.int64)

    def min(self, initial: int = 0) -> int:
        """No distance is below zero."""
        return min(0, initial)


def on_plane(plane: Plane) -> TravelMatrix:
    """A second for each unit of length, as benchmark instances have it."""
    table = cast("Integers", PlaneTable(plane))
    return TravelMatrix(distances_metres=table, durations_seconds=table)


def whole(travel: TravelMatrix) -> TravelMatrix:
    """All of it as one plain array; seconds and metres are the same."""
    places = np.arange(travel.distances_metres.shape[0])
    distances = np.ascontiguousarray(travel.distances_metres[places[:, None], places[None, :]])
    return TravelMatrix(distances_metres=distances, durations_seconds=distances)
