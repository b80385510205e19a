"""Doorstep's routing engine beside the solvers people would use instead, on the same instances and equal CPU.

    python -m benchmarks.routing --instances FILES --seconds S --cores 2 \
        --solvers doorstep,pyvrp,vroom,ortools --json OUT

Solvers run one after another, each in a process of its own, S seconds on each core; ours and PyVRP count seconds of
the processor, so that a busy machine changes nothing. Every answer is timed by the one timetable and judged by the one
checker. Without instances it takes the small ones of the tests, a few seconds each.
"""

import argparse
import json
import math
import os
import pickle
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.instances import REQUIRED, VEHICLES_FIRST, Instance, read
from benchmarks.judging import Judged

SMALL = sorted((Path(__file__).resolve().parents[1] / "tests" / "benchmarks" / "instances").glob("*.vrp"))
SOLVERS = ("doorstep", "pyvrp", "vroom", "ortools")
QUICK_SECONDS = 3.0
# A solver that has not answered after its time and this much more, times this factor on a busy machine, is ended.
GRACE_SECONDS, BUSY = 300, 8


@dataclass(frozen=True, kw_only=True)
class Row:
    """One solver's answer to one instance. `gap` in percent over the best known; costs in the set's own units."""

    instance: str
    variant: str
    solver: str
    seconds: float
    processor_seconds: float
    cost: float | None
    best_known: float | None
    gap: float | None
    vehicles: int | None
    best_known_vehicles: int | None
    feasible: bool
    peak_mib: int
    note: str


def main() -> None:
    """The command line."""
    given = _arguments()
    solvers = given.solvers.split(",")
    if unknown := sorted(set(solvers) - set(SOLVERS)):
        sys.exit(f"There is no solver {unknown[0]}; there are {', '.join(SOLVERS)}.")
    files = given.instances or SMALL
    _say(f"{len(files)} instances, {given.seconds:g} s on {given.cores} cores each; {machine()}")
    rows: list[Row] = []
    for path in files:
        instance = read(path)
        for solver in solvers:
            _say(f"{instance.name}: {solver} ...", end="\r")
            rows.append(run(instance, solver, seconds=given.seconds, cores=given.cores, seed=given.seed))
            _say(_line(rows[-1]))
            if given.json:
                given.json.write_text(json.dumps(report(rows, given.seconds, given.cores), indent=1))
    _say("\n" + summary(rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--instances", type=Path, nargs="+", default=[], help=".vrp or .txt files, answers beside them")
    parser.add_argument("--seconds", type=float, default=QUICK_SECONDS, help="for each core")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--solvers", default="doorstep,pyvrp", help=f"of {','.join(SOLVERS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where the rows go, after each of them")
    return parser.parse_args()


def machine() -> str:
    """What the figures depend on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("pyvrp", "pyvroom", "ortools", "numba"))
    load = os.getloadavg()[0]
    return f"{_processor()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}, {packages}"


def _processor() -> str:
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def run(instance: Instance, solver: str, *, seconds: float, cores: int, seed: int) -> Row:
    """One solver on one instance, in a process of its own, judged there."""
    task = pickle.dumps((solver, instance.problem, seconds, cores, seed))
    began = time.perf_counter()
    try:
        child = subprocess.run(
            [sys.executable, "-m", "benchmarks.judging"],
            input=task,
            capture_output=True,
            timeout=seconds * BUSY + GRACE_SECONDS,
            check=False,
        )
        judged = _judged(child)
    except subprocess.TimeoutExpired:
        judged = Judged(note="no answer in time")
    took = time.perf_counter() - began
    return row_of(instance, solver, judged, judged.seconds or took)


def _judged(child: subprocess.CompletedProcess[bytes]) -> Judged:
    if child.returncode != 0:
        words = child.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        return Judged(note=f"ended with {child.returncode}: {words[-1]}")
    judged: Judged = pickle.loads(child.stdout)  # noqa: S301 - from our own child
    return judged


def row_of(instance: Instance, solver: str, judged: Judged, seconds: float) -> Row:
    """In the set's own units, vehicles aside where they come first."""
    cost, left = judged.objective, judged.required_unserved
    if cost is not None:
        vehicles_first = any(vehicle.fixed_cost == VEHICLES_FIRST for vehicle in instance.problem.vehicles[:1])
        cost -= (VEHICLES_FIRST * (judged.vehicles or 0)) if vehicles_first else 0
        cost = (cost - REQUIRED * left) / instance.cost_scale if left == 0 else None
    gap = None if cost is None or not instance.best_known else 100 * (cost / instance.best_known - 1)
    note = judged.note or (f"{left} visits left out" if left else "")
    return Row(
        instance=instance.name,
        variant=instance.variant,
        solver=solver,
        seconds=round(seconds, 1),
        processor_seconds=round(judged.processor_seconds, 1),
        cost=cost,
        best_known=instance.best_known,
        gap=gap,
        vehicles=judged.vehicles,
        best_known_vehicles=instance.best_known_vehicles,
        feasible=cost is not None and not judged.note,
        peak_mib=judged.peak_mib,
        note=note,
    )


CAMEL = {
    "processor_seconds": "processorSeconds", "best_known": "bestKnown", "best_known_vehicles": "bestKnownVehicles",
    "peak_mib": "peakMiB",
}  # fmt: skip


def report(rows: Iterable[Row], seconds: float, cores: int) -> dict[str, Any]:
    """What goes into the file."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "secondsPerCore": seconds,
        "cores": cores,
        "rows": [{CAMEL.get(name, name): value for name, value in asdict(row).items()} for row in rows],
    }


def _line(row: Row) -> str:
    cost = "-" if row.cost is None else f"{row.cost:,.1f}"
    gap = "" if row.gap is None else f"{row.gap:+.2f}%"
    vehicles = "-" if row.vehicles is None else str(row.vehicles)
    return (
        f"{row.instance:<18} {row.variant:<9} {row.solver:<9} {row.seconds:>7.1f} s {row.processor_seconds:>7.1f} cpu"
        f" {cost:>16} {gap:>9} {vehicles:>5} routes {row.peak_mib:>6} MiB  {row.note}"
    )


def summary(rows: Sequence[Row]) -> str:
    """Mean gaps by variant and solver, over the instances that the solver solved."""
    lines = [f"{'variant':<10} {'solver':<10} {'solved':>8} {'mean gap':>9} {'mean routes':>12}"]
    for variant, solver in dict.fromkeys((row.variant, row.solver) for row in rows):
        these = [row for row in rows if (row.variant, row.solver) == (variant, solver)]
        solved = [row for row in these if row.feasible and row.gap is not None]
        gap = f"{math.fsum(row.gap or 0.0 for row in solved) / len(solved):.2f}%" if solved else "-"
        routes = f"{sum(row.vehicles or 0 for row in solved) / len(solved):.1f}" if solved else "-"
        lines.append(f"{variant:<10} {solver:<10} {f'{len(solved)}/{len(these)}':>8} {gap:>9} {routes:>12}")
    return "\n".join(lines)


def _say(words: str, end: str = "\n") -> None:
    sys.stdout.write(f"{words:<100}{end}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
