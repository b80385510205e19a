"""What scarce stock and capacity are worth to others. Pure.

A batch leaves a price for each limit: what one more unit would have saved it (its dual value). An order that comes
alone takes the way whose cost, with the price of what it uses up, is least: bid prices, as in network revenue
management (Talluri and van Ryzin, The Theory and Practice of Revenue Management, 2004, chapter 3). Between two batches
a price follows what is left: up where it goes faster than the time, down where it goes slower.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.orchestration.allocations.candidates import Candidate
from app.orchestration.allocations.limits import ResourceKind

# The demand that prices were worked out for comes within this time.
HORIZON = timedelta(hours=24)
# So far a price moves by itself, up or down, before the next batch.
MOST_MOVED = 4.0


# In the place of a solver, in a decision: prices decided.
SOLVER = "bid-prices"


def planned(capacity: int, *, since: datetime, now: datetime) -> float:
    """How many units should be left by now of those that there were."""
    return capacity * (1.0 - min(1.0, max(0.0, (now - since) / HORIZON)))


def moved_price(price_minor: float, planned: float, left: int) -> float:
    """The price now that so many units are left, where so many were planned to be. Plain: the benchmark compiles it."""
    if left <= 0 or price_minor <= 0.0:
        return price_minor
    return price_minor * min(MOST_MOVED, max(1.0 / MOST_MOVED, planned / left))


@dataclass(frozen=True, kw_only=True)
class Bid:
    """A price in minor units per unit, and how many units there were when it was found."""

    price_minor: float
    capacity: int
    at: datetime

    def moved(self, *, left: int, now: datetime) -> float:
        """The price now that so many units are left."""
        return moved_price(self.price_minor, planned(self.capacity, since=self.at, now=now), left)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Something shared and limited: its name for a person, what is left of it, and what a unit is worth elsewhere."""

    kind: ResourceKind
    name: str
    left: int
    price_minor: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A candidate with what it uses of the limits: id -> units."""

    candidate: Candidate
    uses: Mapping[str, int]

    def scarcity(self, limits: Mapping[str, Limit]) -> float:
        """What it uses up, in minor units, at the prices of the limits."""
        return sum(limits[id].price_minor * amount for id, amount in self.uses.items())

    def lacking(
        self, limits: Mapping[str, Limit], *, freed: Mapping[str, int] | None = None
    ) -> tuple[Limit, int] | None:
        """The limit that lacks most, and how much; None: there is enough of all. `freed` is given back first."""
        back = freed or {}
        short = [
            (missing, id)
            for id, amount in self.uses.items()
            if (missing := amount - limits[id].left - back.get(id, 0)) > 0
        ]
        if not short:
            return None
        missing, worst = max(short)
        return limits[worst], missing
