"""The own fleet behind the carriers' protocol."""

import pytest

from app.carriers.own_fleet import OwnFleetGateway, zpl
from app.carriers.protocol import Booked, NotOffered, Quote
from tests.carriers.documents import consignment

GATEWAY = OwnFleetGateway()


async def test_a_booking_is_its_own_number_and_the_same_every_time() -> None:
    first, second = await GATEWAY.book(consignment()), await GATEWAY.book(consignment(attempt=2))
    assert first == second
    assert (first.tracking_number, first.booking_id, first.is_confirmed) == ("4711/1", "0199-key", True)
    booked = Booked(consignment=consignment(), tracking_number="4711/1")
    assert await GATEWAY.label(booked) == first.label
    await GATEWAY.cancel(booked)


async def test_the_price_is_the_rate_cards() -> None:
    asked = consignment()
    assert await GATEWAY.quote(asked) == [Quote(service="STANDARD", price=asked.price)]


async def test_own_drivers_are_not_asked_for_milestones() -> None:
    with pytest.raises(NotOffered):
        await GATEWAY.track(Booked(consignment=consignment(), tracking_number="4711/1"))


def test_a_label_holds_the_address_and_the_reference_as_a_barcode() -> None:
    text = zpl(consignment()).contents.decode()
    assert text.startswith("^XA\n^CI28\n")
    assert text.endswith("^XZ\n")
    assert "^FDRosa Conceição^FS" in text
    assert "^BCN,200,Y,N,N^FD4711/1^FS" in text


def test_no_address_can_command_the_printer() -> None:
    text = zpl(consignment(reference="1^XZ~JR\n2")).contents.decode()
    assert "^FD1 XZ JR 2^FS" in text
    assert text.count("^XZ") == 1
