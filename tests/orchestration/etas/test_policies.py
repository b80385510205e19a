"""ETAs: means along the way, an interval that belongs to the route, waits that use a delay up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orchestration.etas.policies import Eta, Fact, Leg, has_moved, probability_late, project, share_of_interval

NOON = datetime(2030, 5, 17, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_means_are_summed_along_the_way() -> None:
    legs = [Leg(drive_seconds=600, service_seconds=120), Leg(drive_seconds=300, service_seconds=60)]
    etas = project(Fact(at=NOON, busy_seconds=60), legs, now=NOON)
    assert [eta.expected - NOON for eta in etas] == [660 * SECOND, 1080 * SECOND]


def test_a_visit_does_not_begin_before_its_window() -> None:
    leg = Leg(drive_seconds=600, service_seconds=0, opens_at=NOON + timedelta(hours=1))
    eta = project(Fact(at=NOON), [leg], now=NOON)[0]
    assert (eta.earliest, eta.expected, eta.latest) == (leg.opens_at,) * 3


def test_what_should_have_happened_is_expected_now() -> None:
    later = NOON + timedelta(hours=2)
    eta = project(Fact(at=NOON), [Leg(drive_seconds=600, service_seconds=0)], now=later)[0]
    assert eta.expected == eta.earliest == later


def test_a_long_routes_buffer_is_the_routes_and_not_the_sum_of_its_legs() -> None:
    legs = [Leg(drive_seconds=120, service_seconds=60)] * 150
    eta = project(Fact(at=NOON), legs, now=NOON)[-1]
    half = (eta.latest - eta.expected) / (eta.expected - NOON)
    assert half == pytest.approx(0.13 * 1.2816 / 0.8416, rel=0.02)


def test_the_interval_holds_what_it_says() -> None:
    eta = project(Fact(at=NOON), [Leg(drive_seconds=1200, service_seconds=0)], now=NOON)[0]
    assert probability_late(eta, deadline=eta.latest) == pytest.approx(0.1)
    assert probability_late(eta, deadline=eta.expected) == pytest.approx(0.5)


@pytest.mark.parametrize(("minutes", "moved"), [(4, False), (5, False), (6, True), (-6, True)])
def test_a_customer_is_told_of_more_than_five_minutes(minutes: int, moved: bool) -> None:
    assert has_moved(NOON, NOON + timedelta(minutes=minutes), by=timedelta(minutes=5)) is moved


@pytest.mark.parametrize(("hours_ahead", "minutes"), [(0.1, 5), (6, 25)])
def test_the_less_sure_a_time_is_the_farther_it_has_to_move(hours_ahead: float, minutes: int) -> None:
    eta = project(Fact(at=NOON), [Leg(drive_seconds=int(hours_ahead * 3600), service_seconds=0)], now=NOON)[0]
    told = share_of_interval(eta, 0.25, least=timedelta(minutes=5))
    assert told >= timedelta(minutes=minutes)
    assert (told == timedelta(minutes=5)) is (hours_ahead < 1)


LEGS = st.lists(
    st.builds(
        Leg,
        drive_seconds=st.integers(0, 7200),
        service_seconds=st.integers(0, 1800),
        opens_at=st.none() | st.integers(-600, 600).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    ),
    max_size=20,
)


@given(legs=LEGS, busy=st.integers(0, 3600), delay=st.integers(0, 7200))
def test_every_eta_is_ordered_and_not_in_the_past(legs: list[Leg], busy: int, delay: int) -> None:
    now = NOON + delay * SECOND
    etas = project(Fact(at=NOON, busy_seconds=busy), legs, now=now)
    assert len(etas) == len(legs)
    for eta in etas:
        assert now <= eta.earliest <= eta.expected <= eta.latest
    assert [eta.expected for eta in etas] == sorted(eta.expected for eta in etas)


@given(legs=LEGS.filter(bool))
def test_a_delay_never_makes_a_stop_earlier(legs: list[Leg]) -> None:
    before: list[Eta] = project(Fact(at=NOON), legs, now=NOON)
    after = project(Fact(at=NOON + 900 * SECOND), legs, now=NOON)
    assert all(late.expected >= early.expected for early, late in zip(before, after, strict=True))
