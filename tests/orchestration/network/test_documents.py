"""The network document of the manual can be read, and what makes no sense is refused with the value."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Refusal
from app.orchestration.network.documents import parse
from app.orchestration.nodes import policies as nodes
from tests.factories.stock import a_node

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "network.json"


def test_the_example_of_the_manual_can_be_read() -> None:
    document = parse(json.loads(EXAMPLE.read_text()))
    service = document.carriers["swift"].services["STANDARD"]
    assert service is not None
    assert service.rates is not None
    assert [zone.name for zone in service.zones] == ["CITY", "ISLANDS", "REGION"]
    assert [surcharge.code for surcharge in service.rates.surcharges] == ["fuel", "weekend", "peak", "remote", "long"]


def test_a_calendar_closes_a_node_on_its_days_and_moves_its_cutoffs() -> None:
    node = a_node()
    calendar = parse(json.loads(EXAMPLE.read_text())).nodes["LIS"].calendar
    assert calendar is not None
    node.calendar = calendar.to_json()
    friday, saturday, sunday, christmas = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22), date(2026, 12, 25)
    assert [nodes.daily_throughput(node, day) for day in (friday, saturday, sunday, christmas)] == [1_200, 600, 0, 0]
    assert nodes.cutoff(node, friday, service="EXPRESS").hour == 12
    assert nodes.cutoff(node, friday, service="STANDARD").hour == 14


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"nodes": {"LIS": {"throughputPerHour": 0}}}, "document.nodes.LIS.throughputPerHour"),
        (
            {"carriers": {"a": {"contracts": {"c": {"validFrom": "2026-02-01", "validUntil": "2026-01-01"}}}}},
            "document.carriers.a.contracts.c",
        ),
        ({"goods": {"X": {"lengthCm": -1}}}, "document.goods.X.lengthCm"),
    ],
)
def test_what_makes_no_sense_is_refused(document: Any, field: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(document)
    assert (refused.value.code, refused.value.field) == ("NETWORK_INVALID", field)
