"""Who is near whom, against looking at everybody."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.solvers.routing.kernel.layout import VISIT
from app.solvers.routing.kernel.neighbours import Ways, near_in_distance, near_in_time

COUNT, SIZE = 30, 5


@pytest.fixture(name="metres")
def plane() -> NDArray[np.int32]:
    points = np.random.default_rng(4).uniform(0, 1_000, (COUNT, 2))
    return np.asarray(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)), np.int32)


def everybody(count: int = COUNT) -> Ways:
    return np.zeros((count, 0), np.int32)


def nearest(metres: NDArray[np.int32], c: int, among: list[int], size: int) -> list[int]:
    """Their metres: who is first among equals is left open."""
    return sorted(int(metres[c, v]) for v in among if v != c)[:size]


def test_without_candidates_the_nearest_of_all_come_nearest_first(metres: NDArray[np.int32]) -> None:
    found = near_in_distance(metres, metres, everybody(), SIZE)
    for c in range(COUNT):
        assert [metres[c, v] for v in found[c]] == nearest(metres, c, list(range(COUNT)), SIZE)
        assert c not in found[c]


def test_candidates_are_considered_and_nobody_else_unless_they_are_too_few(metres: NDArray[np.int32]) -> None:
    odd = np.array([[v if v % 2 and v != c else -1 for v in range(COUNT)] for c in range(COUNT)], np.int32)
    odd[3] = -1
    odd[3, :2] = 1, 5
    found = near_in_distance(metres, metres, odd, SIZE)
    for c in range(COUNT):
        among = list(range(COUNT)) if c == 3 else list(range(1, COUNT, 2))
        assert [metres[c, v] for v in found[c]] == nearest(metres, c, among, SIZE)


def test_near_in_time_is_who_can_follow_or_go_before_with_little_waiting(metres: NDArray[np.int32]) -> None:
    """All doors are 10 apart, and each opens for a moment a hundred seconds after the one before."""
    ten = np.full((6, 6), 10, np.int32)
    visits = np.zeros(6, VISIT)
    visits["open"] = visits["close"] = np.arange(6) * 100
    found = near_in_time((ten, ten), (ten, ten), visits, np.zeros(6, np.int32), everybody(6), 2)
    assert [sorted(row) for row in found.tolist()] == [[1, 2], [0, 2], [1, 3], [2, 4], [3, 5], [3, 4]]
    late = np.array([[v for v in range(6) if v != c and v >= 4] + [-1] * (c >= 4) for c in range(6)], np.int32)
    assert near_in_time((ten, ten), (ten, ten), visits, np.zeros(6, np.int32), late, 1)[0].tolist() == [4]
