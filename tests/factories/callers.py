"""One caller of every kind, with the rows that they belong to."""

from app.auth import tokens
from app.auth.principals import ANONYMOUS, Principal, PrincipalKind
from app.core.database import Database
from app.core.ids import new_id
from app.models import Carrier, Driver, Order
from app.orchestration.accounts.queries import customer
from tests.client import ADMINISTRATOR, CHECKOUT, DISPATCHER, INTEGRATION, SECRET


def a_carrier(reference: str = "swift") -> Carrier:
    return Carrier(
        reference=reference,
        name=reference.title(),
        zone_radius_metres=20_000,
        max_weight_kg=30,
        response_minutes=15,
        cutoff_minute=960,
        daily_limit=100,
    )


def a_driver(carrier: Carrier, reference: str = "D1") -> Driver:
    return Driver(
        reference=reference, name="Dario", carrier_id=carrier.id, shift_start_minute=480, shift_end_minute=1020
    )


def an_order(reference: str = "4711") -> Order:
    order_id = new_id()
    return Order(
        id=order_id,
        reference=reference,
        service_level="STANDARD",
        recipient_name="Rosa",
        locale="en",
        line1="Rua Augusta 1",
        city="Lisboa",
        country="PT",
        latitude=38.71,
        longitude=-9.14,
        currency="EUR",
        service_seconds=120,
        input_hash="none",
        tracking_token_hash=tokens.hash_token(tokens.tracking_token(SECRET, order_id)),
    )


async def one_of_each(database: Database) -> dict[PrincipalKind, Principal]:
    """A caller of every kind that can come over HTTP."""
    carrier, order = a_carrier(), an_order()
    driver = a_driver(carrier)
    async with database.transaction() as session:
        session.add_all([carrier, order])
        await session.flush()
        session.add(driver)
    callers = [
        ADMINISTRATOR,
        DISPATCHER,
        INTEGRATION,
        CHECKOUT,
        ANONYMOUS,
        customer(order.id),
        Principal(kind=PrincipalKind.DRIVER, name=driver.name, key="driver", driver_id=driver.id),
        Principal(kind=PrincipalKind.CARRIER, name=carrier.name, key="carrier", carrier_id=carrier.id),
    ]
    return {caller.kind: caller for caller in callers}
