"""How late each carrier is expected to be on each lane, and how probably in time. Pure: counts in, numbers out.

Two steps of shrinkage: carriers to all deliveries, and a carrier's lanes to the carrier. So a lane of a few deliveries
says what its carrier does, and a new carrier what carriers do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.learning.shrinkage import mean_prior, rate_prior


@dataclass(frozen=True, kw_only=True)
class LaneHistory:
    """What was seen on one lane of one carrier: `late_seconds` are summed over all, those in time counting zero."""

    carrier: str
    lane: str
    deliveries: int
    in_time: int
    late_seconds: float
    late_seconds_squared: float


@dataclass(frozen=True, kw_only=True)
class Punctuality:
    """What to expect of a delivery."""

    late_seconds: float
    on_time_probability: float


# Before anything was delivered: nobody is expected to be late.
NOTHING_SEEN = Punctuality(late_seconds=0.0, on_time_probability=1.0)


@dataclass(frozen=True, kw_only=True)
class PunctualityTable:
    """What is expected of each (carrier, lane), of a carrier on another lane, and of another carrier."""

    anybody: Punctuality = NOTHING_SEEN
    carriers: Mapping[str, Punctuality] = field(default_factory=dict)
    lanes: Mapping[tuple[str, str], Punctuality] = field(default_factory=dict)

    def expected(self, carrier: str, lane: str) -> Punctuality:
        """The closest that is known."""
        return self.lanes.get((carrier, lane)) or self.carriers.get(carrier) or self.anybody


def learn(history: Iterable[LaneHistory]) -> PunctualityTable:
    """The table that a history teaches."""
    rows = [row for row in history if row.deliveries > 0]
    if not rows:
        return PunctualityTable()
    names = sorted({row.carrier for row in rows})
    by_carrier = [[row for row in rows if row.carrier == name] for name in names]
    overall, found = _drawn([_summed(group) for group in by_carrier], None)
    carriers = dict(zip(names, found, strict=True))
    lanes: dict[tuple[str, str], Punctuality] = {}
    for name, group in zip(names, by_carrier, strict=True):
        _, of_lanes = _drawn(group, carriers[name])
        lanes |= {(name, row.lane): each for row, each in zip(group, of_lanes, strict=True)}
    return PunctualityTable(anybody=overall, carriers=carriers, lanes=lanes)


def _drawn(rows: Sequence[LaneHistory], towards: Punctuality | None) -> tuple[Punctuality, list[Punctuality]]:
    """What the rows are drawn to, and the rows drawn to it."""
    counts = np.array([row.deliveries for row in rows], dtype=np.float64)
    in_time = np.array([row.in_time for row in rows], dtype=np.float64)
    late = np.array([row.late_seconds for row in rows])
    squares = np.array([row.late_seconds_squared for row in rows])
    rate = rate_prior(in_time, counts, value=None if towards is None else towards.on_time_probability)
    mean = mean_prior(late, squares, counts, value=None if towards is None else towards.late_seconds)
    pairs = zip(mean.drawn(late, counts).tolist(), rate.drawn(in_time, counts).tolist(), strict=True)
    return (
        Punctuality(late_seconds=mean.value, on_time_probability=rate.value),
        [Punctuality(late_seconds=seconds, on_time_probability=share) for seconds, share in pairs],
    )


def _summed(rows: Sequence[LaneHistory]) -> LaneHistory:
    return LaneHistory(
        carrier=rows[0].carrier,
        lane="",
        deliveries=sum(row.deliveries for row in rows),
        in_time=sum(row.in_time for row in rows),
        late_seconds=sum(row.late_seconds for row in rows),
        late_seconds_squared=sum(row.late_seconds_squared for row in rows),
    )
