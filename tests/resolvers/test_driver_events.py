"""Offline batches as a driver's device sends them: late, twice, out of order, and now and then wrong."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.core.ids import to_global
from app.models import (
    Decision,
    DecisionKind,
    DriverEvent,
    Event,
    ExceptionCase,
    ExceptionState,
    InventoryLevel,
    Order,
    Proof,
    ProofKind,
    Route,
    RouteState,
    Shipment,
    ShipmentLine,
    ShipmentState,
    Stop,
    StopOutcome,
    StopState,
)
from tests.client import Client
from tests.factories.devices import Device, event
from tests.factories.routes import PLAIN, SKU, Wish, a_published_route
from tests.factories.settling import projected

R = "RECORDED"
NOBODY = uuid.UUID(int=1)


async def device_of(client: Client, *wishes: Wish, name: str = "R1") -> Device:
    return Device(client, await a_published_route(client.database, *wishes, name=name))


async def states(database: Database) -> dict[str, Any]:
    """All that driving may change."""
    async with database.reading() as session:
        levels = (await session.scalars(select(InventoryLevel).order_by(col(InventoryLevel.sku)))).all()
        return {
            "routes": [row.state for row in await session.scalars(select(Route).order_by(col(Route.reference)))],
            "stops": [(row.state, row.outcome) for row in await session.scalars(select(Stop).order_by(col(Stop.id)))],
            "shipments": [
                (row.state, row.attempt_count)
                for row in await session.scalars(select(Shipment).order_by(col(Shipment.id)))
            ],
            "orders": [row.state for row in await session.scalars(select(Order).order_by(col(Order.id)))],
            "stock": [(level.on_hand, level.reserved, level.in_transit) for level in levels],
            "events": await session.scalar(select(func.count()).select_from(Event)),
            "proofs": await session.scalar(select(func.count()).select_from(Proof)),
        }


async def test_a_route_is_driven_to_its_end(client: Client) -> None:
    device = await device_of(client, PLAIN, PLAIN)
    batch = [device.start(), *device.visit(0, 10), *device.visit(1, 20), device.complete(30)]
    payload = await device.send(*batch)
    assert [result["outcome"] for result in payload["results"]] == [R] * 8
    assert payload["route"]["state"] == "COMPLETED"
    found = await states(client.database)
    assert found["routes"] == [RouteState.COMPLETED]
    assert found["stops"] == [(StopState.DEPARTED, StopOutcome.SUCCEEDED)] * 2
    assert found["shipments"] == [(ShipmentState.DELIVERED, 1)] * 2
    assert [state.value for state in found["orders"]] == ["COMPLETED"] * 2
    assert found["stock"] == [(5, 0, 0)]


async def test_a_batch_that_is_sent_twice_changes_nothing(client: Client) -> None:
    device = await device_of(client, PLAIN, PLAIN)
    batch = [device.start(), *device.visit(0, 10), device.arrive(1, 20)]
    first = await device.send(*batch)
    before = await states(client.database)
    second = await device.send(*batch)
    assert [result["outcome"] for result in second["results"]] == ["DUPLICATE"] * 5
    assert await states(client.database) == before
    assert second["route"]["version"] == first["route"]["version"]


async def test_an_event_twice_in_one_batch_counts_once(client: Client) -> None:
    device = await device_of(client, PLAIN)
    start = device.start()
    assert await device.outcomes(start, start) == [R, "DUPLICATE"]


async def test_a_shuffled_batch_is_taken_in_the_order_of_its_times(client: Client) -> None:
    device = await device_of(client, PLAIN, PLAIN)
    batch = [device.start(), *device.visit(0, 10), *device.visit(1, 20), device.complete(30)]
    shuffled = [batch[position] for position in (7, 2, 5, 0, 3, 6, 1, 4)]
    payload = await device.send(*shuffled)
    assert [result["outcome"] for result in payload["results"]] == [R] * 8
    assert [result["eventId"] for result in payload["results"]] == [each["eventId"] for each in shuffled]
    assert (await states(client.database))["routes"] == [RouteState.COMPLETED]


async def test_the_next_stop_is_headed_for_after_each_departure(client: Client) -> None:
    device = await device_of(client, PLAIN, PLAIN)
    payload = await device.send(device.start())
    assert [stop["state"] for stop in payload["route"]["stops"]] == ["EN_ROUTE", "PENDING"]
    payload = await device.send(*device.visit(0, 10))
    assert [stop["state"] for stop in payload["route"]["stops"]] == ["DEPARTED", "EN_ROUTE"]


async def test_a_driver_may_visit_a_later_stop_first(client: Client) -> None:
    device = await device_of(client, PLAIN, PLAIN)
    payload = await device.send(device.start(), device.arrive(1, 5))
    assert [stop["state"] for stop in payload["route"]["stops"]] == ["PENDING", "ARRIVED"]


async def test_a_refused_event_leaves_the_others_be_and_is_refused_alike_when_sent_again(client: Client) -> None:
    device = await device_of(client, PLAIN, PLAIN)
    wrong = device.depart(1, 5)
    assert await device.outcomes(device.start(), wrong, device.arrive(0, 10)) == [R, "INVALID_STATE", R]
    payload = await device.send(wrong)
    assert payload["results"][0]["outcome"] == "DUPLICATE"
    assert payload["results"][0]["errors"][0]["code"] == "INVALID_STATE"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a proof is missing": ({"proofs": []}, "PROOF_REQUIRED"),
    "the PIN is wrong": (
        {"proofs": [{"kind": "PIN", "value": "9999", "capturedAt": "2030-01-01T00:00:00Z"}]},
        "PIN_MISMATCH",
    ),
    "the PIN is empty": ({"proofs": [{"kind": "PIN", "capturedAt": "2030-01-01T00:00:00Z"}]}, "PIN_MISMATCH"),
    "a photo has no file": (
        {"proofs": [{"kind": "PHOTO", "capturedAt": "2030-01-01T00:00:00Z"}]},
        "UPLOAD_REQUIRED",
    ),
    "a barcode is another's": (
        {"proofs": [{"kind": "BARCODE", "value": "X", "capturedAt": "2030-01-01T00:00:00Z"}]},
        "ITEM_UNKNOWN",
    ),
    "the file is unknown": (
        {
            "proofs": [
                {
                    "kind": "PHOTO",
                    "capturedAt": "2030-01-01T00:00:00Z",
                    "uploadId": to_global("Upload", NOBODY),
                }
            ]
        },
        "UPLOAD_NOT_RECEIVED",
    ),
    "cash is not due": ({"cash": {"amount": "1.00", "currency": "EUR"}}, "CASH_MISMATCH"),
    "an item is unknown": (
        {"items": [{"shipmentId": to_global("Shipment", NOBODY), "sku": "X", "quantity": 1}]},
        "ITEM_UNKNOWN",
    ),
    "the items list nothing": ({"items": []}, "NOTHING_DELIVERED"),
    "an id is no id": ({"stopId": "nonsense"}, "UNKNOWN_STOP"),
}


@pytest.mark.parametrize("why", REFUSED)
async def test_a_delivery_is_refused_and_nothing_changes_where(client: Client, why: str) -> None:
    more, code = REFUSED[why]
    device = await device_of(client, Wish(proofs=(ProofKind.PIN,), pin="1234"))
    await device.send(device.start(), device.arrive(0, 10))
    before = await states(client.database)
    assert await device.outcomes(device.deliver(0, 11, **more)) == [code]
    assert await states(client.database) == before


async def test_a_quantity_that_was_not_shipped_is_refused(client: Client) -> None:
    device = await device_of(client, PLAIN)
    item = {"shipmentId": to_global("Shipment", device.published.shipments[0].id), "sku": SKU, "quantity": 4}
    batch = [device.start(), device.arrive(0, 10), device.deliver(0, 11, items=[item])]
    assert await device.outcomes(*batch) == [R, R, "QUANTITY_EXCEEDED"]


async def test_a_missing_proof_is_named(client: Client) -> None:
    device = await device_of(client, Wish(proofs=(ProofKind.PHOTO, ProofKind.SIGNATURE)))
    payload = await device.send(device.start(), device.arrive(0, 1), device.deliver(0, 2))
    error = payload["results"][2]["errors"][0]
    assert "needs PHOTO, SIGNATURE as proof" in error["message"]
    assert error["field"] == "events.2.delivered.proofs"


async def test_an_event_says_exactly_one_thing(client: Client) -> None:
    device = await device_of(client, PLAIN)
    two = device.arrive(0, 1) | {"departed": {"stopId": device.stop_id(0)}}
    assert await device.outcomes(event(), two, device.start()) == ["EXACTLY_ONE_EVENT", "EXACTLY_ONE_EVENT", R]


async def test_another_drivers_route_reads_as_absent(client: Client) -> None:
    device = await device_of(client, PLAIN)
    other = await device_of(client, PLAIN, name="R2")
    before = await states(client.database)
    stolen = event(other.minute(0), routeStarted={"routeId": device.route_id})
    entered = event(other.minute(1), arrived={"stopId": device.stop_id(0)})
    assert await other.outcomes(stolen, entered) == ["NOT_YOUR_ROUTE", "UNKNOWN_STOP"]
    assert await states(client.database) == before


async def test_the_reason_other_needs_a_note(client: Client) -> None:
    device = await device_of(client, PLAIN)
    batch = [device.start(), device.arrive(0, 1), device.fail(0, 2, "OTHER"), device.fail(0, 3, "OTHER", note="Flood.")]
    assert await device.outcomes(*batch) == [R, R, "NOTE_REQUIRED", R]


async def test_a_batch_has_at_most_500_events(client: Client) -> None:
    device = await device_of(client, PLAIN)
    payload = await device.send(*[event() for _ in range(501)])
    assert [error["code"] for error in payload["userErrors"]] == ["TOO_MANY"]
    assert payload["results"] == []


async def test_the_right_pin_is_enough_and_is_not_kept(client: Client) -> None:
    device = await device_of(client, Wish(proofs=(ProofKind.PIN,), pin="1234"))
    proof = {"kind": "PIN", "value": "1234", "capturedAt": device.minute(11).isoformat()}
    assert await device.outcomes(device.start(), *device.visit(0, 10, proofs=[proof])) == [R] * 4
    async with client.database.reading() as session:
        assert (await session.scalars(select(Proof))).one().value is None
        payloads = [str(row.payload) for row in await session.scalars(select(DriverEvent))]
    assert not any("1234" in payload for payload in payloads)


async def test_a_photo_proves_once(client: Client) -> None:
    device = await device_of(client, Wish(proofs=(ProofKind.PHOTO,)), Wish(proofs=(ProofKind.PHOTO,)))
    photo = await device.photo()
    assert await device.outcomes(device.start(), *device.visit(0, 10, proofs=[photo])) == [R] * 4
    assert await device.outcomes(device.arrive(1, 20), device.deliver(1, 21, proofs=[photo])) == [R, "UPLOAD_USED"]


async def test_a_partial_delivery_counts_its_pieces_and_puts_the_rest_back(client: Client) -> None:
    device = await device_of(client, PLAIN)
    item = {"shipmentId": to_global("Shipment", device.published.shipments[0].id), "sku": SKU, "quantity": 2}
    assert await device.outcomes(device.start(), *device.visit(0, 10, items=[item])) == [R] * 4
    found = await states(client.database)
    assert found["stops"] == [(StopState.DEPARTED, StopOutcome.PARTIAL)]
    assert found["shipments"] == [(ShipmentState.PARTIALLY_DELIVERED, 1)]
    assert found["stock"] == [(6, 0, 0)]
    async with client.database.reading() as session:
        assert (await session.scalars(select(ShipmentLine))).one().delivered_quantity == 2


async def test_cash_has_to_be_what_is_due(client: Client) -> None:
    device = await device_of(client, Wish(cash_minor=1250))
    batch = [
        device.start(),
        device.arrive(0, 1),
        device.deliver(0, 2),
        device.deliver(0, 3, cash={"amount": "12.40", "currency": "EUR"}),
        device.deliver(0, 4, cash={"amount": "12.50", "currency": "USD"}),
        device.deliver(0, 5, cash={"amount": "12.50", "currency": "EUR"}),
    ]
    assert await device.outcomes(*batch) == [R, R, "PROOF_REQUIRED", "CASH_MISMATCH", "CASH_MISMATCH", R]
    async with client.database.reading() as session:
        assert (await session.scalars(select(Stop))).one().cash_minor == 1250


async def test_a_failed_attempt_may_be_tried_again_and_says_why(client: Client) -> None:
    device = await device_of(client, PLAIN)
    batch = [device.start(), device.arrive(0, 1), device.fail(0, 2), device.depart(0, 3), device.complete(9)]
    assert await device.outcomes(*batch) == [R] * 5
    found = await states(client.database)
    assert found["shipments"] == [(ShipmentState.ATTEMPT_FAILED, 1)]
    assert found["stock"] == [(5, 0, 3)]
    async with client.database.reading() as session:
        decision = (await session.scalars(select(Decision))).one()
    assert decision.kind is DecisionKind.REATTEMPT
    assert decision.chosen is not None
    assert decision.chosen["action"] == "REATTEMPT"


async def test_refused_goods_are_back_in_stock_when_the_van_is(client: Client) -> None:
    device = await device_of(client, PLAIN)
    batch = [device.start(), device.arrive(0, 1), device.fail(0, 2, "REFUSED"), device.depart(0, 3)]
    assert await device.outcomes(*batch) == [R] * 4
    assert (await states(client.database))["shipments"] == [(ShipmentState.RETURNING, 1)]
    assert await device.outcomes(device.complete(9)) == [R]
    found = await states(client.database)
    assert found["shipments"] == [(ShipmentState.RETURNED, 1)]
    assert found["stock"] == [(8, 0, 0)]
    assert [state.value for state in found["orders"]] == ["FAILED"]


async def test_what_was_not_scanned_stays_behind(client: Client) -> None:
    device = await device_of(client, PLAIN, PLAIN)
    scan = event(device.minute(-5), loadScanned={"routeId": device.route_id, "barcodes": ["R1-1/1"]})
    wrong = event(device.minute(-4), loadScanned={"routeId": device.route_id, "barcodes": ["R9-9/1"]})
    assert await device.outcomes(scan, wrong, device.start()) == [R, "ITEM_UNKNOWN", R]
    found = await states(client.database)
    assert [state for state, _ in found["stops"]] == [StopState.EN_ROUTE, StopState.CANCELLED]
    assert [state for state, _ in found["shipments"]] == [ShipmentState.OUT_FOR_DELIVERY, ShipmentState.ASSIGNED]
    assert found["stock"] == [(8, 3, 3)]


async def test_stops_that_were_not_reached_are_skipped_at_the_end(client: Client) -> None:
    device = await device_of(client, PLAIN, PLAIN)
    assert await device.outcomes(device.start(), *device.visit(0, 10), device.complete(30)) == [R] * 5
    found = await states(client.database)
    assert found["stops"] == [(StopState.DEPARTED, StopOutcome.SUCCEEDED), (StopState.SKIPPED, None)]
    assert found["shipments"] == [(ShipmentState.DELIVERED, 1), (ShipmentState.ATTEMPT_FAILED, 1)]


async def test_a_device_whose_clock_is_wrong_is_corrected(client: Client) -> None:
    device = await device_of(client, PLAIN)
    sent_at = device.minute(60 + 90)
    late = event(device.minute(90), routeStarted={"routeId": device.route_id})
    await device.send(late, sentAt=sent_at.isoformat())
    async with client.database.reading() as session:
        row = (await session.scalars(select(DriverEvent))).one()
    assert abs((row.at - device.began).total_seconds()) < 60
    assert row.device_at == device.minute(90)


async def test_a_time_in_the_future_is_now(client: Client) -> None:
    device = await device_of(client, PLAIN)
    await device.send(device.start(600))
    async with client.database.reading() as session:
        row = (await session.scalars(select(DriverEvent))).one()
    assert row.at == row.received_at
    assert row.device_at == device.minute(600)


async def test_two_batches_at_once_land_once(client: Client) -> None:
    device = await device_of(client, PLAIN)
    batch = [device.start(), *device.visit(0, 10)]
    found = await asyncio.gather(device.outcomes(*batch), device.outcomes(*batch))
    assert sorted(found) == [["DUPLICATE"] * 4, [R] * 4]


async def test_a_stop_that_will_be_late_opens_one_case_and_closes_it_when_it_no_longer_will(client: Client) -> None:
    device = await device_of(client, PLAIN, PLAIN)
    device.began = clock.now()
    second = device.published.shipments[1].id

    async def window_ends(in_: timedelta) -> None:
        async with client.database.transaction() as session:
            shipment = await session.get_one(Shipment, second)
            shipment.window_end = clock.now() + in_

    async def cases() -> list[tuple[str, ExceptionState]]:
        async with client.database.reading() as session:
            rows = await session.scalars(select(ExceptionCase).where(col(ExceptionCase.subject_id) == second))
            return [(row.kind, row.state) for row in rows]

    await window_ends(timedelta(minutes=1))
    await device.send(device.start())
    await device.send(device.arrive(0, 0.5))
    await projected(client.database)
    assert await cases() == [("PREDICTED_LATE", ExceptionState.OPEN)]
    await window_ends(timedelta(hours=3))
    await device.send(device.deliver(0, 0.6))
    await projected(client.database)
    assert await cases() == [("PREDICTED_LATE", ExceptionState.RESOLVED)]


async def test_a_visit_that_ends_closes_its_warning(client: Client) -> None:
    device = await device_of(client, PLAIN)
    device.began = clock.now()
    async with client.database.transaction() as session:
        shipment = await session.get_one(Shipment, device.published.shipments[0].id)
        shipment.window_end = clock.now() + timedelta(minutes=1)
    await device.send(device.start())
    await projected(client.database)
    await device.send(*device.visit(0, 0.1))
    await projected(client.database)
    async with client.database.reading() as session:
        assert [row.state for row in await session.scalars(select(ExceptionCase))] == [ExceptionState.RESOLVED]
