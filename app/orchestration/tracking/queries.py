"""One order as its customer sees it, read in one go."""

import uuid
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import (
    Carrier,
    Channel,
    Driver,
    DriverPosition,
    Event,
    Feedback,
    Message,
    MessageState,
    Order,
    Proof,
    Questionnaire,
    Route,
    Shipment,
    ShipmentState,
    Stop,
    StopShipment,
    StopState,
    Upload,
)
from app.orchestration.accounts.queries import customer
from app.orchestration.feedback import queries as feedback
from app.orchestration.messages.wording import zones_of_orders
from app.orchestration.policies import queries as rules
from app.orchestration.proofs.queries import files_of, of_orders
from app.orchestration.tracking import policies

STILL_AHEAD = (StopState.PENDING, StopState.EN_ROUTE, StopState.ARRIVED)
# Of several shipments the page follows the one that is furthest under way, and the best ended one after that.
FOLLOWED = (
    ShipmentState.OUT_FOR_DELIVERY,
    ShipmentState.PICKED_UP,
    ShipmentState.PLANNED,
    ShipmentState.ASSIGNED,
    ShipmentState.TENDERED,
    ShipmentState.PENDING,
    ShipmentState.ATTEMPT_FAILED,
    ShipmentState.RETURNING,
    ShipmentState.DELIVERED,
    ShipmentState.PARTIALLY_DELIVERED,
    ShipmentState.RETURNED,
    ShipmentState.LOST,
    ShipmentState.CANCELLED,
)


@dataclass(frozen=True, kw_only=True)
class TrackingView:
    """Everything on the page. What the visibility rules hide is None already."""

    order: Order
    shipment: Shipment | None
    carrier: Carrier | None
    driver: Driver | None
    position: DriverPosition | None
    stops_before: int | None
    events: Sequence[Event]
    inbox: Sequence[Message]
    proofs: Sequence[Proof]
    files: Mapping[uuid.UUID, Upload]
    questionnaire: Questionnaire | None
    feedback: Feedback | None
    route_id: uuid.UUID | None
    zone: ZoneInfo | None

    @property
    def marks(self) -> Hashable:
        """What differs between two views as soon as the page would look different."""
        shipment, position = self.shipment, self.position
        return (
            self.order.version,
            None if shipment is None else (shipment.id, shipment.state, shipment.version),
            None if shipment is None else (shipment.eta_expected, shipment.eta_earliest, shipment.eta_latest),
            self.stops_before,
            None if position is None else position.id,
            len(self.events),
            len(self.inbox),
            len(self.proofs),
            self.feedback is not None,
        )


async def view(session: AsyncSession, *, order_id: uuid.UUID, now: datetime) -> TrackingView | None:
    """The page of one order, or None where there is none."""
    order = await session.get(Order, order_id)
    if order is None:
        return None
    shipment = await _followed(session, order_id)
    stop, route = await _stop_of(session, shipment)
    before = await _stops_before(session, stop)
    rule = (await rules.current(session)).tracking
    is_shown = shipment is not None and policies.may_show_vehicle(
        rule,
        is_on_the_way=policies.is_on_the_way(
            shipment.state, is_collection=order.kind.is_collection, route=None if route is None else route.state
        ),
        stops_before=before,
        eta=shipment.eta_expected,
        now=now,
    )
    shown = route if is_shown else None
    proofs = (await of_orders(session, customer(order_id), [order_id]))[order_id]
    driver_id = None if shown is None else shown.driver_id
    return TrackingView(
        order=order,
        shipment=shipment,
        carrier=await session.get(Carrier, shipment.carrier_id) if shipment else None,
        driver=await session.get(Driver, driver_id) if driver_id else None,
        position=await _position(session, shown) if shown else None,
        stops_before=before if is_shown else None,
        events=await _events(session, order_id),
        inbox=await _inbox(session, order_id),
        proofs=proofs,
        files=await files_of(session, customer(order_id), [proof.id for proof in proofs]),
        questionnaire=await feedback.current(session),
        feedback=await session.scalar(select(Feedback).where(col(Feedback.order_id) == order_id)),
        route_id=None if route is None else route.id,
        zone=(await zones_of_orders(session, [order_id])).get(order_id),
    )


async def _followed(session: AsyncSession, order_id: uuid.UUID) -> Shipment | None:
    shipments = list(
        await session.scalars(
            select(Shipment).where(col(Shipment.order_id) == order_id).order_by(col(Shipment.id).desc())
        )
    )
    return min(shipments, key=lambda shipment: FOLLOWED.index(shipment.state), default=None)


async def _stop_of(session: AsyncSession, shipment: Shipment | None) -> tuple[Stop | None, Route | None]:
    if shipment is None:
        return None, None
    row = (
        await session.execute(
            select(Stop, Route)
            .join(StopShipment, col(StopShipment.stop_id) == col(Stop.id))
            .join(Route, col(Route.id) == col(Stop.route_id))
            .where(col(StopShipment.shipment_id) == shipment.id, col(Stop.state).in_(STILL_AHEAD))
            .order_by(col(Stop.id).desc())
            .limit(1)
        )
    ).first()
    return (None, None) if row is None else (row[0], row[1])


async def _stops_before(session: AsyncSession, stop: Stop | None) -> int | None:
    if stop is None:
        return None
    statement = (
        select(func.count())
        .select_from(Stop)
        .where(
            col(Stop.route_id) == stop.route_id,
            col(Stop.sequence) < stop.sequence,
            col(Stop.state).in_(STILL_AHEAD),
        )
    )
    return (await session.execute(statement)).scalar_one()


async def _position(session: AsyncSession, route: Route) -> DriverPosition | None:
    """The van's newest place on this route: where the driver was before it began is nobody's business."""
    if route.driver_id is None or route.started_at is None:
        return None
    found: DriverPosition | None = await session.scalar(
        select(DriverPosition)
        .where(col(DriverPosition.driver_id) == route.driver_id, col(DriverPosition.at) >= route.started_at)
        .order_by(col(DriverPosition.at).desc())
        .limit(1)
    )
    return found


async def _events(session: AsyncSession, order_id: uuid.UUID) -> list[Event]:
    statement = (
        select(Event)
        .where(col(Event.order_id) == order_id, col(Event.type).in_(policies.SHOWN_EVENTS))
        .order_by(col(Event.at), col(Event.position))
    )
    return list(await session.scalars(statement))


async def _inbox(session: AsyncSession, order_id: uuid.UUID) -> list[Message]:
    """The in-app messages that have gone out, newest first."""
    statement = (
        select(Message)
        .where(
            col(Message.order_id) == order_id,
            col(Message.channel) == Channel.IN_APP,
            col(Message.state).in_((MessageState.SENT, MessageState.DELIVERED, MessageState.READ)),
        )
        .order_by(col(Message.sent_at).desc(), col(Message.id).desc())
    )
    return list(await session.scalars(statement))
