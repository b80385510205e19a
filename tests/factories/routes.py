"""A published route with its van, driver, stops, shipments and stock."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.auth.principals import Principal, PrincipalKind
from app.core import clock
from app.core.database import Database
from app.models import (
    Driver,
    FulfilmentNode,
    InventoryLevel,
    Order,
    OrderLine,
    OrderState,
    Plan,
    PlanState,
    ProofKind,
    Route,
    RouteState,
    Shipment,
    ShipmentLine,
    ShipmentState,
    Stop,
    StopShipment,
    Vehicle,
)
from tests.factories.callers import a_carrier, a_driver, an_order
from tests.factories.stock import a_node

SKU = "TEA"
QUANTITY = 3


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is special about a stop's order."""

    proofs: tuple[ProofKind, ...] = ()
    cash_minor: int | None = None
    pin: str | None = None


PLAIN = Wish()


@dataclass
class PublishedRoute:
    """The rows of a route, by stop."""

    node: FulfilmentNode
    vehicle: Vehicle
    driver: Driver
    route: Route
    orders: list[Order] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)

    @property
    def principal(self) -> Principal:
        """The driver as a caller."""
        return Principal(
            kind=PrincipalKind.DRIVER, name=self.driver.name, key=self.driver.reference, driver_id=self.driver.id
        )


async def a_published_route(
    database: Database, *wishes: Wish, name: str = "R1", starts_at: datetime | None = None
) -> PublishedRoute:
    """A route with one stop per wish, each with one shipment of three of one sku; ten minutes of drive between."""
    start = (starts_at or clock.now()).astimezone(UTC)
    node, carrier = a_node(f"{name}-N"), a_carrier(f"{name}-C")
    vehicle = Vehicle(
        registration=f"{name}-V", carrier_id=carrier.id, node_id=node.id, max_weight_kg=500, max_volume_l=1000
    )
    driver = a_driver(carrier, f"{name}-D")
    plan = Plan(node_id=node.id, date=start.date(), state=PlanState.PUBLISHED, version=1, currency="EUR", solver="test")
    route = Route(
        reference=name,
        plan_id=plan.id,
        node_id=node.id,
        carrier_id=carrier.id,
        vehicle_id=vehicle.id,
        driver_id=driver.id,
        state=RouteState.PUBLISHED,
        planned_start=start,
        planned_end=start + timedelta(hours=8),
        currency="EUR",
    )
    found = PublishedRoute(node=node, vehicle=vehicle, driver=driver, route=route)
    count = len(wishes) * QUANTITY
    async with database.transaction() as session:
        session.add_all([node, carrier])
        await session.flush()
        session.add_all(
            [vehicle, driver, plan, InventoryLevel(node_id=node.id, sku=SKU, on_hand=count + 5, reserved=count)]
        )
        await session.flush()
        session.add(route)
        await session.flush()
        for number, wish in enumerate(wishes, start=1):
            rows = _visit(found, number, wish)
            for row in rows:
                session.add(row)
                await session.flush()
    return found


def _visit(
    found: PublishedRoute, number: int, wish: Wish
) -> list[Order | OrderLine | Shipment | ShipmentLine | Stop | StopShipment]:
    route = found.route
    arrival = route.planned_start + timedelta(minutes=12 * number)
    order = an_order(f"{route.reference}-{number}")
    order.state, order.pin, order.cash_minor = OrderState.ALLOCATED, wish.pin, wish.cash_minor
    order.proof_requirements = [kind.value for kind in wish.proofs]
    order.latitude = 38.70 + number / 100
    shipment = Shipment(
        reference=f"{order.reference}/1",
        order_id=order.id,
        node_id=found.node.id,
        carrier_id=route.carrier_id,
        service="STANDARD",
        state=ShipmentState.PLANNED,
        window_start=route.planned_start - timedelta(hours=1),
        window_end=route.planned_start + timedelta(hours=9),
        currency="EUR",
    )
    stop = Stop(
        route_id=route.id,
        order_id=order.id,
        sequence=number,
        latitude=order.latitude,
        longitude=order.longitude,
        planned_arrival=arrival,
        drive_seconds=600,
        drive_metres=4000,
        service_seconds=120,
    )
    found.orders.append(order)
    found.shipments.append(shipment)
    found.stops.append(stop)
    return [
        order,
        OrderLine(order_id=order.id, sku=SKU, quantity=QUANTITY, weight_kg=1, volume_l=1),
        shipment,
        ShipmentLine(shipment_id=shipment.id, sku=SKU, quantity=QUANTITY),
        stop,
        StopShipment(stop_id=stop.id, shipment_id=shipment.id),
    ]
