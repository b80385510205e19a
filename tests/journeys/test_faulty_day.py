"""A whole day survives killed workers and a wiped queue: nothing is lost, and nothing happens twice.

The day runs once, in a process of its own, and is one test: a test worker that stole half of them would live through
the day again. The checks ask the data that it left.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter as Tally
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.database import Database
from app.core.embedded import servers
from app.models import (
    Channel,
    Counter,
    DeliveryAttempt,
    Event,
    ExceptionCase,
    InventoryLevel,
    InventoryMovement,
    Job,
    JobKind,
    JobState,
    Message,
    MessageState,
    Order,
    OrderState,
    Proof,
    ProofKind,
    Shipment,
    Stop,
    StopOutcome,
)
from app.orchestration.messages.policies import kinds_of
from app.orchestration.messages.reader import addresses

ROOT = Path(__file__).parents[2]
DAY_MAY_LAST_SECONDS = 360
OVER = {OrderState.COMPLETED, OrderState.PARTIALLY_COMPLETED, OrderState.FAILED, OrderState.CANCELLED}


@pytest.fixture
def data() -> Iterator[Path]:
    """The folder of a platform that has lived through its day."""
    with tempfile.TemporaryDirectory(prefix="doorstep-faulty-day-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        day = subprocess.run(
            [sys.executable, "-m", "tests.journeys.faulty_day", name],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DAY_MAY_LAST_SECONDS,
        )
        log = folder / "platform.log"
        assert day.returncode == 0, day.stdout + (log.read_text()[-5000:] if log.exists() else "")
        yield folder


@pytest.fixture
def database_url(data: Path) -> Iterator[str]:
    """Its PostgreSQL, started once more on the files that the day left."""
    with servers.running(data, environment={}) as found:
        yield found.database_url


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[AsyncSession]:
    database = Database(database_url)
    async with database.reading() as found:
        yield found
    await database.close()


@pytest.fixture
def faults(data: Path) -> dict[str, Any]:
    """What was done to the platform, and how the day ended."""
    found: dict[str, Any] = json.loads((data / "faults.json").read_text())
    return found


async def test_a_day_of_killed_workers_and_a_wiped_queue_loses_nothing_and_does_nothing_twice(
    session: AsyncSession, data: Path, faults: dict[str, Any]
) -> None:
    check_every_worker_was_killed_twice_and_the_queue_wiped_twice(faults)
    check_the_day_ends_with_nothing_under_way(faults)
    await check_every_order_that_was_sent_is_there(session, faults)
    for check in (
        check_the_plan_whose_solver_was_killed_is_taken_up_again_and_no_job_is_left,
        check_every_order_has_ended_or_says_why_not,
        check_every_delivered_stop_has_each_proof_that_its_order_asks_for,
        check_every_event_makes_each_of_its_messages_exactly_once,
        check_the_ledger_adds_up_to_every_level,
        check_the_counters_count_each_event_once,
        check_no_event_was_passed_over,
    ):
        await check(session)
    await check_every_due_message_is_sent_and_leaves_one_file(session, data, faults)


def check_every_worker_was_killed_twice_and_the_queue_wiped_twice(faults: dict[str, Any]) -> None:
    assert faults["done"] == [
        "killed default",
        "killed notify",
        "wiped the queue",
        "killed solver",
        "the plan was RUNNING",
        "killed notify",
        "killed default",
        "wiped the queue",
        "killed solver",
    ]


def check_the_day_ends_with_nothing_under_way(faults: dict[str, Any]) -> None:
    assert faults["moving"] == 0
    assert faults["report"]["openStops"] == 0
    assert faults["report"]["deliveredWithoutProof"] == 0


async def check_the_plan_whose_solver_was_killed_is_taken_up_again_and_no_job_is_left(session: AsyncSession) -> None:
    jobs = list(await session.scalars(select(Job).order_by(col(Job.created_at))))
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    first_plan = next(job for job in jobs if job.kind is JobKind.PLAN_ROUTES)
    assert first_plan.attempts >= 2


async def check_every_order_that_was_sent_is_there(session: AsyncSession, faults: dict[str, Any]) -> None:
    """On a slow machine the last windows are no longer sold when the late orders are sent."""
    assert await session.scalar(select(func.count()).select_from(Order)) == faults["sent"] > 30


async def check_every_order_has_ended_or_says_why_not(session: AsyncSession) -> None:
    orders = list(await session.scalars(select(Order)))
    tried = set(
        await session.scalars(
            select(col(Shipment.order_id)).join(DeliveryAttempt, col(DeliveryAttempt.shipment_id) == col(Shipment.id))
        )
    )
    cases = set(await session.scalars(select(col(ExceptionCase.subject_id))))
    in_doubt = set(await session.scalars(select(col(Shipment.order_id)).where(col(Shipment.id).in_(cases))))
    unexplained = [
        (order.reference, order.state)
        for order in orders
        if order.state not in OVER and not order.unassigned and order.id not in tried | cases | in_doubt
    ]
    assert unexplained == []
    assert Tally(order.state in OVER for order in orders)[True] >= 30


async def check_every_delivered_stop_has_each_proof_that_its_order_asks_for(session: AsyncSession) -> None:
    stops = list(
        await session.scalars(select(Stop).where(col(Stop.outcome).in_([StopOutcome.SUCCEEDED, StopOutcome.PARTIAL])))
    )
    assert stops
    orders = {order.id: order for order in await session.scalars(select(Order))}
    proofs: dict[object, set[ProofKind]] = {}
    for proof in await session.scalars(select(Proof)):
        proofs.setdefault(proof.stop_id, set()).add(proof.kind)
    assert [stop.id for stop in stops if not proofs.get(stop.id)] == []
    assert [stop.id for stop in stops if not proofs[stop.id] >= set(orders[stop.order_id].proof_requirements)] == []


async def check_every_event_makes_each_of_its_messages_exactly_once(session: AsyncSession) -> None:
    orders = {order.id: order for order in await session.scalars(select(Order))}
    due = Tally(
        (event.id, kind, channel, address)
        for event in await session.scalars(select(Event))
        if event.order_id is not None
        for kind in kinds_of(event.type, event.data)
        for channel, address in addresses(orders[event.order_id])
    )
    made = Tally(
        (message.event_id, message.kind, message.channel, message.address)
        for message in await session.scalars(select(Message))
    )
    assert made.total() > 200
    assert made == due


async def check_every_due_message_is_sent_and_leaves_one_file(
    session: AsyncSession, data: Path, faults: dict[str, Any]
) -> None:
    ended_at = datetime.fromisoformat(faults["endedAt"])
    messages = list(await session.scalars(select(Message)))
    sent = [message for message in messages if message.state is MessageState.SENT]
    assert [message.kind for message in messages if message not in sent and message.not_before <= ended_at] == []
    files = [path.name for path in (data / "messages").rglob("*.json")]
    assert sorted(files) == sorted(f"{message.id}.json" for message in sent if message.channel is not Channel.IN_APP)
    recorded = await session.scalars(select(col(Event.subject_id)).where(col(Event.type) == "message.sent"))
    assert sorted(recorded) == sorted(message.id for message in sent)


async def check_the_ledger_adds_up_to_every_level(session: AsyncSession) -> None:
    movement = InventoryMovement
    sums = {
        (row.node_id, row.sku): tuple(row)[2:]
        for row in await session.execute(
            select(
                movement.node_id,  # type: ignore[call-overload]  # SQLModel's fields are columns here
                movement.sku,
                func.sum(movement.on_hand_delta),
                func.sum(movement.reserved_delta),
                func.sum(movement.in_transit_delta),
            ).group_by(movement.node_id, movement.sku)
        )
    }
    levels = {
        (level.node_id, level.sku): (level.on_hand, level.reserved, level.in_transit)
        for level in await session.scalars(select(InventoryLevel))
    }
    assert len(levels) == 120
    assert sums == levels


async def check_the_counters_count_each_event_once(session: AsyncSession) -> None:
    events = Tally(await session.scalars(select(col(Event.type))))
    counted: Tally[str] = Tally()
    for counter in await session.scalars(select(Counter).where(col(Counter.dimension) == "all")):
        counted[counter.name] += counter.value
    assert counted == events


async def check_no_event_was_passed_over(session: AsyncSession) -> None:
    passed_over = list(
        await session.scalars(select(col(ExceptionCase.kind)).where(col(ExceptionCase.subject_kind) == "event"))
    )
    assert passed_over == []
