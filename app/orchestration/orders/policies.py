"""Which event may follow which state of an order, and what may still change in each. Pure: no clock, no database."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from app.core.errors import Conflict
from app.models import OrderState


class OrderEvent(StrEnum):
    """What can happen to an order."""

    ALLOCATE = "allocated"
    UNALLOCATE = "unallocated"
    START = "picked up"
    COMPLETE = "completed"
    COMPLETE_PARTIALLY = "partially completed"
    FAIL = "failed"
    CANCEL = "cancelled"


NEXT: Mapping[tuple[OrderState, OrderEvent], OrderState] = {
    (OrderState.RECEIVED, OrderEvent.ALLOCATE): OrderState.ALLOCATED,
    (OrderState.RECEIVED, OrderEvent.CANCEL): OrderState.CANCELLED,
    (OrderState.RECEIVED, OrderEvent.FAIL): OrderState.FAILED,
    (OrderState.ALLOCATED, OrderEvent.UNALLOCATE): OrderState.RECEIVED,
    (OrderState.ALLOCATED, OrderEvent.START): OrderState.IN_FULFILMENT,
    (OrderState.ALLOCATED, OrderEvent.CANCEL): OrderState.CANCELLED,
    (OrderState.ALLOCATED, OrderEvent.FAIL): OrderState.FAILED,
    (OrderState.IN_FULFILMENT, OrderEvent.COMPLETE): OrderState.COMPLETED,
    (OrderState.IN_FULFILMENT, OrderEvent.COMPLETE_PARTIALLY): OrderState.PARTIALLY_COMPLETED,
    (OrderState.IN_FULFILMENT, OrderEvent.FAIL): OrderState.FAILED,
}

TERMINAL = frozenset({OrderState.COMPLETED, OrderState.PARTIALLY_COMPLETED, OrderState.FAILED, OrderState.CANCELLED})

# Columns that an update may change while the goods are promised but not yet picked up: nothing that a plan depends on.
CHANGEABLE_WHEN_ALLOCATED = frozenset(
    {"recipient_name", "recipient_phone", "recipient_email", "locale", "channels", "instructions", "attributes"}
)


def next_state(state: OrderState, event: OrderEvent, *, reference: str) -> OrderState:
    """The state after the event; refuses what the machine does not know."""
    try:
        return NEXT[state, event]
    except KeyError:
        raise Conflict("INVALID_STATE", f"Order {reference} is {state} and can no longer be {event}.") from None


def may_change(state: OrderState, columns: Collection[str]) -> bool:
    """Whether an update may change these columns (`lines` among them) in this state."""
    if state is OrderState.RECEIVED:
        return True
    return state is OrderState.ALLOCATED and CHANGEABLE_WHEN_ALLOCATED.issuperset(columns)
