"""Where a route reloads and rests, as its row keeps it. Pure: no clock, no database.

A pause comes after a stop, by the stop's number, so that it keeps its place when stops around it are skipped or late.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.models import PauseKind, Route, Stop, StopState
from app.models.base import Json

# A van has been, is, or will be next at a stop in one of these states: what comes before it is over.
REACHED = frozenset({StopState.ARRIVED, StopState.DEPARTED})


@dataclass(frozen=True, kw_only=True)
class Pause:
    """`after_stop`: the number of the stop before it, 0 before the first. `drive_seconds` lead to it.

    `on_arrival`: it is taken where the next stop is, before the visit; else where the van is. `at_node`: it is taken
    there. `waits`: it begins no earlier than `start`, however early the van is. `weight_kg`, `volume_l`: what a reload
    brings on board.
    """

    kind: PauseKind
    after_stop: int
    start: datetime
    end: datetime
    drive_seconds: int = 0
    drive_metres: int = 0
    on_arrival: bool = False
    at_node: bool = False
    waits: bool = False
    weight_kg: float | None = None
    volume_l: float | None = None

    @property
    def seconds(self) -> int:
        """How long it lasts."""
        return round((self.end - self.start).total_seconds())


def of(route: Route) -> list[Pause]:
    """The route's pauses, in order."""
    return [_read(given) for given in route.pauses]


def kept(pauses: Iterable[Pause]) -> list[Json]:
    """As a route's row keeps them."""
    return [
        {
            "kind": pause.kind.value,
            "afterStop": pause.after_stop,
            "start": pause.start.isoformat(),
            "end": pause.end.isoformat(),
            "driveSeconds": pause.drive_seconds,
            "driveMetres": pause.drive_metres,
            "onArrival": pause.on_arrival,
            "atNode": pause.at_node,
            "waits": pause.waits,
            "weightKg": pause.weight_kg,
            "volumeL": pause.volume_l,
        }
        for pause in pauses
    ]


def _read(given: Json) -> Pause:
    return Pause(
        kind=PauseKind(given["kind"]),
        after_stop=given["afterStop"],
        start=datetime.fromisoformat(given["start"]),
        end=datetime.fromisoformat(given["end"]),
        drive_seconds=given["driveSeconds"],
        drive_metres=given["driveMetres"],
        on_arrival=given["onArrival"],
        at_node=given["atNode"],
        waits=given["waits"],
        weight_kg=given["weightKg"],
        volume_l=given["volumeL"],
    )


def ahead(pauses: Sequence[Pause], stops: Iterable[Stop]) -> list[Pause]:
    """The pauses that are still to come: the van has been at none of the stops behind them."""
    last = max((stop.sequence for stop in stops if stop.arrived_at is not None or stop.state in REACHED), default=0)
    return [pause for pause in pauses if pause.after_stop >= last]


def before(pauses: Sequence[Pause], stops: Sequence[Stop]) -> list[list[Pause]]:
    """For each of these stops, in order, the pauses that lead up to it: each before the first stop that it precedes."""
    left = list(pauses)
    found = []
    for stop in stops:
        found.append([pause for pause in left if pause.after_stop < stop.sequence])
        left = [pause for pause in left if pause.after_stop >= stop.sequence]
    return found


def later_trips(pauses: Sequence[Pause], stops: Iterable[Stop]) -> Collection[int]:
    """The numbers of the stops that the van loads for on the way: all behind its first reload."""
    first = min((pause.after_stop for pause in pauses if pause.kind is PauseKind.RELOAD), default=None)
    return frozenset() if first is None else {stop.sequence for stop in stops if stop.sequence > first}
