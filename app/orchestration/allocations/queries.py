"""Reading allocations, and what an allocation run starts from."""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, false, func, select, true, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, SYSTEM, Principal, PrincipalKind
from app.learning.lateness import PunctualityTable
from app.models import (
    Allocation,
    Decision,
    FulfilmentNode,
    Hold,
    HoldPart,
    HoldState,
    Order,
    OrderState,
    Product,
    Shipment,
    Vehicle,
)
from app.orchestration import reading
from app.orchestration.allocations import proposals
from app.orchestration.allocations.batches import Demand, Network
from app.orchestration.allocations.limits import Loaded
from app.orchestration.allocations.rooms import left
from app.orchestration.allocations.standing import movable
from app.orchestration.carriers import queries as carriers
from app.orchestration.carriers.terms import ServiceTerms
from app.orchestration.inventory import queries as stock
from app.orchestration.lanes import queries as lanes
from app.orchestration.nodes import queries as nodes
from app.orchestration.orders import queries as orders
from app.orchestration.policies import queries as rules
from app.orchestration.policies.queries import Current
from app.orchestration.products import queries as products
from app.orchestration.shipments.policies import AT_NODE
from app.orchestration.tenders import queries as tenders
from app.orchestration.writing import among, one_of

# What is read of the setting may be so old before a single order is decided by it.
FRESH = timedelta(minutes=1)
NOTHING_STANDS: Mapping[uuid.UUID, Allocation] = {}
# Order, and a carrier that it is not offered to.
_DECLINED: CompoundSelect[uuid.UUID, uuid.UUID] = union_all(
    tenders.declined(among(Shipment.order_id, "orders")), proposals.unwanted(among(Decision.order_id, "orders"))
)
SEEING_ALL = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which allocations the viewer sees: a carrier its own, staff and integrations all."""
    if viewer.kind in SEEING_ALL:
        return true()
    if viewer.kind is PrincipalKind.CARRIER:
        return col(Allocation.carrier_id) == viewer.carrier_id
    return false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Allocation]:
    """The allocations with these keys."""
    return await reading.by_id(session, select(Allocation).where(col(Allocation.id).in_(ids), visible(viewer)))


async def of_orders(
    session: AsyncSession, viewer: Principal, order_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Allocation]]:
    """The allocations of these orders, oldest first."""
    return await reading.grouped(
        session,
        select(col(Allocation.order_id), Allocation)
        .where(col(Allocation.order_id).in_(order_ids), visible(viewer))
        .order_by(col(Allocation.id)),
        order_ids,
    )


async def waiting(
    session: AsyncSession, *, references: Sequence[str] | None, after: uuid.UUID | None, limit: int, now: datetime
) -> Loaded | None:
    """The next orders that wait, in the order of their keys, with all that they can be served from; None at the end.

    The first of all of them come with the allocations that may still change, where the policy says what that costs.
    """
    statement = select(Order).where(col(Order.state) == OrderState.RECEIVED, ~proposals.is_proposed())
    if references is not None:
        statement = statement.where(one_of(Order.reference, references))
    if after is not None:
        statement = statement.where(col(Order.id) > after)
    found = list(await session.scalars(statement.order_by(col(Order.id)).limit(limit)))
    known = await setting(session, now=now)
    standing: dict[uuid.UUID, tuple[Order, Allocation]] = {}
    if references is None and after is None and known.may_change:
        standing = await movable(session, limit=limit - len(found))
    if not found and not standing:
        return None
    held = {key: allocation for key, (_, allocation) in standing.items()}
    together = [*(order for order, _ in standing.values()), *found]
    return await loaded(session, together, setting=known, now=now, standing=held)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What changes by the hour at most, and may be read once for many orders.

    `products` and `calendar` remember the goods, and the hours and cut-offs, that were asked for so far.
    """

    nodes: Sequence[FulfilmentNode]
    services: Sequence[ServiceTerms]
    fleets: Collection[tuple[uuid.UUID, uuid.UUID]]
    policy: Current
    punctuality: PunctualityTable
    waiting: Mapping[tuple[uuid.UUID, date], int]
    read_at: datetime
    products: dict[str, Product] = field(default_factory=dict)
    calendar: dict[tuple[object, ...], Any] = field(default_factory=dict)

    @property
    def may_change(self) -> bool:
        """Whether a batch weighs allocations anew. Not where goods that are still to come are promised."""
        weights = self.policy.document.allocation
        return weights.change_minor is not None and weights.inbound_lead_days is None


async def setting(session: AsyncSession, *, now: datetime) -> Setting:
    """Nodes, services, fleets, rules, and how punctual each lane has been."""
    return Setting(
        nodes=await nodes.active(session),
        services=await carriers.services(session, since=_yesterday(now)),
        fleets=await _fleets(session),
        policy=await rules.current_version(session),
        punctuality=await lanes.punctuality(session, now=now),
        waiting=await _waiting(session),
        read_at=now,
    )


class Memory:
    """The setting, read again when it is a minute old: what a process that decides single orders keeps of it."""

    def __init__(self) -> None:
        self._known: Setting | None = None

    async def setting(self, session: AsyncSession, *, now: datetime) -> Setting:
        """The setting, at most a minute old."""
        if self._known is None or not timedelta(0) <= now - self._known.read_at <= FRESH:
            self._known = await setting(session, now=now)
        return self._known


async def loaded(
    session: AsyncSession,
    found: Sequence[Order],
    *,
    setting: Setting,
    now: datetime,
    standing: Mapping[uuid.UUID, Allocation] = NOTHING_STANDS,
) -> Loaded:
    """These orders with all that they can be served from. `standing`: order -> its allocation, if that may change."""
    keys = [order.id for order in found]
    lines = await orders.lines_of(session, SYSTEM, keys)
    declined: dict[uuid.UUID, set[uuid.UUID]] = {}
    for order_id, carrier_id in (await session.execute(_DECLINED, {"orders": keys})).all():
        declined.setdefault(order_id, set()).add(carrier_id)
    demands = [
        Demand(
            order=order,
            lines=lines[order.id],
            declined=declined.get(order.id, set()),
            standing=standing.get(order.id),
        )
        for order in found
    ]
    return await around(session, demands, setting=setting, now=now)


async def around(
    session: AsyncSession, demands: Sequence[Demand], *, setting: Setting, now: datetime, also: Collection[str] = ()
) -> Loaded:
    """All that these demands can be served from, stock and capacity as they are now. `also`: further skus' stock."""
    skus = {line.sku for demand in demands for line in demand.lines}.union(also)
    available, rooms = await left(session, skus, since=_yesterday(now))
    return Loaded(
        demands=demands,
        network=Network(
            nodes=setting.nodes,
            services=setting.services,
            available=available,
            inbound=await _inbound(session, skus, setting, now=now),
            fleets=setting.fleets,
            policy=setting.policy.document,
            now=now,
            products=await _products(session, skus, setting),
            punctuality=setting.punctuality,
            calendar=setting.calendar,
        ),
        rooms=rooms,
        waiting=setting.waiting,
        policy_name=setting.policy.name,
        policy_version=setting.policy.version,
    )


def _yesterday(now: datetime) -> date:
    """The first day that still counts: it may be that day somewhere."""
    return now.date() - timedelta(days=1)


async def _products(session: AsyncSession, skus: Collection[str], setting: Setting) -> Mapping[str, Product]:
    if unknown := [sku for sku in skus if sku not in setting.products]:
        setting.products.update(await products.by_skus(session, unknown))
    return setting.products


async def _inbound(
    session: AsyncSession, skus: Collection[str], setting: Setting, *, now: datetime
) -> dict[uuid.UUID, dict[str, list[tuple[date, int]]]]:
    """What comes in, by the first day on which it may leave again; nothing where the policy does not count on it."""
    lead = setting.policy.document.allocation.inbound_lead_days
    if lead is None:
        return {}
    found = await stock.inbound_by_node(session, skus, since=now.date())
    return {
        node_id: {
            sku: [(day + timedelta(days=lead), quantity) for day, quantity in of_sku] for sku, of_sku in of.items()
        }
        for node_id, of in found.items()
    }


async def _fleets(session: AsyncSession) -> set[tuple[uuid.UUID, uuid.UUID]]:
    found = await session.execute(
        select(col(Vehicle.carrier_id), col(Vehicle.node_id)).where(col(Vehicle.is_active)).distinct()
    )
    return {(carrier_id, node_id) for carrier_id, node_id in found.all()}


async def _waiting(session: AsyncSession) -> dict[tuple[uuid.UUID, date], int]:
    """What each node still has to hand out, by day: shipments, and what checkouts hold."""
    held = await session.execute(
        select(col(HoldPart.node_id), col(HoldPart.capacity_date), func.count())
        .join(Hold, col(Hold.id) == col(HoldPart.hold_id))
        .where(col(Hold.state) == HoldState.HELD)
        .group_by(col(HoldPart.node_id), col(HoldPart.capacity_date))
    )
    found = await session.execute(
        select(col(Allocation.node_id), col(Allocation.capacity_date), func.count())
        .join(Shipment, col(Shipment.allocation_id) == col(Allocation.id))
        .where(col(Shipment.state).in_(AT_NODE))
        .group_by(col(Allocation.node_id), col(Allocation.capacity_date))
    )
    waiting: Counter[tuple[uuid.UUID, date]] = Counter()
    for node_id, day, count in [*held.all(), *found.all()]:
        waiting[node_id, day] += count
    return waiting
