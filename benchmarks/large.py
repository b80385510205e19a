"""Writes a large instance for `benchmarks.routing`, where none with a best-known answer is at hand.

    python -m benchmarks.large --stops 10000 --out R10000.vrp            stops with windows, about 46 a route
    python -m benchmarks.large --stops 30000 --a-route 117 --out F30000.vrp     no windows, long routes

With windows: doors all over a square around the depot, half of them open all day, half for 120 to 240 of its 2,600
minutes, much as in the R1 classes of Gehring and Homberger. Without: towns of scattered doors, the depot in a corner,
much as in the Belgian instances of Arnold, Gendreau and Sörensen (2019).
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIDE, DAY, SERVICE = 1_000, 2_600, 10
NARROWEST, WIDEST = 120, 241
COUNTRY, TOWNS, TOWN_RADIUS = 20_000, 60, 900
Rows = NDArray[np.int64]


def with_windows(stops: int, *, seed: int) -> str:
    """VRPTW: capacity 1,000, demands of 1 to 40, vehicles enough."""
    dice = np.random.default_rng(seed)
    places = np.vstack([[SIDE // 2, SIDE // 2], dice.integers(0, SIDE + 1, (stops, 2))])
    demands = np.concatenate([[0], dice.integers(1, 41, stops)])
    away = np.ceil(np.hypot(*(places - places[0]).T)).astype(np.int64)
    latest = DAY - away - SERVICE
    widths = dice.integers(NARROWEST, WIDEST, stops + 1)
    opens = (away + dice.random(stops + 1) * np.maximum(latest - away - widths, 0)).astype(np.int64)
    is_wide = dice.random(stops + 1) < 0.5
    windows = np.stack([np.where(is_wide, 0, opens), np.where(is_wide, latest, opens + widths)], axis=1)
    windows[0] = 0, DAY
    services = np.full(stops + 1, SERVICE)
    services[0] = 0
    head = _head("VRPTW", places, capacity=1_000) + f"VEHICLES : {stops // 25}\n"
    return head + _sections(
        NODE_COORD_SECTION=places, DEMAND_SECTION=demands[:, None], TIME_WINDOW_SECTION=windows,
        SERVICE_TIME_SECTION=services[:, None],
    )  # fmt: skip


def with_long_routes(stops: int, *, a_route: int, seed: int) -> str:
    """CVRP: demands of 1, 2 or 3, and room for `a_route` stops on average."""
    dice = np.random.default_rng(seed)
    centres = dice.integers(0, COUNTRY, (TOWNS, 2))
    doors = centres[dice.integers(0, TOWNS, stops)] + dice.normal(0, TOWN_RADIUS, (stops, 2))
    places = np.vstack([[0, 0], np.clip(doors, 0, COUNTRY)]).astype(np.int64)
    demands = np.concatenate([[0], dice.integers(1, 4, stops)])
    capacity = round(a_route * float(demands[1:].mean()))
    head = _head("CVRP", places, capacity=capacity)
    return head + _sections(NODE_COORD_SECTION=places, DEMAND_SECTION=demands[:, None])


def _head(kind: str, places: Rows, *, capacity: int) -> str:
    size = f"TYPE : {kind}\nDIMENSION : {len(places)}\nCAPACITY : {capacity}\n"
    return f"NAME : {kind}-n{len(places)}\n{size}EDGE_WEIGHT_TYPE : EUC_2D\n"


def _sections(**sections: Rows) -> str:
    written = [f"{name}\n{''.join(_lines(rows))}" for name, rows in sections.items()]
    return "".join(written) + "DEPOT_SECTION\n1\n-1\nEOF\n"


def _lines(rows: Rows) -> Iterable[str]:
    return (f"{number} {' '.join(map(str, row))}\n" for number, row in enumerate(rows.tolist(), 1))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stops", type=int, default=10_000)
    parser.add_argument("--a-route", type=int, help="stops a route on average: then there are no windows")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    if given.a_route is None:
        text = with_windows(given.stops, seed=given.seed)
    else:
        text = with_long_routes(given.stops, a_route=given.a_route, seed=given.seed)
    given.out.write_text(text)


if __name__ == "__main__":
    main()
