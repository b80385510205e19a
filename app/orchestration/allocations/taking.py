"""Taking stock and places for what was chosen: one statement locks, looks, and takes all of it or nothing.

It locks levels, node days, carrier days and contracts, in this order and each by key, as inventory and capacity do
everywhere. What is left is seen under the locks, so that nothing is ever taken back. Leaves out goods that are still to
come in: inventory/operations.py shares them out.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, Date, DateTime, Integer, String, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.models import CarrierCapacity, NodeCapacity
from app.orchestration.capacity.operations import ALL_SERVICES, Claim
from app.orchestration.inventory.operations import Goods
from app.orchestration.writing import Unless, insert_all

# Until a row of every day is there, a place has to be made for it first.
ATTEMPTS = 2

_TAKE = text("""
with levels as (
    select l.id, g.quantity, l.on_hand - l.reserved - g.quantity as beyond
    from inventory_levels l
    join unnest(:level_nodes, :level_skus, :level_quantities) as g(node_id, sku, quantity)
        on l.node_id = g.node_id and l.sku = g.sku
    order by l.node_id, l.sku for no key update of l
), node_days as (
    select d.id, w.places, w.daily_limit, w.daily_limit - d.booked - w.places as beyond
    from node_capacities d
    join unnest(:days_nodes, :days_dates, :days_places, :days_limits) as w(node_id, date, places, daily_limit)
        on d.node_id = w.node_id and d.date = w.date
    order by d.node_id, d.date for no key update of d
), carrier_days as (
    select d.id, w.places, d.daily_limit - d.booked - w.places as beyond
    from carrier_capacities d
    join unnest(:carriers, :carrier_dates, :carrier_services, :carrier_places) as w(carrier_id, date, service, places)
        on d.carrier_id = w.carrier_id and d.date = w.date and d.service = w.service
    order by d.carrier_id, d.date, d.service for no key update of d
), contracts as (
    select c.id, w.places, coalesce(c.maximum_shipments - c.booked - w.places, 0) as beyond
    from carrier_contracts c
    join unnest(:contracts, :contract_places) as w(id, places) on c.id = w.id
    order by c.id for no key update of c
), verdict as materialized (
    select (select count(*) from levels where beyond >= 0) = cardinality(:level_skus)
        and (select count(*) from node_days where beyond >= 0) = cardinality(:days_nodes)
        and (select count(*) from carrier_days where beyond >= 0) = cardinality(:carriers)
        and (select count(*) from contracts where beyond >= 0) = cardinality(:contracts) as is_possible
), take_goods as (
    update inventory_levels l set reserved = l.reserved + t.quantity, version = l.version + 1
    from levels t where l.id = t.id and (select is_possible from verdict)
), take_node_days as (
    update node_capacities d set booked = d.booked + t.places, daily_limit = t.daily_limit
    from node_days t where d.id = t.id and (select is_possible from verdict)
), take_carrier_days as (
    update carrier_capacities d set booked = d.booked + t.places
    from carrier_days t where d.id = t.id and (select is_possible from verdict)
), take_contracts as (
    update carrier_contracts c set booked = c.booked + t.places
    from contracts t where c.id = t.id and (select is_possible from verdict)
), ledger as (
    insert into inventory_movements (
        id, created_at, node_id, sku, on_hand_delta, reserved_delta, in_transit_delta, inbound_delta,
        inbound_reserved_delta, reason, order_id, detail
    )
    select g.id, :now, g.node_id, g.sku, 0, g.quantity, 0, 0, 0, 'RESERVE', g.order_id, g.detail
    from unnest(:goods, :goods_nodes, :goods_skus, :goods_quantities, :goods_orders, :goods_details)
        as g(id, node_id, sku, quantity, order_id, detail)
    where (select is_possible from verdict)
)
select is_possible,
    (select count(*) from node_days) = cardinality(:days_nodes)
    and (select count(*) from carrier_days) = cardinality(:carriers) as has_days
from verdict
""").bindparams(
    bindparam("now", type_=DateTime(timezone=True)),
    *(
        bindparam(name, type_=ARRAY(kind))
        for kind, names in (
            (Uuid, "level_nodes days_nodes carriers contracts goods goods_nodes goods_orders"),
            (String, "level_skus carrier_services goods_skus goods_details"),
            (Integer, "level_quantities days_places days_limits carrier_places contract_places goods_quantities"),
            (Date, "days_dates carrier_dates"),
        )
        for name in names.split()
    ),
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A claim, with the limits of days that have no row yet, and the contracts that it counts for.

    A node's limit is what its hours allow now; `service_limit` None: the service has none of its own.
    """

    claim: Claim
    node_limit: int
    carrier_limit: int
    service_limit: int | None = None
    contract_ids: Collection[uuid.UUID] = ()


async def take(session: AsyncSession, goods: Sequence[Goods], places: Sequence[Place], *, now: datetime) -> bool:
    """Reserves the goods and books the places; False, and nothing is taken, where that is too much."""
    node_days, carrier_days = _node_days(places), _carrier_days(places)
    values = {
        "now": now,
        **_of_goods([each for each in goods if each.quantity]),
        **_of_days(node_days, carrier_days),
        **_of_contracts(places),
    }
    for _ in range(ATTEMPTS):
        found = (await session.execute(_TAKE, values)).one()
        if found.is_possible or found.has_days:
            return bool(found.is_possible)
        await _make_days(session, node_days, carrier_days)
    return False


# (node, day) or (carrier, day, service) -> places wanted, and the limit of a new row.
_NodeDays = Mapping[tuple[uuid.UUID, date], tuple[int, int]]
_CarrierDays = Mapping[tuple[uuid.UUID, date, str], tuple[int, int]]


def _node_days(places: Sequence[Place]) -> _NodeDays:
    wanted = Counter((place.claim.node_id, place.claim.day) for place in places)
    limits = {(place.claim.node_id, place.claim.day): place.node_limit for place in places}
    return {key: (wanted[key], limits[key]) for key in sorted(wanted)}


def _carrier_days(places: Sequence[Place]) -> _CarrierDays:
    """The days of the carriers, and of those of their services that have a limit of their own."""
    limited = [
        ((place.claim.carrier_id, place.claim.day, service), limit)
        for place in places
        for service, limit in ((ALL_SERVICES, place.carrier_limit), (place.claim.service, place.service_limit))
        if limit is not None
    ]
    wanted, limits = Counter(key for key, _ in limited), dict(limited)
    return {key: (wanted[key], limits[key]) for key in sorted(wanted)}


def _of_goods(goods: Sequence[Goods]) -> dict[str, Any]:
    levels: Counter[tuple[uuid.UUID, str]] = Counter()
    for each in goods:
        levels[each.node_id, each.sku] += each.quantity
    return {
        "level_nodes": [node_id for node_id, _ in levels],
        "level_skus": [sku for _, sku in levels],
        "level_quantities": list(levels.values()),
        "goods": [new_id() for _ in goods],
        "goods_nodes": [each.node_id for each in goods],
        "goods_skus": [each.sku for each in goods],
        "goods_quantities": [each.quantity for each in goods],
        "goods_orders": [each.order_id for each in goods],
        "goods_details": [each.detail for each in goods],
    }


def _of_days(node_days: _NodeDays, carrier_days: _CarrierDays) -> dict[str, Any]:
    return {
        "days_nodes": [node_id for node_id, _ in node_days],
        "days_dates": [day for _, day in node_days],
        "days_places": [places for places, _ in node_days.values()],
        "days_limits": [limit for _, limit in node_days.values()],
        "carriers": [carrier_id for carrier_id, _, _ in carrier_days],
        "carrier_dates": [day for _, day, _ in carrier_days],
        "carrier_services": [service for _, _, service in carrier_days],
        "carrier_places": [places for places, _ in carrier_days.values()],
    }


def _of_contracts(places: Sequence[Place]) -> dict[str, Any]:
    wanted = Counter(contract_id for place in places for contract_id in place.contract_ids)
    return {"contracts": list(wanted), "contract_places": list(wanted.values())}


async def _make_days(session: AsyncSession, node_days: _NodeDays, carrier_days: _CarrierDays) -> None:
    """Empty rows for the days that have none yet."""
    rows = [{"node_id": node_id, "date": day, "daily_limit": limit} for (node_id, day), (_, limit) in node_days.items()]
    await insert_all(session, NodeCapacity, rows, unless=Unless(columns=("node_id", "date")))
    rows = [
        {"carrier_id": carrier_id, "date": day, "service": service, "daily_limit": limit}
        for (carrier_id, day, service), (_, limit) in carrier_days.items()
    ]
    await insert_all(session, CarrierCapacity, rows, unless=Unless(columns=("carrier_id", "date", "service")))
