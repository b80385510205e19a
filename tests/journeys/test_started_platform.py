"""A started platform answers every delivered document of the contract, in the course of an order's real life.

One test, because each step of a life needs the one before.
"""

import hashlib
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from app.core import clock, migrations
from app.core.clock import Clock
from app.core.embedded import platform
from app.core.embedded.platform import Platform
from app.simulator import city, demo
from app.simulator.city import City
from app.simulator.client import Client as SimulatedClient
from app.simulator.day import Access, set_up
from tests.contract.test_documents import PENDING
from tests.documents import documents
from tests.journeys.transports import Caller, Data

ZONE = ZoneInfo("Europe/Lisbon")
SEED, ORDERS, PASSWORD = 3, 9, "only for this life"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(200)
# Only this 3PL carries cold goods: what it declines, nobody takes. For the rest, 3PLs are too dear.
COLD, COLD_CARRIER = "COLD", "RAPIDO"
COLD_ORDERS = 2
DEAR_MINOR = 5_000


@dataclass(kw_only=True)
class Scene:
    """The platform, its callers, and what one step leaves for the next."""

    built: City
    business: Clock
    http: httpx.AsyncClient
    access: Access
    sent: set[tuple[str, str]] = field(default_factory=set)
    tracking_tokens: dict[str, str] = field(default_factory=dict)

    def caller(self, file: str, token: str = "") -> Caller:
        return Caller(http=self.http, file=f"{file}.graphql", token=token, sent=self.sent)

    @property
    def shop(self) -> Caller:
        return self.caller("integration", self.access.integration)

    @property
    def dispatcher(self) -> Caller:
        return self.caller("console", self.access.dispatcher)

    @property
    def administrator(self) -> Caller:
        return self.caller("console", self.access.administrator)

    @property
    def checkout(self) -> Caller:
        return self.caller("checkout", self.access.checkout)

    @property
    def customer(self) -> Caller:
        return self.caller("tracking")

    @property
    def day(self) -> str:
        return self.built.day.isoformat()

    def now(self) -> str:
        return self.business.at(wall=clock.wall_now()).isoformat()

    def events(self, **happened: Data) -> list[Data]:
        """A batch of a device or a carrier's system, in order: each event has an id and a time."""
        return [{"eventId": str(uuid.uuid4()), "at": self.now(), name: given} for name, given in happened.items()]

    async def signed_in(self, file: str, username: str) -> Caller:
        given = {"username": username, "password": PASSWORD}
        payload = await self.caller("driver").do("SignIn", given)
        return self.caller(file, payload["accessToken"])


@pytest.fixture
def running_platform() -> Iterator[tuple[Platform, City, Clock]]:
    """Every process of the platform, on the morning of tomorrow."""
    day = (clock.now() + timedelta(days=1)).astimezone(ZONE).date()
    business = clock.starting_at(datetime.combine(day, time(8, 0), ZONE), speed=1.0)
    with tempfile.TemporaryDirectory(prefix="doorstep-started-") as name:
        Path(name).chmod(0o755)
        settings = {"DOORSTEP_TIME_ZONE": ZONE.key}
        with platform.running(
            Path(name), migrate=migrations.upgrade, clock=business.to_environment(), durable=False, settings=settings
        ) as running:
            yield running, small_city(day), business


def small_city(day: date) -> City:
    """Orders of one day's window and one photograph; the first ones are cold."""
    built = city.build(day=day, zone=ZONE, orders=ORDERS, seed=SEED)
    window = {
        "start": datetime.combine(day, time(9), ZONE).isoformat(),
        "end": datetime.combine(day, time(18), ZONE).isoformat(),
    }
    for number, order in enumerate([*built.orders, *built.late_orders]):
        order.input.pop("cashToCollect", None)
        order.input.update(requestedWindow=window, proofRequirements=["PHOTO"])
        order.input["requiredSkills"] = [COLD] if number < COLD_ORDERS else []
    third_parties = {"baseMinor": DEAR_MINOR}
    carriers = [row | (third_parties if row["kind"] == "THIRD_PARTY" else {}) for row in built.carriers]
    carriers = [row | ({"skills": [COLD]} if row["reference"] == COLD_CARRIER else {}) for row in carriers]
    return replace(built, carriers=carriers)


async def test_every_delivered_document_is_answered_in_the_life_of_an_order(
    running_platform: tuple[Platform, City, Clock],
) -> None:
    running, built, business = running_platform
    async with httpx.AsyncClient(base_url=running.url, timeout=30) as http:
        access = await demo.first_accounts(running, password=PASSWORD)
        await set_up(SimulatedClient(http, token=access.administrator), built)
        await demo.enrol(running, built, password=PASSWORD)
        scene = Scene(built=built, business=business, http=http, access=access)
        await stock_is_counted_and_moved(scene)
        await a_checkout_holds_a_window_and_gives_it_back(scene)
        await orders_come_in_and_one_is_cancelled(scene)
        await orders_are_allocated_and_a_carrier_is_asked(scene)
        await the_day_is_planned_published_and_driven(scene)
        await everybody_reads_what_happened(scene)
        await an_administrator_changes_the_policy(scene)
    assert scene.sent == set(documents()) - PENDING


async def stock_is_counted_and_moved(scene: Scene) -> None:
    levels = [row | {"asOf": scene.now()} for row in scene.built.stock]
    counted = await scene.shop.do("SetInventory", {"levels": levels})
    first = counted["results"][0]["level"]
    movement = {"node": first["node"]["reference"], "sku": first["sku"], "delta": 5, "reason": "RECEIPT"}
    moved = await scene.shop.do("MoveInventory", {"movements": [movement | {"expectedOnHand": first["onHand"]}]})
    assert moved["results"][0]["level"]["onHand"] == first["onHand"] + 5


async def a_checkout_holds_a_window_and_gives_it_back(scene: Scene) -> None:
    first: Data = scene.built.orders[0].input
    lines = [{name: line[name] for name in ("sku", "quantity")} for line in first["lines"]]
    basket = {"address": first["address"], "lines": lines, "from": scene.day, "days": 2}
    offers = (await scene.checkout.ask("DeliveryOffers", input=basket))["offers"]
    held = (await scene.checkout.do("HoldDeliveryOffer", {"offerId": offers[0]["id"]}))["hold"]
    assert (held["state"], held["window"]) == ("HELD", offers[0]["window"])
    released = await scene.checkout.do("ReleaseHold", {"holdId": held["id"]})
    assert released["hold"] == {"id": held["id"], "state": "RELEASED"}


async def orders_come_in_and_one_is_cancelled(scene: Scene) -> None:
    rows = [order.input for order in [*scene.built.orders, *scene.built.late_orders]]
    payload = await scene.shop.do("UpsertOrders", {"orders": rows})
    assert [row["outcome"] for row in payload["results"]] == ["CREATED"] * ORDERS
    for row in payload["results"]:
        order = row["order"]
        scene.tracking_tokens[order["reference"]] = order["trackingUrl"].rsplit("/", 1)[-1]
    again = await scene.shop.do("UpsertOrders", {"orders": rows[:1]})
    assert [row["outcome"] for row in again["results"]] == ["UNCHANGED"]
    given = {"reference": rows[-1]["reference"], "reason": "changed their mind"}
    assert (await scene.shop.do("CancelOrder", given))["order"]["state"] == "CANCELLED"


async def orders_are_allocated_and_a_carrier_is_asked(scene: Scene) -> None:
    desk = await scene.signed_in("carrier", COLD_CARRIER.lower())
    capacity = await desk.do("SetCarrierCapacity", {"capacities": [{"date": scene.day, "limit": 7}]})
    assert [row["limit"] for row in capacity["capacity"]] == [7]
    async with AsyncExitStack() as feeds:
        offers = await feeds.enter_async_context(desk.subscribed("TenderOffered"))
        cases = await feeds.enter_async_context(scene.dispatcher.subscribed("AttentionChanged"))
        await job_is_done(scene, "AllocateOrders", {})
        offered = [await offers.until(lambda _: True) for _ in range(COLD_ORDERS)]
        await the_carrier_takes_one_and_declines_one(scene, desk, {row["id"] for row in offered})
        await job_is_done(scene, "AllocateOrders", {})
        case = await cases.until(lambda row: bool(row["kind"] == "ORDER_UNALLOCATED"))
        board = await scene.dispatcher.ask("Board", date=scene.day)
        assert [edge["node"]["id"] for edge in board["attention"]["edges"]] == [case["id"]]
        given = {"exceptionId": case["id"], "accept": True, "note": "called the customer"}
        assert (await scene.dispatcher.do("ResolveException", given))["exception"]["state"] == "RESOLVED"
        closed = await cases.until(lambda row: bool(row["id"] == case["id"]))
        assert closed["state"] == "RESOLVED"


async def job_is_done(scene: Scene, name: str, given: Data) -> Data:
    """Starts long work and follows it to its end."""
    job = (await scene.dispatcher.do(name, given))["job"]
    async with scene.dispatcher.subscribed("JobProgress", id=job["id"]) as progress:
        await progress.until(lambda row: bool(row["state"] in ("SUCCEEDED", "FAILED")))
    found: Data = await scene.dispatcher.ask("Job", id=job["id"])
    assert (found["state"], found["error"]) == ("SUCCEEDED", None)
    return found


async def the_carrier_takes_one_and_declines_one(scene: Scene, desk: Caller, offered: set[str]) -> None:
    viewer = await desk.ask("CarrierDesk", first=10, tenderState="OFFERED")
    taken, declined = (edge["node"] for edge in viewer["carrier"]["tenders"]["edges"])
    assert {taken["id"], declined["id"]} == offered
    accepted = await desk.do("AcceptTender", {"tenderId": taken["id"]})
    assert accepted["tender"]["shipment"]["state"] == "ASSIGNED"
    refusal = {"tenderId": declined["id"], "reason": "no van free"}
    assert (await desk.do("RejectTender", refusal))["tender"]["state"] == "REJECTED"
    for kind, state in (
        ("PICKED_UP", "PICKED_UP"),
        ("OUT_FOR_DELIVERY", "OUT_FOR_DELIVERY"),
        ("DELIVERED", "DELIVERED"),
    ):
        event = {"eventId": f"portal-{kind}", "shipmentId": taken["shipment"]["id"], "kind": kind, "at": scene.now()}
        reported = await desk.do("ReportShipmentEvents", {"events": [event]})
        (row,) = reported["results"]
        assert (row["outcome"], row["shipment"]["state"]) == ("RECORDED", state)


async def the_day_is_planned_published_and_driven(scene: Scene) -> None:
    job = await job_is_done(scene, "PlanRoutes", {"date": scene.day, "seconds": 2})
    plans = [await scene.dispatcher.ask("RoutePlan", id=row["planId"]) for row in job["result"]["plans"]]
    plan, longest = max(
        ((found, route) for found in plans for route in found["routes"]), key=lambda pair: len(pair[1]["stops"])
    )
    assert plan["state"] == "DRAFT"
    names = {str(row["name"]): str(row["reference"]) for row in scene.built.drivers}
    driver = await scene.signed_in("driver", names[longest["driver"]["name"]])
    async with driver.subscribed("RouteChanged") as changes:
        given = {"planId": plan["id"], "expectedVersion": plan["version"]}
        published = await scene.dispatcher.do("PublishPlan", given)
        assert published["plan"]["state"] == "PUBLISHED"
        await the_route_is_driven(scene, driver)
        await changes.until(lambda row: bool(row["state"] == "COMPLETED"))


async def the_route_is_driven(scene: Scene, driver: Caller) -> None:
    route = (await driver.ask("DriverDay"))["driver"]["currentRoute"]
    accepted = await driver.do("AcceptRoute", {"routeId": route["id"]})
    assert accepted["route"]["state"] == "ACCEPTED"
    route = await the_last_stop_becomes_the_first(scene, driver)
    barcodes = [shipment["reference"] for stop in route["stops"] for shipment in stop["shipments"]]
    loaded = {"routeId": route["id"], "barcodes": barcodes}
    batch = scene.events(loadScanned=loaded, routeStarted={"routeId": route["id"]})
    started = await driver.do("RecordDriverEvents", {"events": batch})
    assert started["route"]["state"] == "IN_PROGRESS"
    replayed = await driver.do("RecordDriverEvents", {"events": batch})
    assert [row["outcome"] for row in replayed["results"]] == ["DUPLICATE", "DUPLICATE"]
    for stop in route["stops"]:
        await a_stop_is_delivered(scene, driver, stop)
    done = await driver.do("RecordDriverEvents", {"events": scene.events(routeCompleted={"routeId": route["id"]})})
    assert done["route"]["state"] == "COMPLETED"


async def the_last_stop_becomes_the_first(scene: Scene, driver: Caller) -> Data:
    """The route as the driver sees it then."""
    before = (await driver.ask("DriverDay"))["driver"]["currentRoute"]
    *others, last = [stop["id"] for stop in before["stops"]]
    assert others
    given = {"stopId": last, "toRouteId": before["id"], "position": 1, "expectedVersion": before["version"]}
    moved = await scene.dispatcher.do("ReassignStop", given)
    after: Data = (await driver.ask("DriverDay"))["driver"]["currentRoute"]
    assert moved["routes"] == [{"id": after["id"], "version": after["version"]}]
    assert [stop["id"] for stop in after["stops"]] == [last, *others]
    return after


async def a_stop_is_delivered(scene: Scene, driver: Caller, stop: Data) -> None:
    reference = stop["shipments"][0]["reference"].split("/")[0]
    token = scene.tracking_tokens[reference]
    async with scene.customer.streamed("TrackingChanged", token=token) as page:
        assert (await page.until(lambda _: True))["state"] == "IN_FULFILMENT"
        changed = await scene.customer.do(
            "UpdateDeliveryPreferences", {"safePlace": "Behind the gate", "channels": ["EMAIL"]}, token=token
        )
        assert changed["tracking"]["preferences"]["safePlace"] == "Behind the gate"
        position = {"at": scene.now(), **stop["address"]["location"], "accuracyMetres": 5.0}
        assert (await driver.do("ReportPositions", {"positions": [position]}))["accepted"] == 1
        handed_over = {
            "stopId": stop["id"],
            "handover": "RECIPIENT",
            "receivedBy": stop["recipient"]["name"],
            "proofs": [await a_photograph(scene, driver)],
        }
        here = {"stopId": stop["id"]}
        batch = scene.events(arrived=here, delivered=handed_over, departed=here)
        recorded = await driver.do("RecordDriverEvents", {"events": batch})
        assert [row["outcome"] for row in recorded["results"]] == ["RECORDED"] * 3
        await page.until(lambda row: bool(row["state"] == "COMPLETED"))


async def a_photograph(scene: Scene, driver: Caller) -> Data:
    digest = hashlib.sha256(PICTURE).hexdigest()
    given = {"kind": "PHOTO", "contentType": "image/png", "bytes": len(PICTURE), "sha256": digest}
    upload = (await driver.do("CreateUpload", given))["upload"]
    headers = {row["name"]: row["value"] for row in upload["headers"]}
    response = await scene.http.put(upload["url"], content=PICTURE, headers=headers)
    assert response.status_code < 300, response.text
    return {"kind": "PHOTO", "uploadId": upload["id"], "sha256": digest, "capturedAt": scene.now()}


async def everybody_reads_what_happened(scene: Scene) -> None:
    listed = await scene.dispatcher.ask("Orders", first=100, where={"states": ["COMPLETED"]})
    delivered = [edge["node"]["reference"] for edge in listed["edges"]]
    own = next(
        edge["node"] for edge in listed["edges"] if edge["node"]["shipments"][0]["carrier"]["name"] != "Rápido Express"
    )
    await a_customer_rates(scene, own["reference"])
    found = await scene.shop.ask("OrderByReference", reference=own["reference"])
    assert [attempt["outcome"] for attempt in found["shipments"][0]["attempts"]] == ["SUCCEEDED"]
    (proof,) = found["shipments"][0]["proof"]
    assert proof["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    assert (await scene.http.get(proof["url"])).content == PICTURE
    why = await scene.dispatcher.ask("WhyThisChoice", reference=own["reference"])
    assert why["decisions"][0]["chosen"]["carrier"]["reference"] == "OWN"
    while (told := await told_of(scene, "order.completed")) != set(delivered):
        assert told < set(delivered)  # the newest events settle a moment later
    done = await scene.dispatcher.ask("Performance", **{"from": scene.day, "to": scene.day})
    assert sum(row["shipments"] for row in done["byCarrier"]) == len(delivered)
    cards = await scene.dispatcher.ask("Scorecards", days=30)
    assert {edge["node"]["reference"] for edge in cards["edges"]} == {"OWN", "RAPIDO", "VERDE"}


async def a_customer_rates(scene: Scene, reference: str) -> None:
    token = scene.tracking_tokens[reference]
    page = await scene.customer.ask("Tracking", token=token)
    assert page["proof"][0]["kind"] == "PHOTO"
    required = [question for question in page["feedbackForm"]["questions"] if question["required"]]
    answers = [{"questionId": question["id"], "score": question["scale"]} for question in required]
    rated = await scene.customer.do("SubmitFeedback", {"answers": answers}, token=token)
    assert rated["feedback"]["score"] == 1.0


async def told_of(scene: Scene, event_type: str) -> set[str]:
    """The subjects of a type of event in the whole feed."""
    found: set[str] = set()
    after = None
    while True:
        page = await scene.shop.ask("Changes", first=50, after=after)
        found |= {edge["node"]["subjectReference"] for edge in page["edges"] if edge["node"]["type"] == event_type}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


async def an_administrator_changes_the_policy(scene: Scene) -> None:
    (policy,) = await scene.administrator.ask_by_get("Policies")
    document = policy["document"] | {"maxAttempts": 2}
    given = {"name": policy["name"], "document": document, "expectedVersion": policy["version"]}
    changed = (await scene.administrator.do("UpdatePolicy", given))["policy"]
    assert (changed["version"], changed["document"]["maxAttempts"]) == (policy["version"] + 1, 2)
