"""A matrix of legs read from the other end, some rows and columns at a time: what lies far apart is slow to fetch."""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types.

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.kernel.jit import compiled

BLOCK = 32


def ways_back(there: NDArray[np.int32]) -> NDArray[np.int32]:
    """[profile, to, from] of [profile, from, to]; the same array where every way back is as long."""
    if is_two_way(there):
        return there
    back = np.empty_like(there)
    turn(there, back)
    return back


@compiled
def is_two_way(there: Any) -> bool:
    """Whether every way back is as long."""
    profiles, rows, _ = there.shape
    for f in range(profiles):
        for first in range(0, rows, BLOCK):
            for other in range(0, first + 1, BLOCK):
                for i in range(first, min(first + BLOCK, rows)):
                    for j in range(other, min(other + BLOCK, rows)):
                        if there[f, i, j] != there[f, j, i]:
                            return False
    return True


@compiled
def turn(there: Any, back: Any) -> None:
    """Fills `back`."""
    profiles, rows, _ = there.shape
    for f in range(profiles):
        for first in range(0, rows, BLOCK):
            for other in range(0, rows, BLOCK):
                for i in range(first, min(first + BLOCK, rows)):
                    for j in range(other, min(other + BLOCK, rows)):
                        back[f, j, i] = there[f, i, j]
