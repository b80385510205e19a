"""The machines of stops and routes: what is not in the tables cannot happen, and what has ended stays so."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.core.errors import Refusal
from app.core.ids import new_id
from app.models import Route, RouteState, Stop, StopOutcome, StopState
from app.orchestration.routes import policies as routes
from app.orchestration.routes.policies import RouteEvent
from app.orchestration.stops import policies as stops
from app.orchestration.stops.operations import head_for_next
from app.orchestration.stops.policies import StopEvent

NOON = datetime(2030, 5, 17, 12, tzinfo=UTC)


def a_stop(sequence: int = 1, state: StopState = StopState.PENDING, outcome: StopOutcome | None = None) -> Stop:
    return Stop(
        route_id=new_id(),
        order_id=new_id(),
        sequence=sequence,
        state=state,
        outcome=outcome,
        latitude=0,
        longitude=0,
        planned_arrival=NOON,
        service_seconds=60,
    )


def a_route(state: RouteState = RouteState.PUBLISHED) -> Route:
    key = new_id()
    return Route(
        reference="R1",
        plan_id=key,
        node_id=key,
        carrier_id=key,
        vehicle_id=key,
        state=state,
        planned_start=NOON,
        planned_end=NOON,
        currency="EUR",
    )


@pytest.mark.parametrize(("state", "event"), list(itertools.product(StopState, StopEvent)))
def test_a_stop_refuses_what_its_table_does_not_know(state: StopState, event: StopEvent) -> None:
    outcome = StopOutcome.FAILED if event is StopEvent.DEPART else None
    if (state, event) in stops.NEXT:
        assert stops.next_state(a_stop(state=state, outcome=outcome), event) is stops.NEXT[state, event]
        return
    with pytest.raises(Refusal, match=f"is {state.value}") as refused:
        stops.next_state(a_stop(state=state, outcome=outcome), event)
    assert refused.value.code == "INVALID_STATE"


@pytest.mark.parametrize(("state", "event"), list(itertools.product(RouteState, RouteEvent)))
def test_a_route_refuses_what_its_table_does_not_know(state: RouteState, event: RouteEvent) -> None:
    if (state, event) in routes.NEXT:
        assert routes.next_state(a_route(state), event) is routes.NEXT[state, event]
        return
    with pytest.raises(Refusal) as refused:
        routes.next_state(a_route(state), event)
    assert refused.value.code == "INVALID_STATE"


def test_what_has_ended_never_opens_again() -> None:
    assert not [state for state, _ in stops.NEXT if state in stops.TERMINAL]
    assert not [state for state, _ in routes.NEXT if state in routes.TERMINAL]


def test_every_state_can_be_reached_and_every_way_ends() -> None:
    assert set(stops.NEXT.values()) | {StopState.PENDING} == set(StopState)
    assert set(routes.NEXT.values()) | {RouteState.DRAFT} == set(RouteState)
    assert {state for state, _ in stops.NEXT} == set(StopState) - stops.TERMINAL
    assert {state for state, _ in routes.NEXT} == set(RouteState) - routes.TERMINAL


class Driving(RuleBasedStateMachine):
    """Any sequence of events on the stops of one route."""

    @initialize(count=st.integers(1, 5))
    def publish(self, count: int) -> None:
        self.route = a_route(RouteState.IN_PROGRESS)
        self.stops = [a_stop(sequence) for sequence in range(1, count + 1)]
        self.ended: dict[int, tuple[StopState, StopOutcome | None]] = {}
        head_for_next(self.route, self.stops)

    @rule(position=st.integers(0, 4), event=st.sampled_from(StopEvent), outcome=st.sampled_from(StopOutcome))
    def happen(self, position: int, event: StopEvent, outcome: StopOutcome) -> None:
        stop = self.stops[position % len(self.stops)]
        before = (stop.state, stop.outcome)
        try:
            stop.state = stops.next_state(stop, event)
        except Refusal:
            assert (stop.state, stop.outcome) == before
            return
        assert (before[0], event) in stops.NEXT
        if event in stops.ENDING:
            stop.outcome = StopOutcome.FAILED if event is StopEvent.FAIL else outcome
        if stop.state in stops.TERMINAL:
            self.ended[stop.sequence] = (stop.state, stop.outcome)
            head_for_next(self.route, self.stops)

    @invariant()
    def what_has_ended_stays_so(self) -> None:
        for stop in self.stops:
            if stop.sequence in self.ended:
                assert (stop.state, stop.outcome) == self.ended[stop.sequence]

    @invariant()
    def only_visits_have_outcomes_and_whoever_left_has_one(self) -> None:
        for stop in self.stops:
            assert stop.outcome is None or stop.state in (StopState.ARRIVED, StopState.DEPARTED)
            assert stop.state is not StopState.DEPARTED or stop.outcome is not None


TestDriving = Driving.TestCase
