"""An order that comes with a hold: it takes the window over, if it is the order that the window was held for. Pure."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.core.errors import UserError
from app.core.geo import great_circle_metres
from app.models import HoldState, OrderKind
from app.orchestration.orders.baskets import Basket, basket_of
from app.orchestration.orders.drafts import OrderDraft, WindowDraft
from app.orchestration.orders.intake import Intake

# A shop may locate an address otherwise than its checkout did; no farther apart than this.
SAME_DOOR_METRES = 500.0
# Shares of a kilogram and a litre that come of adding floats.
ROUNDING = 1e-6

NOT_KEPT: Mapping[HoldState, tuple[str, str]] = {
    HoldState.CONFIRMED: ("HOLD_USED", "is another order's already"),
    HoldState.RELEASED: ("HOLD_RELEASED", "was given back"),
    HoldState.EXPIRED: ("HOLD_EXPIRED", "ran out"),
}


@dataclass(frozen=True, kw_only=True)
class Held:
    """What an order needs to know of a hold."""

    id: uuid.UUID
    state: HoldState
    expires_at: datetime
    window: WindowDraft
    basket: Basket


def taking_over(draft: OrderDraft, held: Held) -> OrderDraft:
    """The draft with the window and the service level that were held for it."""
    return replace(draft, requested_window=held.window, service_level=held.basket.service_level)


def hold_twice(drafts: Sequence[OrderDraft]) -> dict[int, UserError]:
    """Row index -> error, for each row whose hold came before in the same call."""
    first: dict[str, int] = {}
    found: dict[int, UserError] = {}
    for index, draft in enumerate(drafts):
        if draft.hold_id is not None and first.setdefault(draft.hold_id, index) != index:
            found[index] = _fault(
                "DUPLICATE_HOLD", f"Row {first[draft.hold_id]} has this hold already. Hold a window for each order."
            )
    return found


def unknown_hold(draft: OrderDraft) -> UserError:
    """There is no such hold."""
    return _fault(
        "UNKNOWN_HOLD", f"There is no hold {(draft.hold_id or '')[:80]!r}. Leave holdId out, or hold a window first."
    )


def came_without(reference: str) -> UserError:
    """A hold makes a new order, and this one is there already."""
    return _fault(
        "HOLD_TOO_LATE",
        f"Order {reference} was received without this hold. Leave holdId out, or cancel it and send a new one.",
    )


def faults(draft: OrderDraft, held: Held, intake: Intake) -> list[UserError]:
    """Why this order cannot take the hold over."""
    ends = intake.now >= held.expires_at
    state = HoldState.EXPIRED if held.state is HoldState.HELD and ends else held.state
    if state in NOT_KEPT:
        code, why = NOT_KEPT[state]
        when = f" at {held.expires_at.isoformat(timespec='seconds')}" if state is HoldState.EXPIRED else ""
        return [_fault(code, f"Hold {(draft.hold_id or '')[:80]!r} {why}{when}. Ask for offers and hold one again.")]
    return [
        UserError(code="HOLD_MISMATCH", message=f"{what} Send what it was held for, or hold a window again.", field=at)
        for at, what in _differences(draft, held, intake)
    ]


def _differences(draft: OrderDraft, held: Held, intake: Intake) -> Iterator[tuple[str, str]]:
    """Field, and how the order is another than what was held for."""
    wanted, kept = basket_of(taking_over(draft, held), intake), held.basket
    if draft.kind is not OrderKind.DELIVERY:
        yield "kind", f"The window was held for a delivery, not for a {draft.kind}."
    if draft.requested_window not in (None, held.window):
        yield "requestedWindow", f"The window that was held is {held.window.start.isoformat()} and what follows it."
    if draft.service_level not in (None, kept.service_level):
        yield "serviceLevel", f"The window was held for {kept.service_level!r}, not for {draft.service_level!r}."
    if wanted.quantities != kept.quantities:
        yield "lines", f"The window was held for {_told(kept.quantities)}, not for {_told(wanted.quantities)}."
    elif wanted.weight_kg > kept.weight_kg + ROUNDING or wanted.volume_l > kept.volume_l + ROUNDING:
        yield (
            "lines",
            f"The window was held for {kept.weight_kg:g} kg and {kept.volume_l:g} l,"
            f" not for {wanted.weight_kg:g} kg and {wanted.volume_l:g} l.",
        )
    if more := sorted(set(wanted.required_skills) - set(kept.required_skills)):
        yield "requiredSkills", f"The window was held without {', '.join(more)}."
    if (wanted.country, wanted.postal_code) != (kept.country, kept.postal_code):
        yield (
            "address.postalCode",
            f"The window was held for {kept.country} {kept.postal_code},"
            f" not for {wanted.country} {wanted.postal_code}.",
        )
    elif (metres := great_circle_metres(wanted.door, kept.door)) > SAME_DOOR_METRES:
        yield "address.location", f"The location is {metres:.0f} m from the door that the window was held for."


def _told(quantities: Mapping[str, int]) -> str:
    return ", ".join(f"{quantity} of {sku}" for sku, quantity in sorted(quantities.items()))


def _fault(code: str, message: str) -> UserError:
    return UserError(code=code, message=message, field="holdId")
