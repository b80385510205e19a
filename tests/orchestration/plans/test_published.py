"""What may be rewritten of a published day."""

from dataclasses import replace

from app.orchestration.plans.published import entangled
from tests.orchestration.plans.test_problem import a_drop


def test_routes_that_share_an_order_are_left_alone() -> None:
    twice, once = a_drop(), a_drop()
    drops = [replace(twice, drafted="A"), replace(once, drafted="B"), replace(twice, drafted="C")]
    assert entangled(drops) == {"A", "C"}
    assert entangled(drops[:2]) == set()
