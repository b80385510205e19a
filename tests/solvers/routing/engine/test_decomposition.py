"""How a plan is cut: how many parts, and who gets the vehicles that stand idle."""

from dataclasses import replace

import numpy as np
import pytest

from app.solvers.routing import decomposition
from app.solvers.routing.decomposition import Whole, cut, data_of
from app.solvers.routing.flattening import flatten
from app.solvers.routing.kernel import Plan
from app.solvers.routing.schedule import Terms
from tests.solvers.routing.engine.test_engine import scattered

VISITS = 64
WHOLE = flatten(Terms(scattered(VISITS + 1, vehicles=40))).whole


def plan(routes: int) -> Plan:
    """All but the last visit, on routes of the same length, neighbours by their angle around the depot."""
    around = np.argsort(np.arctan2(*(WHOLE.points[:VISITS] - WHOLE.points.mean(axis=0)).T))
    starts = np.linspace(0, VISITS, routes + 1).astype(np.int32)
    return Plan(visits=around.astype(np.int32), starts=starts, kinds=np.zeros(routes, np.int32))


@pytest.mark.parametrize(("routes", "size", "parts"), [(64, 10, 4), (32, 10, 2), (20, 10, 2), (15, 10, 1), (64, 40, 2)])
def test_parts_have_16_routes_or_8_where_there_would_be_one_part_only(routes: int, size: int, parts: int) -> None:
    found = cut(WHOLE, plan(routes), size=size, seed=1)
    assert len(found) == parts
    assert sorted(np.concatenate([part.visits for part in found])) == list(range(VISITS + 1))
    assert len(found[0].plan.kinds) >= 8 or parts == 1


@pytest.mark.parametrize("seed", range(6))
def test_an_idle_vehicle_goes_where_a_visit_waits_for_its_kind(seed: int) -> None:
    whole = _with_one_special_vehicle(waiting=VISITS)
    parts = cut(whole, plan(32), size=10, seed=seed)
    assert [part.counts[1] for part in parts] == [int(VISITS in part.visits) for part in parts]


def test_whom_a_part_considers_as_near_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decomposition, "CANDIDATES", 20)
    part = cut(WHOLE, plan(32), size=10, seed=1)[0]
    candidates = np.asarray(data_of(WHOLE, part).candidates)
    for visit, near in zip(part.visits.tolist(), candidates.tolist(), strict=True):
        away = np.hypot(*(WHOLE.points - WHOLE.points[visit]).T)
        nearest = set(np.argsort(away)[1:21].tolist())
        assert {int(part.visits[at]) for at in near if at >= 0} == nearest & set(part.visits.tolist())


def _with_one_special_vehicle(*, waiting: int) -> Whole:
    """Kind 1 is a single vehicle, and the only one for a visit."""
    kinds, prices = WHOLE.data.kinds, np.zeros((VISITS + 1, 2))
    prices[waiting, 0] = np.inf
    both = {name: np.repeat(values, 2, axis=0) for name, values in vars(kinds).items() if values is not None} | {
        "counts": np.array([39, 1])
    }
    return replace(WHOLE, data=replace(WHOLE.data, kinds=replace(kinds, **both), prices=prices))
