"""A worker process: `python -m app.worker default|solver|notify`. The wiring of app/jobs, and nothing else."""

import asyncio
import contextlib
import signal
import sys

import uvloop

from app.core.collecting import collect_rarely
from app.core.database import Database
from app.core.logging import configure
from app.core.settings import settings
from app.jobs import worker
from app.jobs.queue import Doorbell, QueueName
from app.jobs.workshop import Workshop


async def work(name: QueueName) -> None:
    """Works on one queue until the process is asked to end."""
    current = settings()
    database = Database(current.database_url, pool_size=current.database_pool_size)
    workshop = Workshop.open(database=database, settings=current, doorbell=Doorbell(current.redis_url))
    task = asyncio.create_task(worker.run(name, workshop))
    ready = asyncio.create_task(worker.get_ready(name))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    ready.cancel()
    await asyncio.gather(ready, return_exceptions=True)
    await workshop.carriers.close()
    await workshop.doorbell.close()
    await database.close()


def main() -> None:
    """Reads the queue's name from the command line."""
    names = [name.value for name in QueueName]
    if len(sys.argv) != 2 or sys.argv[1] not in names:
        sys.exit(f"Say which queue to work on: python -m app.worker {'|'.join(names)}")
    configure()
    collect_rarely()
    uvloop.run(work(QueueName(sys.argv[1])))


if __name__ == "__main__":
    main()
