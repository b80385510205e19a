"""One record that compiled functions share: counters, sizes, and where each array lies.

Numba passes an array as seven machine words and counts references to it; a search with thirty arrays in a hundred
small functions drowns in both, compiling and running. Here a function gets one pointer and makes the views it needs.
Whoever fills a `Memory` must keep its arrays alive: `Memory.arrays` does.
"""

# mypy: disable-error-code="no-any-return"
# Compiled code: numba infers the types, records have none for mypy.

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # has no types
from numba import carray, from_dtype, types  # type: ignore[attr-defined]  # numba exports by star
from numba.extending import intrinsic
from numpy.typing import NDArray

from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.layout import KIND, NODE, ROUTE, VISIT

NUMBERS = (
    "level", "visits", "rows", "slots", "kinds", "dimensions", "priced", "mixed", "near_size", "close_size", "paired",
    "nodes", "rich", "timing", "tied", "reloading", "riding", "balanced", "epoch",
    "clock", "worked", "waited", "room", "kinks_size", "rests", "pending", "earliest", "soft", "drive_seconds",
    "thorough", "in_use", "tick", "saved_nodes", "saved_routes", "pool_size", "absent_size", "blink",
    "joins", "two_way", "choosy", "adding", "focus", "stay",
)  # fmt: skip
LONE, FIRST, SECOND = 0, 1, 2
FAR_AWAY = 1 << 40
# The shape of views: an index below 0 counts from the end, and with no length that costs no instruction.
UNBOUNDED = (0,)
# In compiled code every whole number is 64 bits wide, so that each function is compiled for one set of types.
long: Any = np.int64
NOBODY: Any = np.int64(-1)
BACK: Any = np.int64(0)
AHEAD: Any = np.int64(1)
AMOUNTS = ("cost", "best_cost", "lateness", "drive_cost", "balance_price", "balance", "forgiven")
ARRAYS: dict[str, Any] = {
    "distance": np.int32,  # [profile, from, to], and [profile, to, from]
    "distance_back": np.int32,
    "duration": np.int32,
    "duration_back": np.int32,
    "visit": VISIT,
    "service": np.int32,  # [class, node]
    "demands": np.int32,  # [visit, dimension]
    "pickups": np.int32,
    "drops": np.int32,  # [visit, dimension]: delivered, but collected on the way
    "mate": np.int32,  # the other visit of the pair, or -1
    "role": np.int32,  # LONE, FIRST or SECOND
    "kind": KIND,
    "capacities": np.int32,  # [kind, dimension]
    "prices": np.float64,  # [visit, kind]
    "options": np.int32,  # [visit]: how many vehicles may come
    "penalty": np.float64,
    "remote": np.int32,  # metres from the nearest start
    "near": np.int32,  # [visit, near_size]: who leaves together, by distance
    "soon": np.int32,  # [visit, near_size]: the same by distance and time
    "close": np.int32,  # [visit, close_size]: next to whom it may come
    "roomy": np.int32,  # those of one visit's that are on a route with room for it
    "fixed": np.int8,
    "node": NODE,
    "route": ROUTE,
    "loads": np.int32,  # [slot, dimension]: free room
    "peaks": np.int32,  # [node, dimension, 3]: highest load up to, and from, each node; load on leaving it
    "journal": NODE,
    "journal_nodes": np.int32,
    "route_journal": ROUTE,
    "journal_routes": np.int32,
    "journal_loads": np.int32,
    "pool": np.int32,  # removed in this iteration, and who else is tried
    "keys": np.float64,
    "absent": np.int32,  # the visits on no route, and where each stands in that list
    "place": np.int32,
    "spare": np.int32,  # by kind: a slot that may be empty
    "best": np.int32,  # the best plan: each visit's next, then each slot's first
    "word": np.uint64,
    # What only whole routes are timed by:
    "road": np.int32,  # seconds on a free road; `duration` is never longer than under traffic
    "windows": np.int32,  # [visit + 1]: where each visit's windows begin
    "window_opens": np.int64,
    "window_closes": np.int64,
    "late_cost": np.float64,  # below 0: windows are hard
    "setup": np.int32,
    "place_of": np.int32,  # [node]: two with the same number share a parking place
    "start_place": np.int32,
    "release": np.int32,
    "max_ride": np.int32,
    "lifo": np.int32,
    "max_reloads": np.int32,
    "kind_breaks": np.int32,  # [kind + 1]: where each kind's breaks begin, by closing time
    "break_windows": np.int32,
    "break_seconds": np.int32,
    "break_latest": np.int64,  # so that those behind it can still begin
    "break_closes": np.int64,
    "rule_work": np.int32,  # below 0: no driving rule
    "rule_break": np.int32,
    "rule_counts": np.int32,
    "band_ends": np.int32,  # [profile + 1]: where each profile's traffic begins
    "band_starts": np.int32,
    "band_factors": np.float64,
    "band_periods": np.int32,
    "apart_ends": np.int32,
    "apart": np.int32,
    "rival_ends": np.int32,
    "rival": np.int32,
    "company_ends": np.int32,
    "company": np.int32,
    "reload_first": np.int32,  # [slot + 1]: each vehicle's reload nodes
    # Scratch for one route:
    "items": np.int32,
    "stack": np.int32,
    "legs": np.int32,
    "works": np.int32,
    "holds": np.int64,
    "not_before": np.int64,
    "begins": np.int64,
    "departures": np.int64,
    "kinks": np.int64,
    "kinks_kept": np.int64,
}


def _sources() -> int:
    """A number that changes with any source of the kernel.

    Numba keeps what it compiled until that function's own file changes, whatever became of the functions inlined in it.
    In the name of a field of the record that every function takes, this makes all of them new types, and so compiled
    again.
    """
    digest = sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return int(digest.hexdigest()[:12], 16)


SOURCES = _sources()


MEMORY = np.dtype(
    [
        (f"sources_{SOURCES:x}", np.int64),
        *((name, np.int64) for name in NUMBERS),
        *((name, np.float64) for name in AMOUNTS),
        *((name, np.int64) for name in ARRAYS),
    ]
)


class Memory:
    """The record and its arrays by name."""

    def __init__(self) -> None:
        self.record: NDArray[Any] = np.zeros(1, MEMORY)
        self.arrays: dict[str, NDArray[Any]] = {}

    def hold(self, name: str, array: NDArray[Any]) -> None:
        """Keep an array and write down where it lies."""
        array = np.ascontiguousarray(array, dtype=ARRAYS[name])
        array = array if array.size else np.zeros(1, ARRAYS[name])
        self.arrays[name] = array
        self.record[name] = array.ctypes.data

    def number(self, name: str) -> int:
        """One of the sizes or counters."""
        return int(self.record[name][0])


def _view_of(element: Any) -> Any:
    """A compiled function that makes an array of an address."""
    pointer = types.CPointer(from_dtype(np.dtype(element)))  # type: ignore[no-untyped-call]  # numba is untyped

    @intrinsic
    def at(_context: Any, _address: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return pointer(types.int64), code

    return at


_WHOLE, _WIDE, _SMALL, _AMOUNT, _WORD = (_view_of(t) for t in (np.int32, np.int64, np.int8, np.float64, np.uint64))
_NODE, _ROUTE, _VISIT, _KIND, memory_view = (_view_of(t) for t in (NODE, ROUTE, VISIT, KIND, MEMORY))


@compiled
def whole(address: int) -> Any:
    """The array of 32-bit whole numbers at an address."""
    return carray(_WHOLE(address), UNBOUNDED)


@compiled
def wide(address: int) -> Any:
    """The array of 64-bit whole numbers at an address."""
    return carray(_WIDE(address), UNBOUNDED)


@compiled
def amounts(address: int) -> Any:
    """The array of floats at an address."""
    return carray(_AMOUNT(address), UNBOUNDED)


@intrinsic
def _called(_context: Any, _address: Any, _record: Any, _route: Any, _size: Any) -> Any:
    """Call the function at an address with the record's own address: what is not inlined is compiled only once."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        function = builder.inttoptr(arguments[0], ir.FunctionType(ir.DoubleType(), [word, word, word]).as_pointer())
        return builder.call(function, [builder.ptrtoint(arguments[1], word), arguments[2], arguments[3]])

    return types.float64(types.int64, _record, types.int64, types.int64), code


called: Any = _called


@compiled
def nodes(m: Any) -> Any:
    """The nodes of all chains."""
    return carray(_NODE(m.node), UNBOUNDED)


@compiled
def saved_nodes(m: Any) -> Any:
    """Nodes as they were."""
    return carray(_NODE(m.journal), UNBOUNDED)


@compiled
def routes(m: Any) -> Any:
    """The vehicles' routes."""
    return carray(_ROUTE(m.route), UNBOUNDED)


@compiled
def saved_routes(m: Any) -> Any:
    """Routes as they were."""
    return carray(_ROUTE(m.route_journal), UNBOUNDED)


@compiled
def visits(m: Any) -> Any:
    """What never changes of a node."""
    return carray(_VISIT(m.visit), UNBOUNDED)


@compiled
def kinds(m: Any) -> Any:
    """The kinds of vehicles."""
    return carray(_KIND(m.kind), UNBOUNDED)


@compiled
def is_fixed(m: Any, v: int) -> int:
    """0: a visit may move; 1: it stays where it is, and nothing comes before it; 2: it stays on its route."""
    return long(carray(_SMALL(m.fixed), UNBOUNDED)[v])


@compiled
def dice(m: Any) -> Any:
    """The state of the random numbers."""
    return carray(_WORD(m.word), (1,))


@compiled
def rows_of(m: Any, kind_of_work: int) -> Any:
    """Service seconds by node for one class of vehicles."""
    return whole(m.service + 4 * kind_of_work * m.nodes)


@compiled
def work(m: Any, r: int) -> Any:
    """The service seconds by node, as the route's kind of vehicle takes them."""
    return rows_of(m, kinds(m)[routes(m)[r].kind].work)


@compiled
def row(m: Any, v: int) -> int:
    """The matrix row of a node."""
    return long(v) if v < m.visits else long(visits(m)[v].row)


@compiled
def spare_slot(m: Any, k: int) -> int:
    """An empty vehicle of a kind, or -1."""
    r = long(whole(m.spare)[k])
    if r >= 0 and routes(m)[r].size > 0:
        r = -1
        for slot in range(long(kinds(m)[k].first), long(kinds(m)[k].last)):
            if routes(m)[slot].size == 0:
                r = slot
                break
        whole(m.spare)[k] = r
    return r
