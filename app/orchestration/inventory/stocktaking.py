"""What warehouses report: counts (absolute) and movements (relative, compare-and-swap on demand).

Each row stands alone: good rows land, a bad row answers its own errors and changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.principals import Principal
from app.core.errors import UserError
from app.core.ids import new_id
from app.models import FulfilmentNode, InventoryLevel, InventoryMovement, MovementReason, Product
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.inventory.operations import LevelKey, lock_levels
from app.orchestration.inventory.policies import OUTSIDE_REASONS, count_refusal, movement_refusal
from app.orchestration.nodes import queries as nodes
from app.orchestration.products import queries as products
from app.orchestration.rows import RowOutcome, RowResult, check_row_count

LONGEST_SKU = 100


@dataclass(frozen=True, kw_only=True)
class CountRow:
    """So many were counted at a node."""

    node: str
    sku: str
    on_hand: int
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class MovementRow:
    """So many came in (above zero) or went out. `reason` is one of OUTSIDE_REASONS or a text kept beside ADJUSTMENT."""

    node: str
    sku: str
    delta: int
    reason: str
    expected_on_hand: int | None = None


class Place(Protocol):
    """Where a row is about, and of what."""

    @property
    def node(self) -> str:
        """The node's reference."""

    @property
    def sku(self) -> str:
        """Of what."""


LevelResult = RowResult[InventoryLevel]


async def count(
    session: AsyncSession, *, rows: Sequence[CountRow], actor: Principal, now: datetime
) -> list[LevelResult]:
    """Takes counts over. A count of an sku that is new here also makes its product."""
    check_row_count(rows, field="levels")
    places = await nodes.by_references(session, {row.node for row in rows})
    keys = keys_of(rows, places)
    levels = await lock_levels(session, keys.values(), create=True)
    results, seen = [LevelResult(index=index) for index in range(len(rows))], set[LevelKey]()
    for result, row in zip(results, rows, strict=True):
        key = keys.get(result.index)
        error = misplaced(row, places) if key is None else _twice(row, key, seen)
        if error is None and key is not None:
            seen.add(key)
            error = count_refusal(levels[key], node=row.node, on_hand=row.on_hand, as_of=row.as_of, now=now)
        if error is None and key is not None:
            _take_count(session, result, levels[key], row, actor=actor, now=now)
        else:
            result.errors = [within(error, "levels", result.index)] if error else []
    await _make_products(session, {level.sku for level in levels.values() if level.counted_at is not None}, now=now)
    await discard_unused(session, levels.values())
    return results


async def move(
    session: AsyncSession, *, rows: Sequence[MovementRow], actor: Principal, now: datetime
) -> list[LevelResult]:
    """Takes movements over, in their order. An sku must be known; a node that never had it starts at zero."""
    check_row_count(rows, field="movements")
    places = await nodes.by_references(session, {row.node for row in rows})
    known = await products.by_skus(session, {row.sku for row in rows})
    keys = {index: key for index, key in keys_of(rows, places).items() if key[1] in known}
    levels = await lock_levels(session, keys.values(), create=True)
    results = [LevelResult(index=index) for index in range(len(rows))]
    for result, row in zip(results, rows, strict=True):
        key = keys.get(result.index)
        if key is None:
            error: UserError | None = misplaced(row, places) or unknown_sku(row)
        else:
            error = movement_refusal(levels[key], node=row.node, delta=row.delta, expected_on_hand=row.expected_on_hand)
        if error is None and key is not None:
            _take_movement(session, result, levels[key], row, actor=actor, now=now)
        else:
            result.errors = [within(error, "movements", result.index)] if error else []
    await discard_unused(session, levels.values())
    return results


def keys_of(rows: Sequence[Place], places: Mapping[str, FulfilmentNode]) -> dict[int, LevelKey]:
    """Row index -> (node, sku), without rows whose node or sku cannot be."""
    return {
        index: (places[row.node].id, row.sku)
        for index, row in enumerate(rows)
        if row.node in places and 1 <= len(row.sku.strip()) <= LONGEST_SKU
    }


def misplaced(row: Place, places: Mapping[str, FulfilmentNode]) -> UserError | None:
    """Refuses a node or an sku that cannot be."""
    if row.node not in places:
        return UserError(code="UNKNOWN_NODE", message=f"There is no node {row.node!r}. Check it.", field="node")
    if not 1 <= len(row.sku.strip()) <= LONGEST_SKU:
        return UserError(
            code="SKU_INVALID",
            message=f"{row.sku[:LONGEST_SKU]!r} is no sku of 1 to {LONGEST_SKU} characters.",
            field="sku",
        )
    return None


def unknown_sku(row: Place) -> UserError:
    """The sku is of no product."""
    return UserError(
        code="UNKNOWN_SKU", message=f"There is no sku {row.sku!r}. Count it first, or check its spelling.", field="sku"
    )


def _twice(row: Place, key: LevelKey, seen: set[LevelKey]) -> UserError | None:
    if key not in seen:
        return None
    return UserError(
        code="DUPLICATE_ROW",
        message=f"{row.sku} at {row.node} was already counted in this call. Send it once.",
        field="sku",
    )


def within(error: UserError, rows: str, index: int) -> UserError:
    """The error with the path of its row."""
    return UserError(code=error.code, message=error.message, field=f"{rows}.{index}.{error.field}")


def _take_count(
    session: AsyncSession, result: LevelResult, level: InventoryLevel, row: CountRow, *, actor: Principal, now: datetime
) -> None:
    delta, is_new = row.on_hand - level.on_hand, level.counted_at is None
    level.counted_at = row.as_of if level.counted_at is None else max(level.counted_at, row.as_of)
    result.found = level
    result.outcome = RowOutcome.UNCHANGED
    if delta:
        _write(session, level, delta, MovementReason.COUNT, detail=None, now=now)
    if delta or is_new:
        result.outcome = RowOutcome.CREATED if is_new else RowOutcome.UPDATED
        tell(session, level, node=row.node, type="inventory.counted", delta=delta, actor=actor, now=now)


def _take_movement(
    session: AsyncSession,
    result: LevelResult,
    level: InventoryLevel,
    row: MovementRow,
    *,
    actor: Principal,
    now: datetime,
) -> None:
    reason = next((known for known in OUTSIDE_REASONS if known.value == row.reason.upper()), None)
    _write(
        session,
        level,
        row.delta,
        reason or MovementReason.ADJUSTMENT,
        detail=None if reason else row.reason,
        now=now,
    )
    result.found, result.outcome = level, RowOutcome.UPDATED
    tell(session, level, node=row.node, type="inventory.moved", delta=row.delta, actor=actor, now=now)


def _write(
    session: AsyncSession,
    level: InventoryLevel,
    delta: int,
    reason: MovementReason,
    *,
    detail: str | None,
    now: datetime,
) -> None:
    level.on_hand += delta
    level.version += 1
    session.add(
        InventoryMovement(
            created_at=now, node_id=level.node_id, sku=level.sku, on_hand_delta=delta, reason=reason, detail=detail
        )
    )


def tell(
    session: AsyncSession, level: InventoryLevel, *, node: str, type: str, delta: int, actor: Principal, now: datetime
) -> None:
    """The event of what a level has become."""
    log.append(
        session,
        type=type,
        subject=Subject(kind="inventory", id=level.id, reference=f"{node}/{level.sku}"),
        actor=actor,
        now=now,
        summary=f"{level.sku} at {node}: {level.on_hand} on hand ({delta:+}).",
        data={"node": node, "sku": level.sku, "onHand": level.on_hand, "reserved": level.reserved, "delta": delta},
    )


async def _make_products(session: AsyncSession, skus: set[str], *, now: datetime) -> None:
    if skus:
        await session.execute(
            insert_or_skip(Product).on_conflict_do_nothing(index_elements=["sku"]),
            [{"id": new_id(), "created_at": now, "sku": sku} for sku in sorted(skus)],
        )


async def discard_unused(session: AsyncSession, levels: Iterable[InventoryLevel]) -> None:
    """Removes the levels that were only made for rows that were then refused."""
    for level in levels:
        is_empty = (level.on_hand, level.reserved, level.in_transit, level.inbound) == (0, 0, 0, 0)
        if is_empty and level.version == 0 and level.counted_at is None:
            await session.delete(level)
