"""What each reason does to a level, and what a level refuses. Pure: no clock, no database."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.errors import Refusal, UserError
from app.models import InventoryLevel, MovementReason

# How far a counter's clock may be ahead of ours.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What one unit does to the three numbers of a level."""

    on_hand: int = 0
    reserved: int = 0
    in_transit: int = 0


EFFECTS: Mapping[MovementReason, Effect] = {
    MovementReason.RESERVE: Effect(reserved=1),
    MovementReason.RELEASE: Effect(reserved=-1),
    MovementReason.PICK: Effect(on_hand=-1, reserved=-1, in_transit=1),
    MovementReason.DELIVER: Effect(in_transit=-1),
    MovementReason.RETURN: Effect(in_transit=-1, on_hand=1),
    MovementReason.LOSS: Effect(in_transit=-1),
    MovementReason.RECEIPT: Effect(on_hand=1),
}

# What goes out with a van and comes back was reserved before, and what comes in takes of nothing, so that it is never
# short. It moves as a transaction ends, which leaves the level of a popular sku locked for that moment only.
MOVED_LAST = frozenset(
    {
        MovementReason.PICK,
        MovementReason.DELIVER,
        MovementReason.RETURN,
        MovementReason.LOSS,
        MovementReason.RECEIPT,
    }
)

# The reasons that a warehouse system may give for a movement of its own.
OUTSIDE_REASONS = frozenset(
    {
        MovementReason.RECEIPT,
        MovementReason.ADJUSTMENT,
        MovementReason.RETURN,
        MovementReason.LOSS,
        MovementReason.TRANSFER,
    }
)


@dataclass(frozen=True, kw_only=True)
class Shortage:
    """So many were wanted of an sku at a node, but only so many are there. `counted` names which number fell short."""

    node_id: uuid.UUID
    node: str
    sku: str
    wanted: int
    available: int
    counted: str

    def sentence(self) -> str:
        """The shortage in words."""
        return f"Node {self.node} has {self.available} of {self.sku} {self.counted}, but {self.wanted} are wanted."


class InsufficientStock(Refusal):
    """Some lines cannot be served; nothing was changed for any of them."""

    def __init__(self, shortages: list[Shortage]) -> None:
        text = " ".join(shortage.sentence() for shortage in shortages)
        super().__init__("INSUFFICIENT_STOCK", f"{text} Lower the quantity or choose another node.")
        self.shortages = shortages


def available(level: InventoryLevel) -> int:
    """What can still be promised."""
    return level.on_hand - level.reserved


def shortage(level: InventoryLevel, *, wanted: int, effect: Effect, inbound: int = 0) -> Shortage | None:
    """Why the effect cannot be had `wanted` times of this level, or None where it can.

    `inbound` of them are reserved, or were, of what is still to come in.
    """
    after_on_hand = level.on_hand + effect.on_hand * wanted
    after_reserved = level.reserved + effect.reserved * (wanted - inbound)
    if level.in_transit + effect.in_transit * wanted < 0:
        found, counted = level.in_transit, "in transit"
    elif after_reserved < 0:
        found, counted = level.reserved + inbound, "reserved"
    elif after_on_hand < after_reserved or after_on_hand < 0:
        found, counted = available(level) + (inbound if effect.on_hand == 0 else 0), "available"
    else:
        return None
    return Shortage(
        node_id=level.node_id, node=str(level.node_id), sku=level.sku, wanted=wanted, available=found, counted=counted
    )


def count_refusal(
    level: InventoryLevel, *, node: str, on_hand: int, as_of: datetime, now: datetime
) -> UserError | None:
    """Why this count cannot be taken over, or None where it can."""
    what = f"{level.sku} at {node}"
    if on_hand < 0:
        return UserError(
            code="NEGATIVE_STOCK", message=f"{what} cannot be counted as {on_hand}. Send 0 or more.", field="onHand"
        )
    if as_of > now + CLOCK_SKEW:
        return UserError(
            code="COUNT_IN_FUTURE",
            message=f"The count of {what} is dated {as_of.isoformat()}, which is still to come. Send its time.",
            field="asOf",
        )
    if level.counted_at is not None and as_of < level.counted_at and on_hand != level.on_hand:
        return UserError(
            code="STALE_COUNT",
            message=(
                f"The count of {what} as of {as_of.isoformat()} is older than the last one, of"
                f" {level.counted_at.isoformat()}. Count again."
            ),
            field="asOf",
        )
    if on_hand < level.reserved:
        return UserError(
            code="BELOW_RESERVED",
            message=(
                f"{what} cannot be set to {on_hand}, as {level.reserved} are reserved for orders."
                " Cancel or move orders first."
            ),
            field="onHand",
        )
    return None


def movement_refusal(level: InventoryLevel, *, node: str, delta: int, expected_on_hand: int | None) -> UserError | None:
    """Why this movement cannot be taken over, or None where it can."""
    what, after = f"{level.sku} at {node}", level.on_hand + delta
    if delta == 0:
        return UserError(
            code="DELTA_ZERO", message=f"A movement of 0 of {what} moves nothing. Leave it out.", field="delta"
        )
    if expected_on_hand is not None and expected_on_hand != level.on_hand:
        return UserError(
            code="STALE_EXPECTED",
            message=(
                f"{what} was expected to have {expected_on_hand} on hand, but has {level.on_hand}."
                " Read the level and send the movement again."
            ),
            field="expectedOnHand",
        )
    if after < 0:
        return UserError(
            code="NEGATIVE_STOCK",
            message=f"{what} has {level.on_hand} on hand, so that {delta:+} would leave {after}. Send less.",
            field="delta",
        )
    if after < level.reserved:
        return UserError(
            code="BELOW_RESERVED",
            message=(
                f"{delta:+} would leave {after} of {what}, but {level.reserved} are reserved for orders."
                " Cancel or move orders first."
            ),
            field="delta",
        )
    return None
