"""Who lies near whom: for ruin by distance, for recreate also in time.

The caller may know whom to consider. Else all are; visits whose numbers are close mostly lie close: looking from each
number outwards, few are kept and given up again.
"""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types.

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.layout import FAR

Ways = NDArray[np.int32]
# A second of waiting against one of driving, when near means soon: Vidal et al. (2013), section 4.4.
WAITING_WEIGHT = 0.2


def near_in_distance(there: Ways, back: Ways, candidates: Ways, size: int) -> NDArray[np.int32]:
    """[n, size] for each visit those nearest there and back, nearest first.

    `there` [rows, rows]: metres from a row's place, `back`: to it. `candidates` [n, any]: whom to consider, below 0
    nobody; where they are fewer than `size`, all are considered.
    """
    n = len(candidates)
    found = np.zeros((n, max(0, min(size, n - 1))), np.int32)
    by_distance(there, back, candidates, found)
    return found


def near_in_time(
    metres: tuple[Ways, Ways],
    seconds: tuple[Ways, Ways],
    visit: NDArray[Any],
    service: NDArray[np.int32],
    candidates: Ways,
    size: int,
) -> NDArray[np.int32]:
    """The same by distance with the least waiting and lateness between two windows, the better way round.

    `metres`, `seconds`: there and back. `visit`, `service` [n]: windows, and seconds at the door.
    """
    n = len(visit)
    found = np.zeros((n, max(0, min(size, n - 1))), np.int32)
    opens, closes, stay = (np.ascontiguousarray(each, np.int64) for each in (visit["open"], visit["close"], service))
    by_time(*metres, *seconds, opens, closes, stay, candidates, found)
    return found


@compiled
def by_distance(there: Any, back: Any, candidates: Any, found: Any) -> None:
    """Fills `found` [n, size]."""
    n, size = found.shape
    keys, considered = np.empty(size, np.int64), np.empty(n, np.int32)
    for c in range(n):
        count = 0
        for k in range(_consider(c, candidates, size, considered)):
            v = considered[k]
            count = _take(found[c], keys, count, v, there[c, v] + back[c, v])


@compiled
def by_time(
    there: Any,
    back: Any,
    seconds_there: Any,
    seconds_back: Any,
    opens: Any,
    closes: Any,
    stay: Any,
    candidates: Any,
    found: Any,
) -> None:
    """Fills `found` [n, size]."""
    n, size = found.shape
    keys, considered = np.empty(size, np.float64), np.empty(n, np.int32)
    for c in range(n):
        count = 0
        for k in range(_consider(c, candidates, size, considered)):
            v = considered[k]
            if count == size and min(there[c, v], back[c, v]) >= keys[count - 1]:
                continue
            before = there[c, v] + _lost(opens[c], closes[c], stay[c] + seconds_there[c, v], opens[v], closes[v])
            after = back[c, v] + _lost(opens[v], closes[v], stay[v] + seconds_back[c, v], opens[c], closes[c])
            count = _take(found[c], keys, count, v, min(before, after))


@compiled
def _consider(c: int, candidates: Any, size: int, considered: Any) -> int:
    """Whom to look at for `c`, and how many: its candidates, or everybody else from its number outwards."""
    n, count = len(considered), 0
    for k in range(candidates.shape[1]):
        if candidates[c, k] >= 0:
            considered[count] = candidates[c, k]
            count += 1
    if count >= size:
        return count
    count = 0
    for step in range(1, n):
        for v in (c - step, c + step):
            if 0 <= v < n:
                considered[count] = v
                count += 1
    return count


@compiled
def _lost(opens: int, closes: int, reach: int, next_opens: int, next_closes: int) -> float:
    """Seconds of waiting, weighted, and of lateness between two windows that no departure avoids."""
    wait = min(max(next_opens - reach - closes, 0), FAR)
    return WAITING_WEIGHT * wait + max(opens + reach - next_closes, 0)


@compiled
def _take(found: Any, keys: Any, count: int, v: int, key: float) -> int:
    """Keeps `v` among the smallest, sorted; answers how many there are. Who comes first wins among equals."""
    if count == found.shape[0]:
        if count == 0 or key >= keys[count - 1]:
            return count
        count -= 1
    i = count
    while i > 0 and keys[i - 1] > key:
        keys[i] = keys[i - 1]
        found[i] = found[i - 1]
        i -= 1
    keys[i] = key
    found[i] = v
    return count + 1
