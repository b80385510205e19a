"""Which of the goods that are reserved are on hand, and which are still to come in. Pure: no clock, no database.

Pieces are alike, so that a reservation belongs to no piece. Who can wait takes of the latest delivery that is early
enough: what is there stays for those who cannot. What is given back frees the latest delivery first: the others are
then covered by what comes sooner, never by what comes later than they were promised. What leaves the node has come,
whether somebody said so or not: where too little is on hand, it is the next delivery that it came with.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from app.models import InboundDelivery, InventoryLevel
from app.orchestration.inventory.policies import Effect


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """So many pieces; `by`: deliveries until that day count, None: only what is on hand."""

    quantity: int
    by: date | None = None


@dataclass(frozen=True, kw_only=True)
class Share:
    """So much of it concerns a delivery. `has_come`: it was not reported, but must have arrived."""

    delivery: InboundDelivery
    quantity: int
    has_come: bool = False


def total(shares: Sequence[Share]) -> int:
    """All deliveries together."""
    return sum(share.quantity for share in shares)


def shares(
    wanted: Sequence[Wanted], deliveries: Sequence[InboundDelivery], level: InventoryLevel, effect: Effect
) -> list[list[Share]]:
    """For each of the wants, in their order, what of it concerns deliveries (given the next first) of the level."""
    if effect.reserved > 0:
        free = [delivery.quantity - delivery.reserved for delivery in deliveries]
        return [
            list(_latest(want.quantity if want.by else 0, deliveries, free, by=want.by or date.min)) for want in wanted
        ]
    promised = [delivery.reserved for delivery in deliveries]
    if effect.on_hand == 0:
        return [list(_latest(want.quantity, deliveries, promised, by=date.max)) for want in wanted]
    return list(_leaving(wanted, deliveries, promised, level))


def _leaving(
    wanted: Sequence[Wanted], deliveries: Sequence[InboundDelivery], promised: list[int], level: InventoryLevel
) -> Iterator[list[Share]]:
    """What leaves was reserved on hand; the rest was still counted on deliveries."""
    reserved, on_hand = level.reserved, level.on_hand
    for want in wanted:
        missing = max(0, want.quantity - on_hand)
        rest = max(missing, want.quantity - reserved)
        reserved, on_hand = max(0, reserved - want.quantity), max(0, on_hand - want.quantity)
        come = list(_next(missing, deliveries, promised))
        yield [*come, *_latest(rest - total(come), deliveries, promised, by=date.max)]


def _next(quantity: int, deliveries: Sequence[InboundDelivery], left: list[int]) -> Iterator[Share]:
    """Takes so many, as far as there are, of the next deliveries, which must have come."""
    for place, delivery in enumerate(deliveries):
        taken = min(quantity, left[place])
        if taken:
            left[place] -= taken
            quantity -= taken
            yield Share(delivery=delivery, quantity=taken, has_come=True)


def _latest(quantity: int, deliveries: Sequence[InboundDelivery], left: list[int], *, by: date) -> Iterator[Share]:
    """Takes so many, as far as there are, of the latest deliveries until a day; `left` is what each still has."""
    for place in reversed(range(len(deliveries))):
        taken = min(quantity, left[place])
        if taken and deliveries[place].expected_on <= by:
            left[place] -= taken
            quantity -= taken
            yield Share(delivery=deliveries[place], quantity=taken)
