import json

import numpy as np
import pytest

from app.solvers.allocation.checker import overdrawn
from benchmarks import allocation
from benchmarks.allocation_instances import Day, asked_of, demand, network, pose, stock
from benchmarks.allocation_rolling import roll

DAY = Day(orders=300, nodes=4, carriers=2, goods=25, several_lines=0.3)


def test_every_option_of_a_day_fits_alone_and_no_order_names_a_good_twice() -> None:
    of = network(DAY)
    lines = demand(DAY, of, seed=0)
    table = pose(DAY, of, lines, stock(DAY, asked_of(DAY, lines))).table
    assert (table.use_amounts <= table.capacities[table.use_resources]).all()
    pairs = np.column_stack([np.repeat(np.arange(DAY.orders), np.diff(lines.starts)), lines.goods])
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_a_day_decided_order_by_order_oversells_nothing_and_beats_the_nearest_node() -> None:
    of = network(DAY)
    lines = demand(DAY, of, seed=0)
    posed = pose(DAY, of, lines, stock(DAY, asked_of(DAY, lines)))
    rolled = roll(DAY, of, posed.table, refreshes=2, samples=1, threads=1)
    nearest = allocation.first_fit(posed.table, allocation._nearest(posed))
    assert overdrawn(posed.table, rolled.chosen) == overdrawn(posed.table, nearest) == ()
    assert posed.table.objective(rolled.chosen) < posed.table.objective(nearest)


def test_the_figures_have_cost_bound_gap_time_and_memory_for_each_method(capsys: pytest.CaptureFixture[str]) -> None:
    allocation.main(["--orders", "300", "--goods", "25", "--seconds", "1", "--rolling", "--refreshes", "1", "--json"])
    figures = json.loads(capsys.readouterr().out)
    ours, others = ["doorstep"], ["nearest node, cheapest carrier", "greedy"]
    assert list(figures["methods"]) == [*ours, *others, allocation.ONE_BY_ONE, allocation.WEIGHED_ANEW]
    for method in figures["methods"].values():
        assert {"seconds", "processor_seconds", "peak_mib", "cost", "left_out", "gap"} <= method.keys()
    best = figures["methods"]["doorstep"]
    assert best["bound"] <= best["cost"]
