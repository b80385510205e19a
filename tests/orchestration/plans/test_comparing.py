"""What one plan has over another, order by order."""

import uuid
from datetime import UTC, datetime

from app.orchestration.plans.comparing import Place, StopChange, changes

NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)


def on(order: str, vehicle: str, sequence: int) -> tuple[uuid.UUID, Place]:
    key = uuid.uuid5(uuid.NAMESPACE_OID, order)
    return key, Place(order_id=key, order=order, vehicle=vehicle, sequence=sequence, planned_arrival=NINE)


def test_an_order_is_added_removed_on_another_vehicle_or_at_another_position() -> None:
    before = dict([on("A", "V1", 1), on("B", "V1", 2), on("C", "V2", 1), on("D", "V2", 2)])
    after = dict([on("A", "V1", 1), on("B", "V2", 1), on("D", "V2", 3), on("E", "V2", 2)])
    assert [(each.order, each.change) for each in changes(before, after)] == [
        ("B", StopChange.OTHER_VEHICLE),
        ("C", StopChange.REMOVED),
        ("D", StopChange.OTHER_POSITION),
        ("E", StopChange.ADDED),
    ]


def test_a_plan_has_nothing_over_itself() -> None:
    places = dict([on("A", "V1", 1), on("B", "V1", 2)])
    assert changes(places, places) == []
