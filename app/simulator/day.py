"""The demo day, from the first order to the last rating: every actor a client of the endpoint, on one fast clock."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import httpx

from app.core import clock
from app.simulator import waiting
from app.simulator.carrier import Carrier
from app.simulator.city import City
from app.simulator.client import Client
from app.simulator.customer import Customers
from app.simulator.dispatcher import Dispatcher
from app.simulator.driver import Driver
from app.simulator.shop import Shop

Say = Callable[[str], None]
# Gives drivers and carriers their users, once they are there.
Enrol = Callable[[], Awaitable[None]]
ROWS_A_CALL = 500
DELIVERED_EVENTS = ("shipment.delivered", "shipment.partially_delivered")


@dataclass(frozen=True, kw_only=True)
class Access:
    """The tokens and the password that the actors of a day use."""

    administrator: str
    dispatcher: str
    integration: str
    checkout: str
    password: str


@dataclass(frozen=True, kw_only=True)
class Pace:
    """When things happen, in local time, and how long the solver may think, in machine seconds."""

    late_orders_at: time
    ends_at: time
    plan_seconds: int


async def set_up(client: Client, city: City) -> None:
    """An administrator enters the network: nodes, carriers, goods, stock, vehicles, drivers."""
    for operation, key, rows in (
        ("UpsertNodes", "nodes", city.nodes),
        ("UpsertCarriers", "carriers", city.carriers),
        ("UpsertProducts", "products", city.products),
        ("UpsertVehicles", "vehicles", city.vehicles),
        ("UpsertDrivers", "drivers", city.drivers),
    ):
        for start in range(0, len(rows), ROWS_A_CALL):
            await client.do(operation, {"input": {key: rows[start : start + ROWS_A_CALL]}})


async def stock_up(client: Client, city: City) -> None:
    """The warehouse system counts the shelves."""
    as_of = clock.now().isoformat()
    for start in range(0, len(city.stock), ROWS_A_CALL):
        levels = [row | {"asOf": as_of} for row in city.stock[start : start + ROWS_A_CALL]]
        await client.do("SetInventory", {"input": {"levels": levels}})


# A window is sold until so long before its end.
SOLD_BEFORE = timedelta(hours=2)


class Day:
    """One day of one city."""

    def __init__(self, city: City, *, url: str, access: Access, pace: Pace, seed: int, say: Say, enrol: Enrol) -> None:
        self._city = city
        self._access = access
        self._pace = pace
        self._seed = seed
        self._say = say
        self._enrol = enrol
        self._http = httpx.AsyncClient(
            base_url=url, timeout=60, limits=httpx.Limits(max_connections=40, max_keepalive_connections=40)
        )
        self.shop = Shop(self._client(access.integration))
        self.dispatcher = Dispatcher(self._client(access.dispatcher))
        self._ends = datetime.combine(city.day, pace.ends_at, city.zone)
        self._delivered = 0
        self._planned = asyncio.Event()

    def _client(self, token: str = "") -> Client:
        return Client(self._http, token=token)

    async def run(self) -> dict[str, Any]:
        """Drives the day and answers its report."""
        async with self._http:
            await set_up(self._client(self._access.administrator), self._city)
            await self._enrol()
            await stock_up(self._client(self._access.integration), self._city)
            landed = await self.shop.send(self._city.orders)
            self._say(f"{landed} orders received")
            allocation = await self.dispatcher.allocate()
            self._say(f"allocated: {allocation['result']}")
            actors = self._actors()
            late = asyncio.create_task(self._late())
            tasks = [late, *(asyncio.create_task(actor) for actor in actors)]
            plan = await self.dispatcher.plan(day=self._city.day, seconds=self._pace.plan_seconds)
            self._planned.set()
            self._say(f"planned and published: {plan['result']}")
            try:
                await self._watch(tasks, late)
            finally:
                for task in tasks:
                    task.cancel()
            return await self.dispatcher.report(day=self._city.day)

    def _actors(self) -> list[Coroutine[Any, Any, None]]:
        people = {
            str(order.input["reference"]): order.person for order in (*self._city.orders, *self._city.late_orders)
        }
        self._customers = Customers(self._client(), people=people, tokens=self.shop.tracking_tokens, seed=self._seed)
        actors: list[Coroutine[Any, Any, None]] = [self.shop.follow(self._hear)]
        password = self._access.password
        for number, row in enumerate(self._city.drivers):
            driver = Driver(self._client(), customers=self._customers, until=self._ends, seed=self._seed + number)
            actors.append(driver.work(username=str(row["reference"]), password=password))
        for number, row in enumerate(row for row in self._city.carriers if row["kind"] == "THIRD_PARTY"):
            carrier = Carrier(self._client(), customers=self._customers, until=self._ends, seed=self._seed - number - 1)
            actors.append(carrier.work(username=str(row["reference"]).lower(), password=password))
        return actors

    async def _hear(self, event: dict[str, Any]) -> None:
        """The shop's feed: a delivered order's customer is asked how it went."""
        if event["type"] in DELIVERED_EVENTS:
            self._delivered += 1
            reference = str(event["subjectReference"]).split("/")[0]
            await self._customers.rate(reference)

    async def _late(self) -> None:
        """What comes in after the vans have left, and what customers cancel."""
        if not self._city.late_orders:
            return
        await waiting.until(datetime.combine(self._city.day, self._pace.late_orders_at, self._city.zone))
        await self._planned.wait()  # one dispatcher, one plan at a time: a second would overtake the first's draft
        late = [order for order in self._city.late_orders if _is_open(order.input["requestedWindow"])]
        if not late:
            return
        await self.shop.send(late)
        await self.shop.cancel(str(late[0].input["reference"]))
        await self.dispatcher.allocate()
        await self.dispatcher.plan(day=self._city.day, seconds=max(2, self._pace.plan_seconds // 2))
        self._say(f"{len(late)} late orders joined")

    async def _watch(self, tasks: list[asyncio.Task[None]], late: asyncio.Task[None]) -> None:
        """Says how far the day is, until the late orders have joined and nothing is under way, or the day is over."""
        while clock.now() < self._ends:
            await asyncio.sleep(2)
            for task in tasks:
                if task.done() and (error := task.exception()) is not None:
                    raise error
            report = await self.dispatcher.report(day=self._city.day)
            local = clock.now().astimezone(self._city.zone)
            rated = self._customers.rated
            self._say(f"{local:%H:%M}  {self._delivered} delivered, {report['openStops']} stops to go, {rated} ratings")
            if late.done() and report["openStops"] == 0 and not self._under_way(report):
                break
        await asyncio.sleep(clock.wall_seconds(timedelta(minutes=20)))

    @staticmethod
    def _under_way(report: dict[str, Any]) -> bool:
        moving = {"PENDING", "TENDERED", "PLANNED", "PICKED_UP", "OUT_FOR_DELIVERY"}
        return any(row["name"] in moving and row["count"] for row in report["shipments"])


def _is_open(window: Any) -> bool:
    """Whether the shop still sells the window: on a slow machine the plan may be out late in the day."""
    return datetime.fromisoformat(window["end"]) > clock.now() + SOLD_BEFORE
