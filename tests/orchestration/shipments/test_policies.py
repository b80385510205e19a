"""What may happen to a shipment, and what it means for its order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Conflict
from app.core.ids import new_id
from app.models import FailureReason, MilestoneKind, OrderState, Shipment, ShipmentState
from app.orchestration.events.catalogue import EVENT_TYPES
from app.orchestration.orders.policies import NEXT as ORDER_NEXT
from app.orchestration.orders.policies import OrderEvent
from app.orchestration.policies.documents import PolicyDocument
from app.orchestration.shipments.failures import RULES, after_failure
from app.orchestration.shipments.milestones import missing_steps
from app.orchestration.shipments.policies import LOG_TYPE, NEXT, TERMINAL, ShipmentEvent, lateness_risk, next_state
from app.orchestration.shipments.rollup import order_events

NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)


def shipment(state: ShipmentState) -> Shipment:
    return Shipment(
        reference="4711/1",
        order_id=new_id(),
        node_id=new_id(),
        carrier_id=new_id(),
        service="STANDARD",
        state=state,
        window_start=NOW,
        window_end=NOW + timedelta(hours=2),
        currency="EUR",
    )


@given(st.lists(st.sampled_from(ShipmentEvent), max_size=30))
def test_no_sequence_of_events_leaves_a_terminal_state_or_takes_an_unknown_step(events: list[ShipmentEvent]) -> None:
    found = shipment(ShipmentState.PENDING)
    for event in events:
        before = found.state
        try:
            found.state = next_state(found, event)
        except Conflict:
            assert (before, event) not in NEXT
            assert found.state is before
            continue
        assert before not in TERMINAL
        assert NEXT[before, event] is found.state


def test_every_state_can_be_reached_and_every_event_is_logged() -> None:
    assert set(NEXT.values()) | {ShipmentState.PENDING} == set(ShipmentState)
    assert set(LOG_TYPE) == set(ShipmentEvent)
    assert set(LOG_TYPE.values()) <= EVENT_TYPES
    assert not {state for state, _ in NEXT} & TERMINAL


@given(st.sampled_from(OrderState), st.lists(st.sampled_from(ShipmentState), max_size=4), st.booleans())
def test_an_order_only_follows_its_shipments_by_legal_steps(
    state: OrderState, shipments: list[ShipmentState], is_all_delivered: bool
) -> None:
    for event in order_events(state, shipments, is_all_delivered=is_all_delivered):
        state = ORDER_NEXT[state, event]


@pytest.mark.parametrize(
    ("shipments", "is_all_delivered", "after"),
    [
        ([ShipmentState.DELIVERED], True, OrderState.COMPLETED),
        ([ShipmentState.DELIVERED, ShipmentState.ASSIGNED], False, OrderState.IN_FULFILMENT),
        ([ShipmentState.DELIVERED, ShipmentState.RETURNED], False, OrderState.PARTIALLY_COMPLETED),
        ([ShipmentState.PARTIALLY_DELIVERED], False, OrderState.PARTIALLY_COMPLETED),
        ([ShipmentState.RETURNED], False, OrderState.FAILED),
        ([ShipmentState.CANCELLED, ShipmentState.DELIVERED], True, OrderState.COMPLETED),
        ([ShipmentState.PLANNED], False, OrderState.ALLOCATED),
    ],
)
def test_the_order_is_where_its_shipments_are(
    shipments: list[ShipmentState], is_all_delivered: bool, after: OrderState
) -> None:
    state = OrderState.ALLOCATED
    for event in order_events(state, shipments, is_all_delivered=is_all_delivered):
        state = ORDER_NEXT[state, event]
    assert state is after


def test_an_order_whose_goods_are_collected_ends_when_they_are_at_the_node() -> None:
    fulfilling, returned = OrderState.IN_FULFILMENT, [ShipmentState.RETURNED]
    assert order_events(fulfilling, [ShipmentState.RETURNING], is_all_delivered=False) == []
    assert order_events(fulfilling, returned, is_all_delivered=True) == [OrderEvent.COMPLETE]
    partly = order_events(fulfilling, returned, is_all_delivered=False, is_any_delivered=True)
    assert partly == [OrderEvent.COMPLETE_PARTIALLY]
    assert order_events(fulfilling, [ShipmentState.LOST], is_all_delivered=False) == [OrderEvent.FAIL]
    assert order_events(fulfilling, [ShipmentState.CANCELLED], is_all_delivered=False) == [OrderEvent.FAIL]
    assert order_events(OrderState.ALLOCATED, [ShipmentState.CANCELLED], is_all_delivered=False) == []


def test_every_reason_has_a_rule() -> None:
    assert set(RULES) == set(FailureReason)


def test_nobody_home_is_tried_again_until_the_attempts_are_used_up() -> None:
    policy = PolicyDocument(max_attempts=2, reattempt_delay_minutes=90)
    first = after_failure(FailureReason.NOT_HOME, attempts=1, policy=policy, at=NOW, first_failed_at=NOW)
    assert first.not_before == NOW + timedelta(minutes=90)
    second = after_failure(FailureReason.NOT_HOME, attempts=2, policy=policy, at=NOW, first_failed_at=NOW)
    assert (second.not_before, second.code) == (None, "ATTEMPTS_USED_UP")


def test_refused_goods_go_back_at_once() -> None:
    found = after_failure(FailureReason.REFUSED, attempts=1, policy=PolicyDocument(), at=NOW, first_failed_at=NOW)
    assert (found.not_before, found.code) == (None, "NO_REATTEMPT")


@given(st.sampled_from(ShipmentState), st.sampled_from(MilestoneKind))
def test_what_a_carrier_skipped_is_made_up_for_by_legal_steps(state: ShipmentState, kind: MilestoneKind) -> None:
    steps = missing_steps(state, kind)
    for event in steps or ():
        state = NEXT[state, event]


def test_a_delivery_that_was_never_announced_is_still_a_delivery() -> None:
    assert missing_steps(ShipmentState.ASSIGNED, MilestoneKind.DELIVERED) == (
        ShipmentEvent.PICK_UP,
        ShipmentEvent.DEPART,
        ShipmentEvent.DELIVER,
    )
    assert missing_steps(ShipmentState.CANCELLED, MilestoneKind.DELIVERED) is None


def test_the_risk_is_the_share_of_the_interval_after_the_window() -> None:
    found = shipment(ShipmentState.PLANNED)
    assert lateness_risk(found, now=NOW) is None
    found.eta_expected = found.window_end
    found.eta_earliest, found.eta_latest = NOW + timedelta(minutes=90), NOW + timedelta(minutes=130)
    assert lateness_risk(found, now=NOW) == 0.25
    assert lateness_risk(found, now=NOW + timedelta(hours=3)) == 1.0
