"""A real worker of one queue, for as long as a block lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.jobs import worker
from app.jobs.queue import QueueName
from app.jobs.workshop import Workshop


@asynccontextmanager
async def working(name: QueueName, workshop: Workshop) -> AsyncIterator[None]:
    """Starts the worker, and ends it as a signal would."""
    task = asyncio.create_task(worker.run(name, workshop))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
