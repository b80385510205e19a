"""How well and how fast orders are allocated, against what a shop would do without an optimiser.

`python -m benchmarks.allocation --orders 100000 --nodes 12 --carriers 5 --json` solves a day at once; with `--rolling`
the same day is decided order by order, knowing only past days, and then weighed anew while all of it may still change.
Costs are minor units, penalties of orders left out included; the bound is proved, and every answer is checked against
all limits by a count of its own.
"""

import argparse
import json
import resource
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.allocation.checker import overdrawn
from app.solvers.allocation.kernel import search as kernel
from app.solvers.allocation.kernel.shape import rank_options
from app.solvers.allocation.searching import gap, search
from app.solvers.allocation.standing import with_standing
from app.solvers.allocation.table import LEFT_OUT, AllocationTable
from app.solvers.progress import OnProgress, Progress
from app.solvers.stopping import StoppingRule
from benchmarks.allocation_instances import Day, Posed, asked_of, demand, network, pose, stock
from benchmarks.allocation_rolling import roll

Longs = NDArray[np.int64]
Figures = dict[str, Any]

# Splits come after all whole orders in nearest-first.
FAR_KM = 1e6
ONE_BY_ONE, WEIGHED_ANEW = "doorstep, one by one", "the same, weighed anew before anything leaves"
WARM_UP = Day(orders=200, goods=20, several_lines=0.2)


def main(arguments: list[str] | None = None) -> None:
    """Runs what the command line asks for and prints the figures."""
    given = _parsed(arguments)
    day = Day(
        orders=given.orders, nodes=given.nodes, carriers=given.carriers, goods=given.goods, stock=given.stock,
        room=given.room, several_lines=given.several_lines, seed=given.seed,
    )  # fmt: skip
    _warm_up()
    of = network(day)
    lines = demand(day, of, seed=0)
    posed = pose(day, of, lines, stock(day, asked_of(day, lines)))
    on_progress = _silent if given.json else _printed
    figures: Figures = {"day": vars(day), "options": posed.table.options, "methods": {}}
    methods: Figures = figures["methods"]
    stop = StoppingRule(
        seconds=None if given.processor_seconds else given.seconds,
        processor_seconds=given.processor_seconds,
        relative_gap=given.gap,
        threads=given.threads,
    )
    methods["doorstep"] = batch(posed.table, stop=stop, on_progress=on_progress)
    for name, keys in (
        ("nearest node, cheapest carrier", _nearest(posed)),
        ("greedy", posed.table.costs.astype(np.float64)),
    ):
        methods[name] = _measured(posed.table, keys)
    if given.rolling:
        began = time.process_time(), time.perf_counter()
        rolled = roll(day, of, posed.table, refreshes=given.refreshes, samples=given.samples, threads=given.threads)
        methods[ONE_BY_ONE] = {
            **_figures(posed.table, rolled.chosen, began),
            "p50_milliseconds": 1_000 * float(np.quantile(rolled.latencies_seconds, 0.5)),
            "p99_milliseconds": 1_000 * float(np.quantile(rolled.latencies_seconds, 0.99)),
            "refresh_seconds": rolled.refresh_seconds,
        }
        methods[WEIGHED_ANEW] = weighed_anew(
            posed.table, rolled.chosen, change_minor=given.change_minor, stop=stop, on_progress=on_progress
        )
    _add_gaps(figures)
    sys.stdout.write((json.dumps(figures, indent=2) if given.json else _table(figures)) + "\n")


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.allocation", description=__doc__)
    for name, value, meaning in (
        ("orders", 100_000, "orders of the day"),
        ("nodes", 12, "nodes that have goods"),
        ("carriers", 5, "carriers"),
        ("goods", 2_000, "different goods"),
        ("seed", 1, "which day"),
        ("threads", 2, "processor cores to use"),
        ("refreshes", 16, "how often prices are worked out anew, with --rolling"),
        ("samples", 6, "past days for each refresh, with --rolling"),
        ("change-minor", 50, "what it costs to change a decision before the goods leave, with --rolling"),
    ):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{meaning} ({value})")
    for name, share, meaning in (
        ("stock", 1.15, "units for each unit asked"),
        ("room", 1.1, "throughput and capacity for each order"),
        ("several-lines", 0.0, "share of orders with two to four lines"),
        ("seconds", 55.0, "seconds that the batch may take, compiling left out"),
        ("gap", 0.0, "the proved gap at which the batch is good enough"),
    ):
        parser.add_argument(f"--{name}", type=float, default=share, help=f"{meaning} ({share})")
    meaning = "of the processor for the batch, in place of --seconds: for a machine that does other work too"
    parser.add_argument("--processor-seconds", type=float, help=f"seconds {meaning}")
    parser.add_argument("--rolling", action="store_true", help="also decide the day order by order")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def _silent(_: Progress) -> None:
    """For JSON, which nobody watches."""


def _printed(progress: Progress) -> None:
    sys.stderr.write(f"{progress.fraction:4.0%} {progress.message}\n")


def _warm_up() -> None:
    """Compiles, or reads what was compiled before: not part of any figure."""
    of = network(WARM_UP)
    lines = demand(WARM_UP, of, seed=0)
    posed = pose(WARM_UP, of, lines, stock(WARM_UP, asked_of(WARM_UP, lines)))
    search(posed.table, stop=StoppingRule(iterations=1), seed=0)
    first_fit(posed.table, _nearest(posed))
    roll(WARM_UP, of, posed.table, refreshes=1, samples=1, threads=1)


def batch(table: AllocationTable, *, stop: StoppingRule, on_progress: OnProgress) -> Figures:
    """The whole day at once."""
    began = time.process_time(), time.perf_counter()
    answer = search(table, stop=stop, seed=1, on_progress=on_progress)
    return {**_figures(table, answer.chosen, began), "bound": answer.prices.bound, "rounds": answer.rounds}


def weighed_anew(
    table: AllocationTable, held: Longs, *, change_minor: int, stop: StoppingRule, on_progress: OnProgress
) -> Figures:
    """The day as it was decided order by order, [orders] `held`, in one batch while all of it may still change."""
    began = time.process_time(), time.perf_counter()
    anew = with_standing(table, held, change_minor=change_minor)
    chosen = search(anew, stop=stop, seed=1, on_progress=on_progress).chosen
    moved = int(((held != LEFT_OUT) & (chosen != held)).sum())
    return {**_figures(table, chosen, began), "moved": moved, "change_minor": change_minor}


def first_fit(table: AllocationTable, keys: NDArray[np.float64]) -> Longs:
    """Each order as it comes takes the first option that fits, in the order of the keys [options]."""
    kept, starts = np.empty(table.options, dtype=np.int64), np.zeros(table.orders + 1, dtype=np.int64)
    rank_options(table.starts, keys, table.options, kept, starts)
    counts = np.diff(table.use_starts)[kept]
    use_starts = np.concatenate([[0], np.cumsum(counts)])
    rows = np.repeat(table.use_starts[kept] - use_starts[:-1], counts) + np.arange(use_starts[-1])
    chosen, left = np.full(table.orders, LEFT_OUT, dtype=np.int64), table.capacities.copy()
    kernel.fill(
        starts, table.costs[kept], use_starts, table.use_resources[rows], table.use_amounts[rows], table.penalties,
        np.arange(table.orders, dtype=np.int32), chosen, left,
    )  # fmt: skip
    return np.where(chosen == LEFT_OUT, LEFT_OUT, kept[chosen])


def _nearest(posed: Posed) -> NDArray[np.float64]:
    """Nearest node first, and there the cheapest carrier."""
    order_of = np.repeat(np.arange(posed.table.orders), np.diff(posed.table.starts))
    kilometres = np.where(posed.nodes < 0, FAR_KM, posed.kilometres[order_of, np.maximum(posed.nodes, 0)])
    return kilometres * 1e6 + posed.table.costs


def _measured(table: AllocationTable, keys: NDArray[np.float64]) -> Figures:
    began = time.process_time(), time.perf_counter()
    return _figures(table, first_fit(table, keys), began)


def _figures(table: AllocationTable, chosen: Longs, began: tuple[float, float]) -> Figures:
    """Checked: refuses to publish an answer that overdraws anything."""
    seconds = {
        "seconds": time.perf_counter() - began[1],
        "processor_seconds": time.process_time() - began[0],
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    if faults := overdrawn(table, chosen):
        raise SystemExit(f"{len(faults)} limits are overdrawn: {faults[:3]}.")
    left_out = int((chosen == LEFT_OUT).sum())
    return {**seconds, "cost": table.objective(chosen), "left_out": left_out}


def _add_gaps(figures: Figures) -> None:
    best = figures["methods"]["doorstep"]
    for method in figures["methods"].values():
        method["gap"] = gap(method["cost"], best["bound"])
        method["above_batch"] = method["cost"] / best["cost"] - 1


def _table(figures: Figures) -> str:
    rows = ["method | cost | left out | above the bound | above the batch | seconds | of a processor | peak MiB"]
    for name, of in figures["methods"].items():
        cells = [
            name, f"{of['cost']:,}", f"{of['left_out']:,}", f"{of['gap']:.2%}", f"{of['above_batch']:.2%}",
            f"{of['seconds']:.1f}", f"{of['processor_seconds']:.1f}", f"{of['peak_mib']:,}",
        ]  # fmt: skip
        rows.append(" | ".join(cells))
    rolled = figures["methods"].get(ONE_BY_ONE)
    if rolled:
        rows.append(
            f"one decision: {rolled['p50_milliseconds']:.3f} ms at p50, {rolled['p99_milliseconds']:.3f} at p99"
        )
        rows.append(f"weighed anew: {figures['methods'][WEIGHED_ANEW]['moved']:,} moved")
    rows.append(f"bound: {figures['methods']['doorstep']['bound']:,}")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
