"""How long a call is remembered by its key."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.models.base import Json
from app.orchestration.calls import operations
from app.orchestration.calls.operations import REMEMBERED, Call

NOW = datetime(2030, 5, 17, 9, tzinfo=UTC)
CALL = Call(caller="shop", operation="cancelOrder", key="k-1", input_hash="h")


async def test_a_call_is_answered_from_memory_until_nobody_repeats_it_any_more(database: Database) -> None:
    done: list[datetime] = []

    async def call(now: datetime) -> Json:
        async def work(session: AsyncSession) -> Json:
            done.append(now)
            return {"number": len(done)}

        await database.run(lambda session: operations.forget(session, now=now))
        return await operations.perform(database, call=CALL, now=now, work=work)

    assert await call(NOW) == {"number": 1}
    assert await call(NOW + REMEMBERED) == {"number": 1}
    assert await call(NOW + REMEMBERED + timedelta(seconds=1)) == {"number": 2}
