"""The doorbell of the workers: arq queues that wake and carry, and may lose everything.

The database holds what is to do. A ring enqueues the queue's sweep, which finds what is due there; the sweep also runs
every second by itself, so that a lost ring, or a wiped server, costs a moment and never a job.
"""

import asyncio
from enum import StrEnum

import orjson
import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class QueueName(StrEnum):
    """The arq queues, each with workers of its own: a killed solver must not hold up the messages."""

    DEFAULT = "default"
    SOLVER = "solver"
    NOTIFY = "notify"


# The events of so long are read together: where hundreds of vans report, that is a fraction of the work.
GATHERED_SECONDS = {QueueName.DEFAULT: 0.25}


def key_of(name: QueueName) -> str:
    """The queue's key in Redis."""
    return f"doorstep:{name}"


def parts_key() -> str:
    """The key of the solver's second queue: parts of problems, of which a worker takes no more than it has slots."""
    return f"{key_of(QueueName.SOLVER)}:parts"


def serialise(value: dict[str, object]) -> bytes:
    """JSON instead of arq's pickle: what lies in the queue can never run code."""
    return orjson.dumps(value, default=str)


def deserialise(value: bytes) -> dict[str, object]:
    """The reverse of `serialise`."""
    return orjson.loads(value)  # type: ignore[no-any-return]  # arq only ever puts objects there


class Doorbell:
    """Rings a queue after a commit. Never fails: without Redis the sweep comes a second later."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._pool: ArqRedis | None = None
        self._opening = asyncio.Lock()

    async def ring(self, queue: str) -> None:
        """Wakes the workers of a queue."""
        name = QueueName(queue)
        await self.enqueue("sweep", unique=f"sweep:{name}", queue_key=key_of(name), seconds=GATHERED_SECONDS.get(name))

    async def enqueue(
        self, function: str, *arguments: str, unique: str, queue_key: str, seconds: float | None = None
    ) -> None:
        """Enqueues a function, to run in so many seconds, once while `unique` waits or runs."""
        try:
            async with self._opening:  # two rings at once open one pool
                if self._pool is None:
                    self._pool = await create_pool(
                        RedisSettings.from_dsn(self._redis_url), job_serializer=serialise, job_deserializer=deserialise
                    )
            await self._pool.enqueue_job(function, *arguments, _job_id=unique, _queue_name=queue_key, _defer_by=seconds)
        except (RedisError, OSError) as error:
            log.warning("doorbell.unheard", queue=queue_key, error=str(error))

    async def close(self) -> None:
        """Closes the pool."""
        if self._pool is not None:
            await self._pool.aclose()
