"""What was handed over at a door: all, some, or none of each shipment, and the cash for it. Pure."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.errors import Refusal
from app.core.money import Money
from app.models import FailureReason, Handover, ProofKind, Shipment, ShipmentLine, StopOutcome
from app.orchestration.proofs.policies import GivenProof


class ItemCondition(StrEnum):
    """How pieces were, and whether they were taken."""

    GOOD = "GOOD"
    DAMAGED = "DAMAGED"
    REFUSED = "REFUSED"
    MISSING = "MISSING"


# The pieces that stayed with the recipient.
TAKEN = frozenset({ItemCondition.GOOD, ItemCondition.DAMAGED})
# Why a shipment failed of which nothing was taken.
REASON = {ItemCondition.REFUSED: FailureReason.REFUSED, ItemCondition.MISSING: FailureReason.MISSING}


@dataclass(frozen=True, kw_only=True)
class Item:
    """So many pieces of one sku of one shipment."""

    shipment_id: uuid.UUID
    sku: str
    quantity: int
    condition: ItemCondition = ItemCondition.GOOD


@dataclass(frozen=True, kw_only=True)
class GivenHandover:
    """A delivery as the device recorded it. `items` None: all goods; else what is not listed was not handed over."""

    handover: Handover
    received_by: str | None = None
    proofs: Sequence[GivenProof] = ()
    items: Sequence[Item] | None = None
    cash: Money | None = None


def with_receipt(given: GivenHandover, *, at: datetime) -> list[GivenProof]:
    """The proofs, and the collected cash as one of them: its value is the amount."""
    if given.cash is None:
        return list(given.proofs)
    others = [proof for proof in given.proofs if proof.kind is not ProofKind.CASH]
    amount = f"{given.cash.to_decimal()} {given.cash.currency}"
    return [*others, GivenProof(kind=ProofKind.CASH, captured_at=at, value=amount)]


@dataclass(frozen=True, kw_only=True)
class Part:
    """What became of one shipment. `delivered` (sku -> quantity) is set where only some was taken."""

    shipment: Shipment
    outcome: StopOutcome
    delivered: Mapping[str, int] | None = None
    reason: FailureReason | None = None


def parts_of(
    shipments: Sequence[Shipment], lines: Mapping[uuid.UUID, Sequence[ShipmentLine]], items: Sequence[Item] | None
) -> list[Part]:
    """What became of each shipment. Refuses pieces that are not there, too many of them, and a handover of nothing."""
    if items is None:
        return [Part(shipment=shipment, outcome=StopOutcome.SUCCEEDED) for shipment in shipments]
    sent = {(shipment.id, line.sku): line.quantity for shipment in shipments for line in lines[shipment.id]}
    _check_items(sent, items)
    parts = [_part(shipment, sent, items) for shipment in shipments]
    if all(part.outcome is StopOutcome.FAILED for part in parts):
        raise Refusal(
            "NOTHING_DELIVERED",
            "None of the items was handed over. Record failed with its reason instead.",
            field="items",
        )
    return parts


def _check_items(sent: Mapping[tuple[uuid.UUID, str], int], items: Sequence[Item]) -> None:
    listed: dict[tuple[uuid.UUID, str], int] = {}
    for index, item in enumerate(items):
        key = (item.shipment_id, item.sku)
        if key not in sent:
            raise Refusal(
                "ITEM_UNKNOWN",
                f"No shipment of this stop that is on the van holds {item.sku!r} as item {index} says."
                " Send the stop's own shipments and skus.",
                field=f"items.{index}",
            )
        listed[key] = listed.get(key, 0) + item.quantity
        if item.quantity < 1 or listed[key] > sent[key]:
            raise Refusal(
                "QUANTITY_EXCEEDED",
                f"{listed[key]} of {item.sku} are listed, but the shipment holds {sent[key]}. Send 1 to {sent[key]}.",
                field=f"items.{index}.quantity",
            )


def _part(shipment: Shipment, sent: Mapping[tuple[uuid.UUID, str], int], items: Sequence[Item]) -> Part:
    own = [item for item in items if item.shipment_id == shipment.id]
    whole = {sku: quantity for (shipment_id, sku), quantity in sent.items() if shipment_id == shipment.id}
    taken: dict[str, int] = {}
    for item in own:
        if item.condition in TAKEN:
            taken[item.sku] = taken.get(item.sku, 0) + item.quantity
    if taken == whole:
        return Part(shipment=shipment, outcome=StopOutcome.SUCCEEDED)
    if taken:
        return Part(shipment=shipment, outcome=StopOutcome.PARTIAL, delivered=taken)
    reason = next((REASON[item.condition] for item in own if item.condition in REASON), FailureReason.MISSING)
    return Part(shipment=shipment, outcome=StopOutcome.FAILED, reason=reason)


def check_cash(given: Money | None, *, due_minor: int | None, currency: str, is_whole: bool) -> int | None:
    """The minor units collected. All that is due, for a whole delivery; at most that, for a part of one."""
    if given is None:
        return None
    due = Money(minor=due_minor or 0, currency=currency)
    is_right = given.minor == due.minor if is_whole else 0 <= given.minor <= due.minor
    if given.currency != currency or not is_right:
        raise Refusal(
            "CASH_MISMATCH",
            f"{given.to_decimal()} {given.currency} was collected, but {due.to_decimal()} {currency} is due."
            " Count again and send what the order asks for.",
            field="cash",
        )
    return given.minor or None
