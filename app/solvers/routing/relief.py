"""Scarce vehicles are kept for those who need them: routes that any vehicle could drive go to idle, plainer ones.

A cooled van that took ordinary goods first is no longer there for chilled ones. To hand a whole route over costs
nothing where the other vehicle differs only in whom it may serve, so no search by single visits is drawn to it.
"""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.decomposition import Whole
from app.solvers.routing.kernel import Plan, VehicleKinds


def relieve(whole: Whole, plan: Plan) -> Plan:
    """The same routes at the same cost or less, on the vehicles that the fewest other visits could use."""
    prices = whole.data.prices
    if prices is None or not len(plan.kinds):
        return plan
    twins = _twins(whole.data.kinds)
    counts = np.asarray(whole.data.kinds.counts, dtype=np.intp)
    if len(set(twins)) == len(counts):
        return plan
    sought = np.isfinite(prices).sum(axis=0)
    idle = counts - np.bincount(plan.kinds, minlength=len(counts))
    chosen = plan.kinds.copy()
    for route in np.argsort(-sought[plan.kinds], kind="stable"):
        now = chosen[route]
        charged = prices[plan.visits[plan.starts[route] : plan.starts[route + 1]]].sum(axis=0)
        is_twin = (twins == twins[now]) & (idle > 0)
        plainer = np.flatnonzero(is_twin & (sought < sought[now]) & (charged <= charged[now]))
        if len(plainer):
            to = plainer[np.argmin(sought[plainer])]
            idle[now] += 1
            idle[to] -= 1
            chosen[route] = to
    return replace(plan, kinds=chosen)


def _twins(kinds: VehicleKinds) -> NDArray[np.intp]:
    """[kinds] the same number for those that are alike in all but whom they may serve and how many there are."""
    given = (getattr(kinds, field.name) for field in fields(kinds) if field.name != "counts")
    columns: list[Any] = [np.asarray(values, np.float64) for values in given if values is not None]
    table = np.column_stack([column.reshape(len(kinds.counts), -1) for column in columns])
    return np.unique(table, axis=0, return_inverse=True)[1].reshape(-1)
