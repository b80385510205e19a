"""Shipments that carriers have, carriers with gateways, and the desk that speaks to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import select
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.carriers.gateways import GatewaySettings
from app.carriers.secrets import Secrets
from app.core.blobs import BlobStore
from app.core.database import Database
from app.jobs import relay
from app.jobs.carriers import CarrierDesk
from app.models import (
    Allocation,
    AllocationState,
    Booking,
    Carrier,
    ExceptionCase,
    FulfilmentNode,
    GatewayKind,
    MovementReason,
    OrderLine,
    OrderState,
    Shipment,
    TenderMode,
)
from app.models.base import Json
from app.orchestration.bookings import gateways, reader
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.orchestration.exceptions.operations import record_event_passed_over
from app.orchestration.inventory import operations as stock
from app.orchestration.shipments import operations as shipments
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.tenders import operations as tenders
from tests.client import settings_for
from tests.factories.callers import an_order
from tests.factories.settling import settled

NOW = datetime(2030, 5, 17, 9, tzinfo=UTC)
LOCAL = frozenset({"127.0.0.1"})


def a_desk(database: Database, folder: Path, secrets: Mapping[str, SecretStr]) -> CarrierDesk:
    """What a worker speaks to carriers with, allowed to call this machine."""
    return CarrierDesk(
        database=database,
        settings=GatewaySettings(edi_root=folder / "edi", secrets=Secrets(secrets), private_hosts=LOCAL),
        watch_every_seconds=0,
        blobs=BlobStore.from_settings(settings_for(database, folder, "redis://127.0.0.1:1/0")),
    )


async def a_gateway(database: Database, carrier: Carrier, kind: GatewayKind, document: Json, desk: CarrierDesk) -> None:
    """Sets the carrier's gateway."""
    async with database.transaction() as session:
        await gateways.put(
            session,
            carrier_reference=carrier.reference,
            kind=kind,
            document=document,
            settings=desk.settings,
            actor=SYSTEM,
            now=NOW,
        )


async def a_shipment(
    database: Database,
    node: FulfilmentNode,
    carrier: Carrier,
    *,
    reference: str = "4711",
    mode: TenderMode = TenderMode.AUTOMATIC,
    now: datetime = NOW,
) -> Shipment:
    """An order of three apples whose shipment the carrier was told of, or is asked for."""
    async with database.transaction() as session:
        order = an_order(reference)
        order.state = OrderState.ALLOCATED
        session.add(order)
        await session.flush()
        line = OrderLine(order_id=order.id, sku="APPLE", quantity=3, weight_kg=1.5, volume_l=2.0)
        allocation = Allocation(
            order_id=order.id,
            node_id=node.id,
            carrier_id=carrier.id,
            service="STANDARD",
            window_start=NOW,
            window_end=NOW + timedelta(hours=4),
            state=AllocationState.COMMITTED,
            lines=[{"sku": "APPLE", "quantity": 3}],
            cost_minor=500,
            currency="EUR",
            capacity_date=NOW.date(),
        )
        session.add_all([line, allocation])
        await session.flush()
        goods = stock.goods_of(node.id, {"APPLE": 3}, order_id=order.id)
        await stock.move(session, MovementReason.RESERVE, goods, now=NOW)
        await capacity.take(session, [Claim.of(allocation)])
        shipment = await shipments.create(
            session,
            order=order,
            number=1,
            allocation=allocation,
            lines=[line],
            quantities={"APPLE": 3},
            actor=SYSTEM,
            now=now,
        )
        shipment.estimated_minor = 500
        carrier.tender_mode = mode
        if mode is TenderMode.AUTOMATIC:
            shipments.begin(session, shipment, ShipmentEvent.ASSIGN, actor=SYSTEM, now=now)
        else:
            await tenders.hand_over(session, shipment, carrier, respond_minutes=60, actor=SYSTEM, now=now)
    return shipment


async def carry(database: Database, now: datetime = NOW) -> None:
    """Lets the reader of bookings read to the end of the log."""
    await settled(database)
    await relay.drain(database, {"bookings": relay.Reader(reader.read, types=reader.READ)}, record_event_passed_over)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the database says by now."""

    bookings: list[Booking]
    shipments: list[Shipment]
    cases: list[ExceptionCase]

    @property
    def booking(self) -> Booking:
        (found,) = self.bookings
        return found

    @property
    def shipment(self) -> Shipment:
        (found,) = self.shipments
        return found


async def facts(database: Database) -> Facts:
    """Every booking, shipment and exception, oldest first."""
    async with database.reading() as session:
        return Facts(
            bookings=list(await session.scalars(select(Booking).order_by(col(Booking.id)))),
            shipments=list(await session.scalars(select(Shipment).order_by(col(Shipment.id)))),
            cases=list(await session.scalars(select(ExceptionCase).order_by(col(ExceptionCase.id)))),
        )
