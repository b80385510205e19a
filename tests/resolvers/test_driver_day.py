"""What a driver's app shows, accepts and hears of."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import websockets
from sqlalchemy import func, select

from app.core import clock
from app.core.ids import to_global
from app.models import DriverPosition, Event, ProofKind
from tests.client import DISPATCHER, Client, served
from tests.documents import document
from tests.factories.devices import Device, event
from tests.factories.routes import PLAIN, QUANTITY, SKU, Wish, a_published_route
from tests.factories.settling import projected


async def day(client: Client, device: Device) -> dict[str, Any]:
    data = await client.run(document("driver.graphql", "DriverDay"), as_=device.published.principal)
    found: dict[str, Any] = data["viewer"]["driver"]
    return found


async def device_of(client: Client, *wishes: Wish) -> Device:
    return Device(client, await a_published_route(client.database, *wishes))


async def test_the_day_shows_the_route_with_all_that_the_door_needs(client: Client) -> None:
    device = await device_of(client, Wish(proofs=(ProofKind.PHOTO,), cash_minor=1250), PLAIN)
    route = (await day(client, device))["currentRoute"]
    assert (route["reference"], route["state"], route["version"]) == ("R1", "PUBLISHED", 0)
    assert route["vehicle"] == {"registration": "R1-V"}
    assert route["geometry"] == {
        "type": "LineString",
        "coordinates": [[-9.14, 38.72], [-9.14, 38.71], [-9.14, 38.72], [-9.14, 38.72]],
    }
    first = route["stops"][0]
    assert (first["sequence"], first["kind"], first["state"], first["outcome"]) == (1, "DELIVERY", "PENDING", None)
    assert first["recipient"] == {"name": "Rosa", "phone": None}
    assert first["proofRequirements"] == ["PHOTO", "CASH"]
    assert first["navigationUrl"] == "geo:38.710000,-9.140000?q=38.710000,-9.140000"
    shipment = first["shipments"][0]
    assert shipment["cashToCollect"] == {"amount": "12.50", "currency": "EUR"}
    assert shipment["lines"] == [{"sku": SKU, "quantity": QUANTITY, "description": None}]
    assert route["stops"][1]["proofRequirements"] == []


async def test_accepting_a_route_counts_its_version_up_and_refuses_an_old_one(client: Client) -> None:
    device = await device_of(client, PLAIN)
    given = {"routeId": device.route_id, "expectedVersion": 7}
    text, caller = document("driver.graphql", "AcceptRoute"), device.published.principal
    refused = (await client.run(text, {"input": given}, as_=caller))["acceptRoute"]
    assert [error["code"] for error in refused["userErrors"]] == ["STALE_VERSION"]
    taken = (await client.run(text, {"input": given | {"expectedVersion": 0}}, as_=caller))["acceptRoute"]
    assert taken == {"route": {"id": device.route_id, "state": "ACCEPTED", "version": 1}, "userErrors": []}
    again = (await client.run(text, {"input": {"routeId": device.route_id}}, as_=caller))["acceptRoute"]
    assert [error["code"] for error in again["userErrors"]] == ["INVALID_STATE"]


async def test_another_drivers_route_cannot_be_accepted(client: Client) -> None:
    device = await device_of(client, PLAIN)
    other = await a_published_route(client.database, PLAIN, name="R2")
    text = document("driver.graphql", "AcceptRoute")
    payload = (await client.run(text, {"input": {"routeId": device.route_id}}, as_=other.principal))["acceptRoute"]
    assert [error["code"] for error in payload["userErrors"]] == ["NOT_YOUR_ROUTE"]


async def test_only_drivers_record_what_drivers_do(client: Client) -> None:
    data = await client.run(document("driver.graphql", "RecordDriverEvents"), {"input": {"events": []}}, as_=DISPATCHER)
    assert [error["code"] for error in data["recordDriverEvents"]["userErrors"]] == ["NOT_PERMITTED"]


async def test_etas_follow_what_happens_on_the_road(client: Client) -> None:
    device = await device_of(client, PLAIN, PLAIN, PLAIN)
    now = clock.now()
    device.began = now
    await device.send(device.start(), device.arrive(0, 0.5))
    await projected(client.database)
    stops = (await day(client, device))["currentRoute"]["stops"]
    etas = [stop["eta"] for stop in stops[1:]]
    assert all(eta["earliest"] <= eta["expected"] <= eta["latest"] for eta in etas)
    assert [eta["confidence"] for eta in etas] == [0.8, 0.8]
    async with client.database.reading() as session:
        types = list(await session.scalars(select(Event.type)))  # type: ignore[call-overload]
    assert types.count("shipment.approaching") == 3 - 1
    assert types.count("shipment.eta_changed") >= 1


async def test_positions_count_once_and_those_of_the_future_are_refused(client: Client) -> None:
    device = await device_of(client, PLAIN)
    text, caller = document("driver.graphql", "ReportPositions"), device.published.principal
    at = clock.now() - timedelta(minutes=1)
    here = {"at": at.isoformat(), "latitude": 38.7, "longitude": -9.1, "speedMps": 8.5}
    later = here | {"at": (at + timedelta(seconds=30)).isoformat()}
    for positions, accepted in (([here, here], 1), ([here, later], 1)):
        payload = (await client.run(text, {"input": {"positions": positions}}, as_=caller))["reportPositions"]
        assert payload == {"accepted": accepted, "userErrors": []}
    for wrong, code in (
        (here | {"latitude": 91}, "LOCATION_INVALID"),
        (here | {"at": (at + timedelta(hours=1)).isoformat()}, "TIME_OUT_OF_RANGE"),
    ):
        payload = (await client.run(text, {"input": {"positions": [wrong]}}, as_=caller))["reportPositions"]
        assert [error["code"] for error in payload["userErrors"]] == [code]
    async with client.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(DriverPosition)) == 2


async def test_a_driver_hears_of_its_own_route_only(client: Client) -> None:
    device = await device_of(client, PLAIN)
    other = Device(client, await a_published_route(client.database, PLAIN, name="R2"))
    token = await client.token(device.published.principal)
    query = document("driver.graphql", "RouteChanged")
    async with (
        served(client.application) as address,
        websockets.connect(f"ws://{address}/graphql", subprotocols=["graphql-transport-ws"]) as socket,  # type: ignore[list-item]
    ):
        await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        await other.send(other.start())
        await device.send(device.start())
        heard = asyncio.create_task(socket.recv())
        while not heard.done():  # the live feed starts at some moment after the request: keep telling
            await other.send(event(note={"stopId": other.stop_id(0), "text": "Mine."}))
            await device.send(event(note={"stopId": device.stop_id(0), "text": "Yours."}))
            await asyncio.wait([heard], timeout=0.3)
        message = json.loads(heard.result())
    change = message["payload"]["data"]["routeChanged"]
    assert change["id"] == to_global("Route", device.published.route.id)
    assert change["state"] == "IN_PROGRESS"
    assert change["reason"] in ("route.started", "stop.noted")
