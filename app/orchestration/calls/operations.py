"""One unit of work per idempotency key, and races that the database caught told as conflicts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.database import Database
from app.core.errors import Conflict
from app.models import IdempotentCall
from app.models.base import Json

Work = Callable[[AsyncSession], Awaitable[Json]]

# A device that was offline for longer than this sends its calls as new ones.
REMEMBERED = timedelta(days=30)
# SQLSTATE of a lock that was not granted in time.
LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True, kw_only=True)
class Call:
    """Who calls what with which key. `input_hash` tells one input from another."""

    caller: str
    operation: str
    key: str
    input_hash: str


async def perform(database: Database, *, call: Call | None, now: datetime, work: Work) -> Json:
    """Runs `work` in one transaction, once per call; a concurrent change that made it impossible is a conflict."""
    try:
        return await database.run(lambda session: _once(session, call=call, now=now, work=work))
    except IntegrityError as error:
        raise Conflict(
            "CONFLICT",
            f"Something else changed the same data at the same moment ({_constraint(error)}). Read it again and retry.",
        ) from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        raise Conflict("BUSY", "Something else is changing the same data. Retry in a moment.") from error


async def forget(session: AsyncSession, *, now: datetime) -> None:
    """Forgets calls that nobody repeats any more."""
    await session.execute(delete(IdempotentCall).where(col(IdempotentCall.at) < now - REMEMBERED))


async def _once(session: AsyncSession, *, call: Call | None, now: datetime, work: Work) -> Json:
    if call is None:
        return await work(session)
    earlier = await _claim(session, call=call, now=now)
    if earlier is not None:
        return earlier
    outcome = await work(session)
    await session.execute(update(IdempotentCall).where(*_is(call)).values(outcome=outcome))
    return outcome


async def _claim(session: AsyncSession, *, call: Call, now: datetime) -> Json | None:
    """Takes the key, or answers what it was first answered. Waits for a call that is using the key right now."""
    taken = await session.scalar(
        insert(IdempotentCall)
        .values(
            caller=call.caller, operation=call.operation, key=call.key, input_hash=call.input_hash, outcome={}, at=now
        )
        .on_conflict_do_nothing()
        .returning(col(IdempotentCall.key))
    )
    if taken is not None:
        return None
    earlier = (await session.execute(select(IdempotentCall).where(*_is(call)))).scalar_one()
    if earlier.input_hash != call.input_hash:
        raise Conflict(
            "IDEMPOTENCY_KEY_REUSED",
            f"The idempotency key {call.key[:80]!r} was used before with another input. Use a new key.",
            field="idempotencyKey",
        )
    return earlier.outcome


def _is(call: Call) -> tuple[ColumnElement[bool], ...]:
    return (
        col(IdempotentCall.caller) == call.caller,
        col(IdempotentCall.operation) == call.operation,
        col(IdempotentCall.key) == call.key,
    )


def _constraint(error: IntegrityError) -> str:
    cause = getattr(error.orig, "__cause__", None)
    return str(getattr(cause, "constraint_name", None) or "a constraint")
