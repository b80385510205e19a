"""The nearest points of each point of a plane, by a grid: time and memory grow with the points, not their square."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.kernel.jit import compiled

POINTS_IN_A_CELL = 3.0


def nearest_points(points: NDArray[np.float64], count: int) -> NDArray[np.int32]:
    """[n, count] indices, nearest first, the point itself left out; `count` at most n - 1."""
    n = len(points)
    count = max(0, min(count, n - 1))
    if count == 0:
        return np.zeros((n, 0), np.int32)
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(math.sqrt(float(np.prod(np.maximum(high - low, 1e-9))) * POINTS_IN_A_CELL / n), 1e-9)
    side = max(side, float((high - low).max()) / 4_000)
    shape = np.floor((high - low) / side).astype(np.int64) + 1
    cell = np.floor((points - low) / side).astype(np.int64)
    number = cell[:, 0] * shape[1] + cell[:, 1]
    order = np.argsort(number, kind="stable").astype(np.int64)
    first = np.searchsorted(number[order], np.arange(int(shape[0] * shape[1]) + 1)).astype(np.int64)
    found = np.zeros((n, count), np.int32)
    search(np.ascontiguousarray(points), cell, order, first, shape, side, found)
    return found


@compiled
def search(points: Any, cell: Any, order: Any, first: Any, shape: Any, side: float, found: Any) -> None:
    """Rings of cells around each point, until there are enough and none nearer can lie outside; then sorts those."""
    n, count = found.shape
    seen, far = np.empty(n, np.int32), np.empty(n, np.float64)
    last = max(shape[0], shape[1])
    for i in range(n):
        size, ring, until = 0, 0, last
        while ring <= until:
            for a in range(max(cell[i, 0] - ring, 0), min(cell[i, 0] + ring + 1, shape[0])):
                edge = abs(a - cell[i, 0]) == ring
                step = 1 if edge else max(2 * ring, 1)
                for b in range(cell[i, 1] - ring, cell[i, 1] + ring + 1, step):
                    if b < 0 or b >= shape[1]:
                        continue
                    at = a * shape[1] + b
                    for place in range(first[at], first[at + 1]):
                        j = order[place]
                        if j != i:
                            seen[size] = j
                            far[size] = (points[i, 0] - points[j, 0]) ** 2 + (points[i, 1] - points[j, 1]) ** 2
                            size += 1
            if until == last and size >= count:
                farthest = math.sqrt(np.partition(far[:size], count - 1)[count - 1])
                until = min(last, math.ceil(farthest / side))
            ring += 1
        _keep_nearest(found[i], seen[:size], far[:size])


@compiled
def _keep_nearest(found: Any, seen: Any, far: Any) -> None:
    """The nearest of those seen, sorted; who was seen first wins among equals."""
    count = found.shape[0]
    near = np.flatnonzero(far <= np.partition(far, count - 1)[count - 1])
    order = near[np.argsort(far[near], kind="mergesort")]
    for k in range(count):
        found[k] = seen[order[k]]
