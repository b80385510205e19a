"""Deliveries to a node: expected on a day, arriving in one or several parts, and late. Orders may count on them.

Each row stands alone: good rows land, a bad row answers its own errors and changes nothing.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import UserError
from app.models import (
    ExceptionCase,
    FulfilmentNode,
    InboundDelivery,
    InventoryLevel,
    InventoryMovement,
    MovementReason,
    Severity,
)
from app.orchestration import row_checks
from app.orchestration.events.log import Subject
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.inventory.operations import LevelKey, lock_levels
from app.orchestration.inventory.stocktaking import (
    LevelResult,
    discard_unused,
    keys_of,
    misplaced,
    tell,
    unknown_sku,
    within,
)
from app.orchestration.nodes import queries as nodes
from app.orchestration.products import queries as products
from app.orchestration.rows import RowOutcome, check_row_count

MOST_EXPECTED = 1_000_000
FARTHEST = timedelta(days=730)
LATE = "INBOUND_LATE"
BATCH = 100

DeliveryKey = tuple[uuid.UUID, str, str]


@dataclass(frozen=True, kw_only=True)
class ExpectedRow:
    """So many are still to come to a node on a local day; 0: nothing more comes."""

    node: str
    sku: str
    reference: str
    quantity: int
    expected_on: date


@dataclass(frozen=True, kw_only=True)
class ArrivalRow:
    """So many of a delivery have come."""

    node: str
    sku: str
    reference: str
    quantity: int


@dataclass(frozen=True, kw_only=True)
class _Around:
    """What rows are compared with; `keys`: row index -> the locked level that it is about."""

    places: Mapping[str, FulfilmentNode]
    keys: Mapping[int, LevelKey]
    levels: Mapping[LevelKey, InventoryLevel]
    deliveries: dict[DeliveryKey, InboundDelivery]


async def expect(
    session: AsyncSession, *, rows: Sequence[ExpectedRow], actor: Principal, now: datetime
) -> list[LevelResult]:
    """Takes over what is to come: the same reference again says how much of it still is, and when."""
    check_row_count(rows, field="deliveries")
    around = await _around(session, rows)
    results, seen = [LevelResult(index=index) for index in range(len(rows))], set[DeliveryKey]()
    for result, row in zip(results, rows, strict=True):
        key = around.keys.get(result.index)
        if key is None:
            error: UserError | None = misplaced(row, around.places) or unknown_sku(row)
        else:
            of_row = (*key, row.reference)
            error = _expected_fault(row, around, of_row, seen, now=now)
            seen.add(of_row)
        if error is None and key is not None:
            await _expect(session, result, row, around, key, actor=actor, now=now)
        else:
            result.errors = [within(error, "deliveries", result.index)] if error else []
    await discard_unused(session, around.levels.values())
    return results


async def receive(
    session: AsyncSession, *, rows: Sequence[ArrivalRow], actor: Principal, now: datetime
) -> list[LevelResult]:
    """What was expected has come, whole or in part: it is on hand, and what was promised of it is reserved there."""
    check_row_count(rows, field="arrivals")
    around = await _around(session, rows)
    results = [LevelResult(index=index) for index in range(len(rows))]
    for result, row in zip(results, rows, strict=True):
        key = around.keys.get(result.index)
        if key is None:
            error: UserError | None = misplaced(row, around.places) or unknown_sku(row)
        else:
            error = _arrival_fault(row, around.deliveries.get((*key, row.reference)))
        if error is None and key is not None:
            await _receive(session, result, row, around, key, actor=actor, now=now)
        else:
            result.errors = [within(error, "arrivals", result.index)] if error else []
    await discard_unused(session, around.levels.values())
    return results


async def watch(session: AsyncSession, *, now: datetime) -> int:
    """Opens a case about each delivery that orders count on and whose day is over, once; answers on how many."""
    known = exists().where(col(ExceptionCase.kind) == LATE, col(ExceptionCase.subject_id) == col(InboundDelivery.id))
    found = await session.execute(
        select(InboundDelivery, FulfilmentNode)
        .join(FulfilmentNode, col(FulfilmentNode.id) == col(InboundDelivery.node_id))
        .where(col(InboundDelivery.reserved) > 0, col(InboundDelivery.expected_on) <= now.date(), ~known)
        .order_by(col(InboundDelivery.id))
        .limit(BATCH)
    )
    late = [(delivery, node) for delivery, node in found.all() if delivery.expected_on < _today(node, now)]
    for delivery, node in late:
        day = delivery.expected_on
        await _warn(session, delivery, node, f"was expected on {day} and has not come", now=now)
    return len(late)


async def _around(session: AsyncSession, rows: Sequence[ExpectedRow] | Sequence[ArrivalRow]) -> _Around:
    places = await nodes.by_references(session, {row.node for row in rows})
    known = await products.by_skus(session, {row.sku for row in rows})
    keys = {index: key for index, key in keys_of(rows, places).items() if key[1] in known}
    levels = await lock_levels(session, keys.values(), create=True)
    found = await session.scalars(
        select(InboundDelivery)
        .where(tuple_(col(InboundDelivery.node_id), col(InboundDelivery.sku)).in_(list(levels)))
        .execution_options(populate_existing=True)
    )
    deliveries = {(delivery.node_id, delivery.sku, delivery.reference): delivery for delivery in found}
    return _Around(places=places, keys=keys, levels=levels, deliveries=deliveries)


def _expected_fault(
    row: ExpectedRow, around: _Around, key: DeliveryKey, seen: set[DeliveryKey], *, now: datetime
) -> UserError | None:
    what, today = f"{row.sku} to {row.node}", _today(around.places[row.node], now)
    stored = around.deliveries.get(key)
    if key in seen:
        return UserError(
            code="DUPLICATE_ROW", message=f"{row.reference!r} of {what} is twice in this call.", field="reference"
        )
    if not 0 <= row.quantity <= MOST_EXPECTED:
        message = f"{row.quantity} of {what} cannot be expected. Send 0 to {MOST_EXPECTED:,}."
        return UserError(code="QUANTITY_INVALID", message=message, field="quantity")
    if row.quantity and row.expected_on < today:
        message = f"{what} cannot be expected on {row.expected_on}: it is {today} there. Send a day to come."
        return UserError(code="EXPECTED_IN_PAST", message=message, field="expectedOn")
    if row.expected_on > today + FARTHEST:
        message = f"{what} on {row.expected_on} is too far ahead. Send a day until {today + FARTHEST}."
        return UserError(code="EXPECTED_TOO_FAR", message=message, field="expectedOn")
    if stored is not None and row.quantity < stored.reserved:
        message = (
            f"{row.quantity} of {what} are too few, as {stored.reserved} of {row.reference!r} are reserved for orders."
            " Cancel or move orders first."
        )
        return UserError(code="BELOW_RESERVED", message=message, field="quantity")
    return row_checks.reference(row.reference, field="reference")


def _arrival_fault(row: ArrivalRow, stored: InboundDelivery | None) -> UserError | None:
    what = f"{row.reference!r} of {row.sku} at {row.node}"
    if stored is None:
        return UserError(
            code="UNKNOWN_DELIVERY", message=f"There is no delivery {what}. Expect it first.", field="reference"
        )
    if row.quantity <= 0:
        return UserError(
            code="QUANTITY_INVALID",
            message=f"{row.quantity} of {what} cannot arrive. Send 1 or more.",
            field="quantity",
        )
    if row.quantity > stored.quantity:
        message = (
            f"{stored.quantity} of {what} were still to come, not {row.quantity}."
            " Expect more of it first, or move the rest in as a RECEIPT."
        )
        return UserError(code="MORE_THAN_EXPECTED", message=message, field="quantity")
    return None


async def _expect(
    session: AsyncSession,
    result: LevelResult,
    row: ExpectedRow,
    around: _Around,
    key: LevelKey,
    *,
    actor: Principal,
    now: datetime,
) -> None:
    level, stored = around.levels[key], around.deliveries.get((*key, row.reference))
    result.found, result.outcome = level, RowOutcome.UNCHANGED
    before = (0, None) if stored is None else (stored.quantity, stored.expected_on)
    if (row.quantity, row.expected_on) == before or (stored is None and not row.quantity):
        return
    if stored is None:
        stored = InboundDelivery(
            node_id=key[0], sku=key[1], reference=row.reference, expected_on=row.expected_on, quantity=0, created_at=now
        )
        session.add(stored)
        around.deliveries[*key, row.reference] = stored
    delta, is_postponed = row.quantity - stored.quantity, row.expected_on > stored.expected_on
    stored.quantity, stored.expected_on = row.quantity, row.expected_on
    level.inbound += delta
    level.version += 1
    if delta:
        session.add(_movement(level, stored, MovementReason.EXPECT, inbound=delta, now=now))
    result.outcome = RowOutcome.CREATED if before[1] is None else RowOutcome.UPDATED
    tell(session, level, node=row.node, type="inventory.expected", delta=delta, actor=actor, now=now)
    if is_postponed and stored.reserved:
        why = f"comes on {row.expected_on} instead of {before[1]}"
        await _warn(session, stored, around.places[row.node], why, now=now)


async def _receive(
    session: AsyncSession,
    result: LevelResult,
    row: ArrivalRow,
    around: _Around,
    key: LevelKey,
    *,
    actor: Principal,
    now: datetime,
) -> None:
    level, stored = around.levels[key], around.deliveries[*key, row.reference]
    promised = min(stored.reserved, row.quantity)
    stored.quantity, stored.arrived = stored.quantity - row.quantity, stored.arrived + row.quantity
    stored.reserved -= promised
    level.on_hand += row.quantity
    level.inbound -= row.quantity
    level.reserved += promised
    level.inbound_reserved -= promised
    level.version += 1
    movement = _movement(level, stored, MovementReason.RECEIPT, inbound=-row.quantity, now=now)
    movement.on_hand_delta, movement.reserved_delta = row.quantity, promised
    movement.inbound_reserved_delta = -promised
    session.add(movement)
    result.found, result.outcome = level, RowOutcome.UPDATED
    tell(session, level, node=row.node, type="inventory.arrived", delta=row.quantity, actor=actor, now=now)
    if not stored.reserved:
        await exceptions.settle(session, kind=LATE, subject_id=stored.id, resolution="The goods have come.", now=now)


def _movement(
    level: InventoryLevel, delivery: InboundDelivery, reason: MovementReason, *, inbound: int, now: datetime
) -> InventoryMovement:
    return InventoryMovement(
        created_at=now,
        node_id=level.node_id,
        sku=level.sku,
        inbound_delta=inbound,
        reason=reason,
        detail=delivery.reference,
    )


async def _warn(
    session: AsyncSession, delivery: InboundDelivery, node: FulfilmentNode, why: str, *, now: datetime
) -> None:
    what = f"Delivery {delivery.reference} of {delivery.sku} to {node.reference} {why}"
    suggestion = {
        "action": "MOVE_ORDERS",
        "summary": f"{what}, but {delivery.reserved} of it are promised. Ask for it, or send orders another way.",
    }
    trouble = Trouble(
        kind=LATE,
        severity=Severity.CRITICAL,
        subject=Subject(kind="inventory", id=delivery.id, reference=f"{node.reference}/{delivery.sku}"),
        node_id=node.id,
        suggestion=suggestion,
    )
    await exceptions.open_case(session, trouble, now=now)


def _today(node: FulfilmentNode, now: datetime) -> date:
    return now.astimezone(ZoneInfo(node.time_zone)).date()
