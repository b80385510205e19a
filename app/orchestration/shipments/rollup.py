"""What the states of an order's shipments mean for the order. Pure: no clock, no database."""

from collections.abc import Collection

from app.models import OrderState, ShipmentState
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.shipments.policies import AT_NODE, DELIVERED, TERMINAL


def order_events(
    order: OrderState, shipments: Collection[ShipmentState], *, is_all_delivered: bool, is_any_delivered: bool = False
) -> list[OrderEvent]:
    """The events that bring the order where its shipments are, in order; none where it is there already.

    Cancelled shipments count for nothing: whoever cancels them says what becomes of the order, but for a collection
    that was given up after its order had begun. `is_all_delivered`: no line of the order lacks anything;
    `is_any_delivered`: something of it is where it was wanted.
    """
    live = [state for state in shipments if state is not ShipmentState.CANCELLED]
    if order is OrderState.IN_FULFILMENT and not live:
        return [OrderEvent.FAIL]
    if order not in (OrderState.ALLOCATED, OrderState.IN_FULFILMENT) or all(state in AT_NODE for state in live):
        return []
    started = [OrderEvent.START] if order is OrderState.ALLOCATED else []
    if not all(state in TERMINAL for state in live):
        return started
    return [*started, _ending(live, is_all_delivered=is_all_delivered, is_any_delivered=is_any_delivered)]


def _ending(live: Collection[ShipmentState], *, is_all_delivered: bool, is_any_delivered: bool) -> OrderEvent:
    if is_all_delivered:
        return OrderEvent.COMPLETE
    if is_any_delivered or any(state in DELIVERED for state in live):
        return OrderEvent.COMPLETE_PARTIALLY
    return OrderEvent.FAIL
