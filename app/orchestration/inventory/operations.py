"""Stock that orders take and give back: reserved, released, picked, delivered, put back, lost. All goods or none.

`move` locks the levels in the order of (node, sku), changes them, and writes one line of the ledger for each of the
goods, so that the ledger's sum stays the level. Some moves wait for the end of the transaction (MOVED_LAST). A level's
lock guards its deliveries, too. Leaves out what warehouses report: that is stocktaking.py and arrivals.py.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.database import do_last
from app.core.ids import new_id
from app.models import FulfilmentNode, InboundDelivery, InventoryLevel, InventoryMovement, MovementReason
from app.orchestration.inventory import sharing
from app.orchestration.inventory.policies import EFFECTS, MOVED_LAST, Effect, InsufficientStock, shortage
from app.orchestration.inventory.sharing import Share
from app.orchestration.writing import insert_all

LevelKey = tuple[uuid.UUID, str]


@dataclass(frozen=True, kw_only=True)
class Goods:
    """So many of an sku at a node, and for whom they move; `detail` says it where there is no order yet.

    Where `by` is given, deliveries that are expected by that day may be reserved, too.
    """

    node_id: uuid.UUID
    sku: str
    quantity: int
    order_id: uuid.UUID | None = None
    shipment_id: uuid.UUID | None = None
    detail: str | None = None
    by: date | None = None


def goods_of(
    node_id: uuid.UUID,
    quantities: Mapping[str, int],
    *,
    order_id: uuid.UUID | None = None,
    shipment_id: uuid.UUID | None = None,
    detail: str | None = None,
    by: date | None = None,
) -> list[Goods]:
    """The goods of one node, from sku -> quantity."""
    return [
        Goods(
            node_id=node_id,
            sku=sku,
            quantity=quantity,
            order_id=order_id,
            shipment_id=shipment_id,
            detail=detail,
            by=by,
        )
        for sku, quantity in quantities.items()
    ]


async def move(session: AsyncSession, reason: MovementReason, goods: Sequence[Goods], *, now: datetime) -> None:
    """Moves goods as EFFECTS says for the reason. Refuses all with `InsufficientStock` where one level is short."""
    if reason in MOVED_LAST:
        do_last(session, _move_last, (reason, goods, now))
    else:
        await _move_now(session, reason, goods, now=now)


async def _move_last(session: AsyncSession, moves: Sequence[tuple[MovementReason, Sequence[Goods], datetime]]) -> None:
    """All that a transaction moves, levels locked in their order across all of it. What comes in may be new there."""
    coming = [_key(each) for reason, goods, _ in moves if reason is MovementReason.RECEIPT for each in goods]
    await _make_levels(session, sorted(set(coming)))
    await lock_levels(session, [_key(each) for _, goods, _ in moves for each in goods])
    for wanted, now in dict.fromkeys((reason, now) for reason, _, now in moves):
        of_reason = [each for reason, goods, at in moves if (reason, at) == (wanted, now) for each in goods]
        await _move_now(session, wanted, of_reason, now=now)


async def _move_now(session: AsyncSession, reason: MovementReason, goods: Sequence[Goods], *, now: datetime) -> None:
    moving = [each for each in goods if each.quantity]
    if any(each.quantity < 0 for each in moving):
        raise ValueError(f"Stock cannot move by a negative quantity: {moving}.")
    wanted: Counter[LevelKey] = Counter()
    for each in moving:
        wanted[each.node_id, each.sku] += each.quantity
    effect = EFFECTS[reason]
    levels = await lock_levels(session, wanted)
    shares = await _shares(session, moving, levels, effect, today=now.date())
    inbound: Counter[LevelKey] = Counter()
    for each, of_goods in zip(moving, shares, strict=True):
        inbound[_key(each)] += sharing.total(of_goods)
    await _take_in(session, [share for share in chain.from_iterable(shares) if share.has_come], levels, now=now)
    await _check(session, wanted, inbound, levels, effect)
    for key, quantity in wanted.items():
        _change(levels[key], effect, quantity, inbound=inbound[key])
    for share in chain.from_iterable(shares):
        share.delivery.reserved += effect.reserved * share.quantity
    if moving:
        rows = [
            _movement(each, reason, effect, inbound=sharing.total(of_goods), now=now)
            for each, of_goods in sorted(zip(moving, shares, strict=True), key=lambda pair: _key(pair[0]))
        ]
        await insert_all(session, InventoryMovement, rows)


async def _take_in(
    session: AsyncSession, come: Sequence[Share], levels: Mapping[LevelKey, InventoryLevel], *, now: datetime
) -> None:
    """What leaves before its arrival was reported has arrived."""
    for share in come:
        delivery = share.delivery
        level = levels[delivery.node_id, delivery.sku]
        level.on_hand += share.quantity
        level.inbound -= share.quantity
        delivery.quantity -= share.quantity
        delivery.arrived += share.quantity
        session.add(
            InventoryMovement(
                created_at=now,
                node_id=delivery.node_id,
                sku=delivery.sku,
                on_hand_delta=share.quantity,
                inbound_delta=-share.quantity,
                reason=MovementReason.RECEIPT,
                detail=delivery.reference,
            )
        )


async def pass_on(session: AsyncSession, goods: Sequence[Goods], *, order_id: uuid.UUID, now: datetime) -> None:
    """What is reserved for something else is the order's from now on: the levels stay as they are."""
    release, reserve = EFFECTS[MovementReason.RELEASE], EFFECTS[MovementReason.RESERVE]
    rows = [
        row
        for each in goods
        for row in (
            _movement(each, MovementReason.RELEASE, release, now=now),
            _movement(replace(each, order_id=order_id, detail=None), MovementReason.RESERVE, reserve, now=now),
        )
    ]
    await insert_all(session, InventoryMovement, rows)


async def lock_levels(
    session: AsyncSession, keys: Collection[LevelKey], *, create: bool = False
) -> dict[LevelKey, InventoryLevel]:
    """The levels of these (node, sku), locked in that order and read afresh. `create` makes absent ones, at zero."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    if create:
        await _make_levels(session, wanted)
    found = await session.scalars(
        select(InventoryLevel)
        .where(tuple_(col(InventoryLevel.node_id), col(InventoryLevel.sku)).in_(wanted))
        .order_by(col(InventoryLevel.node_id), col(InventoryLevel.sku))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {(level.node_id, level.sku): level for level in found}


async def _make_levels(session: AsyncSession, keys: Sequence[LevelKey]) -> None:
    """Levels at zero for those of these (node, sku), in order, that have none."""
    if keys:
        await session.execute(
            insert_or_skip(InventoryLevel).on_conflict_do_nothing(index_elements=["node_id", "sku"]),
            [{"id": new_id(), "node_id": node_id, "sku": sku} for node_id, sku in keys],
        )


async def _shares(
    session: AsyncSession,
    moving: Sequence[Goods],
    levels: Mapping[LevelKey, InventoryLevel],
    effect: Effect,
    *,
    today: date,
) -> list[list[Share]]:
    """For each of the goods, what of it is or will be reserved of deliveries. What is overdue is not."""
    concerned = {
        key
        for each in moving
        if (level := levels.get(key := _key(each))) is not None
        and ((effect.reserved > 0 and each.by and level.inbound) or (effect.reserved < 0 and level.inbound_reserved))
    }
    shares: list[list[Share]] = [[] for _ in moving]
    if not concerned:
        return shares
    deliveries = await _deliveries(session, concerned, since=today if effect.reserved > 0 else date.min)
    for key in concerned:
        places = [place for place, each in enumerate(moving) if _key(each) == key]
        of_key = [sharing.Wanted(quantity=moving[place].quantity, by=moving[place].by) for place in places]
        for place, found in zip(places, sharing.shares(of_key, deliveries[key], levels[key], effect), strict=True):
            shares[place] = found
    return shares


async def _deliveries(
    session: AsyncSession, keys: Collection[LevelKey], *, since: date
) -> dict[LevelKey, list[InboundDelivery]]:
    """What is still to come in of these (node, sku) from a day on, the next first."""
    found = await session.scalars(
        select(InboundDelivery)
        .where(
            tuple_(col(InboundDelivery.node_id), col(InboundDelivery.sku)).in_(list(keys)),
            col(InboundDelivery.quantity) > 0,
            col(InboundDelivery.expected_on) >= since,
        )
        .order_by(col(InboundDelivery.expected_on), col(InboundDelivery.id))
        .execution_options(populate_existing=True)
    )
    deliveries: dict[LevelKey, list[InboundDelivery]] = {key: [] for key in keys}
    for delivery in found:
        deliveries[delivery.node_id, delivery.sku].append(delivery)
    return deliveries


def _key(goods: Goods) -> LevelKey:
    return goods.node_id, goods.sku


def _movement(
    goods: Goods, reason: MovementReason, effect: Effect, *, inbound: int = 0, now: datetime
) -> dict[str, object]:
    return {
        "id": new_id(),
        "created_at": now,
        "node_id": goods.node_id,
        "sku": goods.sku,
        "on_hand_delta": effect.on_hand * goods.quantity,
        "reserved_delta": effect.reserved * (goods.quantity - inbound),
        "in_transit_delta": effect.in_transit * goods.quantity,
        "inbound_delta": 0,
        "inbound_reserved_delta": effect.reserved * inbound,
        "reason": reason,
        "order_id": goods.order_id,
        "shipment_id": goods.shipment_id,
        "detail": goods.detail,
    }


async def _check(
    session: AsyncSession,
    wanted: Mapping[LevelKey, int],
    inbound: Mapping[LevelKey, int],
    levels: Mapping[LevelKey, InventoryLevel],
    effect: Effect,
) -> None:
    """Refuses all lines where one is short, naming each that is."""
    short = [
        found
        for (node_id, sku), quantity in sorted(wanted.items())
        if (
            found := shortage(
                _level(levels, node_id, sku), wanted=quantity, effect=effect, inbound=inbound[node_id, sku]
            )
        )
        is not None
    ]
    if short:
        names = await _references(session, {found.node_id for found in short})
        raise InsufficientStock([replace(found, node=names.get(found.node_id, found.node)) for found in short])


def _level(levels: Mapping[LevelKey, InventoryLevel], node_id: uuid.UUID, sku: str) -> InventoryLevel:
    """The level, or an empty one that is not kept where the node never had the sku."""
    return levels.get((node_id, sku)) or InventoryLevel(node_id=node_id, sku=sku)


async def _references(session: AsyncSession, node_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    rows = await session.execute(
        select(col(FulfilmentNode.id), col(FulfilmentNode.reference)).where(col(FulfilmentNode.id).in_(node_ids))
    )
    return {row.id: row.reference for row in rows}


def _change(level: InventoryLevel, effect: Effect, quantity: int, *, inbound: int) -> None:
    level.on_hand += effect.on_hand * quantity
    level.reserved += effect.reserved * (quantity - inbound)
    level.inbound_reserved += effect.reserved * inbound
    level.in_transit += effect.in_transit * quantity
    level.version += 1
