"""Which carriers are asked after the first one, and in which order: read from the decision that chose the first. Pure.

The decision keeps every other way to serve the order with its cost; those from the same node, in the same window, by
another carrier are the followers, cheapest first.
"""

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from app.models import Decision
from app.models.base import Json

# The part of a cost that the carrier is paid.
CARRIAGE = frozenset({"carrier", "carriage"})
# A follower brings the same goods from the same place, at the same time.
SAME = ("nodeId", "window", "service")


@dataclass(frozen=True, kw_only=True)
class Follower:
    """A carrier that could take the shipment, what it would be paid, and what the whole choice would cost."""

    carrier_id: uuid.UUID
    price_minor: int
    cost_minor: int
    told: Json


def followers(decision: Decision, *, without: Collection[uuid.UUID], most: int) -> list[Follower]:
    """At most `most` carriers in order of value, leaving out those of `without`."""
    best: dict[uuid.UUID, Follower] = {}
    for found in _possible(decision):
        known = best.get(found.carrier_id)
        if found.carrier_id not in without and (known is None or found.cost_minor < known.cost_minor):
            best[found.carrier_id] = found
    ranked = sorted(best.values(), key=lambda follower: (follower.cost_minor, str(follower.carrier_id)))
    return ranked[:most]


def price_of(told: Json) -> int:
    """What the carrier is paid for a way that a decision tells of; the whole cost where it has no parts."""
    if told.get("priceMinor") is not None:
        return int(told["priceMinor"])
    parts = [part["amountMinor"] for part in told.get("breakdown") or [] if part["component"] in CARRIAGE]
    return int(sum(parts)) if parts else int(told["costMinor"])


def _possible(decision: Decision) -> Iterator[Follower]:
    chosen = decision.chosen or {}
    if "sharedWith" in chosen:
        return  # another carrier of one part was never weighed by itself
    for told in decision.alternatives:
        # What was never possible has no window.
        is_possible = all(told.get(key) is not None for key in ("carrierId", "costMinor", "window"))
        if is_possible and all(told.get(key) == chosen.get(key) for key in SAME):
            yield Follower(
                carrier_id=uuid.UUID(told["carrierId"]),
                price_minor=price_of(told),
                cost_minor=int(told["costMinor"]),
                told=told,
            )
