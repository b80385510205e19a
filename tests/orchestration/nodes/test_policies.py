"""Opening hours and cut-offs on the node's own wall clock."""

from datetime import UTC, date, datetime

import pytest

from app.orchestration.nodes import policies
from tests.factories.stock import a_node


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_hours_stay_where_they_are_when_clocks_change() -> None:
    node = a_node()
    winter, summer = policies.opening(node, date(2030, 1, 15)), policies.opening(node, date(2030, 7, 15))
    assert [moment.astimezone(UTC) for moment in (*winter, *summer)] == [
        at("2030-01-15T08:00:00+00:00"),
        at("2030-01-15T20:00:00+00:00"),
        at("2030-07-15T07:00:00+00:00"),
        at("2030-07-15T19:00:00+00:00"),
    ]


@pytest.mark.parametrize(
    ("ordered_at", "ready_at"),
    [
        ("2030-01-15T05:00:00+00:00", "2030-01-15T08:00:00+00:00"),
        ("2030-01-15T13:59:59+00:00", "2030-01-15T13:59:59+00:00"),
        ("2030-01-15T14:00:00+00:00", "2030-01-16T08:00:00+00:00"),
    ],
)
def test_an_order_leaves_the_same_day_before_the_cut_off(ordered_at: str, ready_at: str) -> None:
    assert policies.ready_at(a_node(), at(ordered_at)) == at(ready_at)


def test_a_node_is_open_from_its_opening_until_just_before_its_closing() -> None:
    node = a_node()
    moments = ("2030-01-15T07:59:59", "2030-01-15T08:00:00", "2030-01-15T19:59:59", "2030-01-15T20:00:00")
    assert [policies.is_open(node, at(f"{moment}+00:00")) for moment in moments] == [False, True, True, False]


def test_midnight_closes_the_day() -> None:
    node = a_node()
    node.closes_minute = 1440
    assert policies.opening(node, date(2030, 1, 15))[1] == at("2030-01-16T00:00:00+00:00")
