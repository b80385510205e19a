"""A shipment's booking in the API: for staff, integrations and its own carrier, with a label that can be fetched."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.auth.principals import Principal, PrincipalKind
from app.carriers.protocol import Label, Receipt
from app.core import clock
from app.core.database import Database
from app.core.ids import to_global
from app.models import Carrier, FulfilmentNode, GatewayKind
from app.orchestration.accounts.queries import customer
from app.orchestration.bookings import operations
from tests.carriers.documents import SECRETS, rest_document
from tests.client import DISPATCHER, INTEGRATION, Client
from tests.factories.bookings import a_desk, a_gateway, a_shipment, carry
from tests.factories.stock import a_world

LABEL = Label(contents=b"%PDF-1.4 label", content_type="application/pdf")
DOCUMENT = """query($id: ID!) { node(id: $id) { ... on Shipment {
  carrierTrackingNumber booking { reference state trackingNumber attempts errorCode label { url contentType } }
} } }"""


@pytest.fixture
async def booked(client: Client, database: Database, tmp_path: Path) -> tuple[Carrier, str, Principal]:
    """Carrier swift, the id of its booked shipment, and the customer it goes to."""
    node, carrier = await a_world(database)
    assert isinstance(node, FulfilmentNode)
    desk = a_desk(database, tmp_path, SECRETS)
    await a_gateway(database, carrier, GatewayKind.REST, rest_document("https://api.swift.example"), desk)
    shipment = await a_shipment(database, node, carrier)
    await carry(database)
    async with database.transaction() as session:
        (errand,) = await operations.claim_due(
            session,
            carrier_id=carrier.id,
            now=clock.now(),
            wall=clock.wall_now(),
            lease=timedelta(minutes=1),
            limit=1,
        )
    context = client.application.state.context()
    await context.blobs.put(f"labels/{errand.booking.id}", LABEL.contents)
    async with database.transaction() as session:
        await operations.record_booked(
            session,
            errand.booking,
            Receipt(tracking_number="SW1", label=LABEL),
            label_key=f"labels/{errand.booking.id}",
            track_after=None,
            now=clock.now(),
        )
    return carrier, to_global("Shipment", shipment.id), customer(shipment.order_id)


def of(carrier: Carrier) -> Principal:
    return Principal(kind=PrincipalKind.CARRIER, name=carrier.name, key="carrier", carrier_id=carrier.id)


async def test_staff_integrations_and_the_carrier_see_the_booking_and_fetch_its_label(
    client: Client, booked: tuple[Carrier, str, Principal]
) -> None:
    carrier, shipment_id, _ = booked
    for viewer in (DISPATCHER, INTEGRATION, of(carrier)):
        found = (await client.run(DOCUMENT, {"id": shipment_id}, as_=viewer))["node"]
        label = found["booking"].pop("label")
        assert found == {
            "carrierTrackingNumber": "SW1",
            "booking": {
                "reference": "4711/1",
                "state": "BOOKED",
                "trackingNumber": "SW1",
                "attempts": 1,
                "errorCode": None,
            },
        }
        assert label["contentType"] == "application/pdf"
        answer = await client.http.get(label["url"].removeprefix("http://doorstep.test"))
        assert (answer.status_code, answer.content) == (200, LABEL.contents)


async def test_the_customer_sees_no_booking(client: Client, booked: tuple[Carrier, str, Principal]) -> None:
    _, shipment_id, recipient = booked
    found = (await client.run(DOCUMENT, {"id": shipment_id}, as_=recipient))["node"]
    assert found is None or found["booking"] is None
