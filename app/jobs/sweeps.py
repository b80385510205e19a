"""What each queue looks for every second, and whenever it is rung."""

import asyncio
from functools import partial

from app.core import clock
from app.jobs import relay, sender
from app.jobs.queue import QueueName, key_of, parts_key
from app.jobs.workshop import Workshop
from app.models import JobKind
from app.orchestration.allocations import deciding
from app.orchestration.bookings import reader as bookings
from app.orchestration.calls import operations as calls
from app.orchestration.counters import reader as counters
from app.orchestration.etas import reader as etas
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.holds import operations as holds
from app.orchestration.inventory import arrivals
from app.orchestration.jobs import queries as jobs
from app.orchestration.lanes import reader as lanes
from app.orchestration.messages import reader as messages
from app.orchestration.messages.policies import KINDS_OF_EVENT
from app.orchestration.shipments import returns
from app.orchestration.tenders import lateness
from app.orchestration.tenders import operations as tenders

MADE_DUE_BY_TIME = (holds.expire_due, tenders.expire_due, lateness.watch, returns.send_back_due, arrivals.watch)


def readers_of(workshop: Workshop) -> dict[str, relay.Reader]:
    """Every durable reader of the event log."""
    return {
        "etas": relay.Reader(etas.read, types=etas.MOVING),
        "messages": relay.Reader(partial(messages.read, sender=workshop.sender), types=KINDS_OF_EVENT),
        "counters": relay.Reader(counters.read),
        "bookings": relay.Reader(bookings.read, types=bookings.READ),
        "lanes": relay.Reader(lanes.read, types=lanes.DELIVERED),
        "arrivals": relay.Reader(partial(deciding.read, memory=workshop.memory), types=[deciding.RECEIVED]),
    }


async def carry_events(workshop: Workshop) -> None:
    """What time made due, and then the event log to its readers."""
    for act in MADE_DUE_BY_TIME:
        await workshop.database.run(partial(act, now=clock.now()))
    if await relay.drain(workshop.database, readers_of(workshop), exceptions.record_event_passed_over):
        await workshop.doorbell.ring(QueueName.NOTIFY)


async def tidy_up(workshop: Workshop) -> None:
    """Forgets what nobody asks for any more."""
    async with workshop.database.transaction() as session:
        await calls.forget(session, now=clock.now())


async def start_due_jobs(workshop: Workshop) -> None:
    """Puts every job that waits, or whose worker fell silent, on the solver's queues: once per attempt."""
    async with workshop.database.reading() as session:
        due = await jobs.due(session, kinds=list(JobKind), now=clock.wall_now())
    for job in due:
        is_part = job.kind is JobKind.SOLVE_PART
        await workshop.doorbell.enqueue(
            "run_part" if is_part else "run_job",
            str(job.id),
            unique=f"job:{job.id}:{job.attempts}",
            queue_key=parts_key() if is_part else key_of(QueueName.SOLVER),
        )


async def reach_out(workshop: Workshop) -> None:
    """Tells people what is due, and sets the carriers' desk to work, which nobody waits for."""
    await asyncio.gather(send_due_messages(workshop), workshop.carriers.start())


async def send_due_messages(workshop: Workshop) -> None:
    """Sends until nothing is due."""
    while await sender.send_batch(workshop):
        pass
