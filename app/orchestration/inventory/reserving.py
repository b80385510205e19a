"""Reserving what is there for new orders: levels and their ledger in one statement, all goods or none.

Like operations.py it locks the levels in the order of (node, sku). A level is checked as it is changed, in the state in
which the change finds it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Refusal
from app.models import InventoryLevel, InventoryMovement, MovementReason
from app.orchestration.inventory import operations
from app.orchestration.inventory.operations import Goods, LevelKey
from app.orchestration.writing import arrays, given, insertion, table_of

_LEVELS = table_of(InventoryLevel)
_COLUMNS = ("node_id", "sku", "reserved")
_MOVEMENTS = 1


async def reserve(session: AsyncSession, goods: Sequence[Goods], *, now: datetime) -> bool:
    """Reserves all of them. False where a level is short: what was reserved till then is the caller's to take back.

    Where deliveries may be promised, too, it is `move` that shares them out.
    """
    if any(each.by for each in goods):
        try:
            await operations.move(session, MovementReason.RESERVE, goods, now=now)
        except Refusal:
            return False
        return True
    moving = [each for each in goods if each.quantity]
    if not moving:
        return True
    wanted: Counter[LevelKey] = Counter()
    for each in moving:
        wanted[each.node_id, each.sku] += each.quantity
    rows = [{"node_id": key[0], "sku": key[1], "reserved": quantity} for key, quantity in wanted.items()]
    ledger = operations.reservations(moving, now=now)
    names = tuple(ledger[0])
    values = arrays(table_of(InventoryMovement), names, ledger, number=_MOVEMENTS)
    found = await session.scalars(_statement(names), arrays(_LEVELS, _COLUMNS, rows) | values)
    return len(found.all()) == len(rows)


@cache
def _statement(names: tuple[str, ...]) -> Any:
    """Levels raised, with lines of the ledger that name these columns."""
    wanted = given(_LEVELS, _COLUMNS)
    is_wanted = (_LEVELS.c.node_id == wanted.c.node_id, _LEVELS.c.sku == wanted.c.sku)
    locked = (
        select(_LEVELS.c.id)
        .where(*is_wanted)
        .order_by(_LEVELS.c.node_id, _LEVELS.c.sku)
        .with_for_update(key_share=True, of=_LEVELS)
        .cte("locked")
    )
    reserved = _LEVELS.c.reserved + wanted.c.reserved
    return (
        update(_LEVELS)
        .where(_LEVELS.c.id == locked.c.id, *is_wanted, reserved <= _LEVELS.c.on_hand)
        .values(reserved=reserved, version=_LEVELS.c.version + 1)
        .returning(_LEVELS.c.id)
        .add_cte(insertion(InventoryMovement, names, _MOVEMENTS).cte("ledger"))
    )
