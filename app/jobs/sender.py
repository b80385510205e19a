"""Hands due messages to their channel and records what became of each. No network call inside a transaction."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from app.core import clock
from app.core.database import Session
from app.jobs.workshop import Workshop
from app.models import Message
from app.notifications.channels import OutgoingMessage, PermanentFailure, TemporaryFailure
from app.orchestration.messages import operations

BATCH = 100
LEASE = timedelta(seconds=60)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a channel answered: a provider's id, or a failure."""

    provider_id: str | None = None
    code: str = ""
    text: str = ""
    may_retry: bool = False


async def send_batch(workshop: Workshop) -> int:
    """Claims a batch, sends it side by side, records it; answers how many messages it was."""
    async with workshop.database.transaction() as session:
        messages = await operations.claim_due(session, now=clock.now(), wall=clock.wall_now(), lease=LEASE, limit=BATCH)
    outcomes = await asyncio.gather(*(_send(workshop, message) for message in messages))
    await workshop.database.run(partial(_record, outcomes=list(zip(messages, outcomes, strict=True))))
    return len(messages)


async def _record(session: Session, *, outcomes: list[tuple[Message, Outcome]]) -> None:
    for message, outcome in outcomes:
        if outcome.provider_id is not None:
            await operations.record_sent(session, message, provider_id=outcome.provider_id, now=clock.now())
            continue
        await operations.record_failure(
            session,
            message,
            code=outcome.code,
            text=outcome.text,
            may_retry=outcome.may_retry,
            now=clock.now(),
            wall=clock.wall_now(),
        )


async def _send(workshop: Workshop, message: Message) -> Outcome:
    outgoing = OutgoingMessage(
        id=str(message.id),
        channel=message.channel,
        address=message.address,
        subject=message.subject,
        text=message.text,
        html=message.html,
    )
    try:
        receipt = await workshop.senders[message.channel].send(outgoing)
    except TemporaryFailure as failure:
        return Outcome(code="TEMPORARY_FAILURE", text=str(failure), may_retry=True)
    except PermanentFailure as failure:
        return Outcome(code=failure.code, text=str(failure))
    except Exception as error:
        log.exception("message.send_failed", message=str(message.id), channel=message.channel)
        return Outcome(code="INTERNAL_ERROR", text=f"Sending failed with {type(error).__name__}.", may_retry=True)
    return Outcome(provider_id=receipt.provider_id)
