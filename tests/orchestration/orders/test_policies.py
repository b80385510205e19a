"""The states of an order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Conflict
from app.models import OrderState
from app.orchestration.orders.policies import NEXT, TERMINAL, OrderEvent, may_change, next_state


@given(st.lists(st.sampled_from(OrderEvent), max_size=12))
def test_no_sequence_of_events_leaves_the_table_or_a_terminal_state(events: list[OrderEvent]) -> None:
    state = OrderState.RECEIVED
    for event in events:
        before = state
        if (before, event) not in NEXT:
            with pytest.raises(Conflict, match=r"Order 4711 is .* and can no longer be"):
                next_state(state, event, reference="4711")
            continue
        state = next_state(state, event, reference="4711")
        assert before not in TERMINAL
        assert NEXT[before, event] is state


def test_every_state_is_reachable() -> None:
    reached = {OrderState.RECEIVED}
    for _ in OrderState:
        reached |= {after for (before, _), after in NEXT.items() if before in reached}
    assert reached == set(OrderState)


def test_only_a_received_order_may_change_in_what_a_plan_depends_on() -> None:
    assert [state for state in OrderState if may_change(state, {"lines"})] == [OrderState.RECEIVED]
    assert [state for state in OrderState if may_change(state, {"instructions"})] == [
        OrderState.RECEIVED,
        OrderState.ALLOCATED,
    ]
