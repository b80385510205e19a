"""The nearest points of each point, against looking at all of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.solvers.routing.neighbours import nearest_points

DICE = np.random.default_rng(5)
SCATTERED = DICE.uniform(0, 1_000, (400, 2))
CLOUDS = {
    "scattered": SCATTERED,
    "on a line": np.column_stack([SCATTERED[:, 0], np.zeros(400)]),
    "many at one place": DICE.integers(0, 12, (400, 2)).astype(float),
    "all at one place": np.ones((400, 2)),
    "one far away": np.vstack([SCATTERED, [[1e6, 1e6]]]),
    "two": SCATTERED[:2],
}


@pytest.mark.parametrize("count", [1, 7, 150, 399])
@pytest.mark.parametrize("points", CLOUDS.values(), ids=CLOUDS.keys())
def test_they_are_the_nearest_of_all_and_come_nearest_first(points: NDArray[np.float64], count: int) -> None:
    found = nearest_points(points, count).astype(np.intp)
    apart = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    expected = np.sort(apart, axis=1)[:, : min(count, len(points) - 1)]
    assert np.array_equal(np.take_along_axis(apart, found, axis=1), expected)
    assert all(len(set(row)) == len(row) for row in found.tolist())


def test_a_point_alone_has_none_near() -> None:
    assert nearest_points(np.zeros((1, 2)), 3).shape == (1, 0)
