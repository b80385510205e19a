"""The booking's state machine, its waits, and its names."""

import uuid
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.carriers.edi import x12
from app.core.errors import Conflict
from app.models import Booking, BookingState
from app.orchestration.bookings.policies import (
    DUE,
    LIVE,
    NEXT,
    BookingEvent,
    next_state,
    reference_of,
    retry_after,
)

ENDED = {BookingState.DECLINED, BookingState.CANCELLED}


def booking(state: BookingState) -> Booking:
    return Booking(shipment_id=uuid.uuid4(), carrier_id=uuid.uuid4(), reference="4711/1", state=state)


@given(st.sampled_from(BookingState), st.sampled_from(BookingEvent))
def test_what_the_table_does_not_list_is_refused(state: BookingState, event: BookingEvent) -> None:
    if (state, event) in NEXT:
        assert next_state(booking(state), event) is NEXT[state, event]
        return
    with pytest.raises(Conflict) as refusal:
        next_state(booking(state), event)
    assert refusal.value.code == "INVALID_STATE"


def test_what_has_ended_stays_so_and_nothing_live_is_out_of_reach() -> None:
    assert {state for state, _ in NEXT} == set(BookingState) - ENDED
    assert set(BookingState) - LIVE - DUE == {*ENDED, BookingState.FAILED}


def test_waits_grow_and_end() -> None:
    waits = [retry_after(attempts, wish_seconds=None) for attempts in range(1, 8)]
    assert [wait and wait.total_seconds() for wait in waits] == [5, 30, 120, 600, 1800, 3600, None]


def test_a_carriers_wish_to_wait_is_kept_within_reason() -> None:
    assert retry_after(1, wish_seconds=90) == timedelta(seconds=90)
    assert retry_after(6, wish_seconds=90) == timedelta(hours=1)
    assert retry_after(1, wish_seconds=10**9) == timedelta(hours=2)


@given(st.text(max_size=60), st.integers(min_value=1, max_value=99))
def test_a_reference_can_be_carried_by_a_file_and_comes_back_as_it_was(shipment: str, number: int) -> None:
    found = reference_of(shipment, number=number, booking_id=uuid.uuid4())
    assert x12.plain(found, longest=30) == found
    assert 1 <= len(found) <= 30


def test_a_plain_reference_is_kept() -> None:
    key = uuid.uuid4()
    assert reference_of("4711/1", number=1, booking_id=key) == "4711/1"
    assert reference_of("4711/1", number=2, booking_id=key) == "4711/1-B2"
    assert reference_of("Bestellung Nº 5/1", number=1, booking_id=key) != "Bestellung Nº 5/1"
