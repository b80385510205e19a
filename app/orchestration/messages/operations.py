"""Sending as the database sees it: claim under a lease, then record what became of each message.

A sender that dies after the provider took a message and before that was recorded leaves it QUEUED; it goes out again
when the lease runs out. The message's id goes with it, so that the folder, mail servers and the inbox know it again.
"""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.models import Message, MessageState
from app.orchestration.events import log
from app.orchestration.messages import policies
from app.orchestration.messages.policies import MessageEvent


async def claim_due(
    session: AsyncSession, *, now: datetime, wall: datetime, lease: timedelta, limit: int
) -> list[Message]:
    """Takes messages that are due and that nobody else is sending. Leases live in machine time."""
    statement = (
        select(Message)
        .where(
            col(Message.state) == MessageState.QUEUED,
            col(Message.not_before) <= now,
            or_(col(Message.leased_until).is_(None), col(Message.leased_until) < wall),
        )
        .order_by(col(Message.not_before), col(Message.id))
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
    )
    messages = list(await session.scalars(statement))
    for message in messages:
        message.leased_until = wall + lease
        message.attempts += 1
    return messages


async def record_sent(session: AsyncSession, message: Message, *, provider_id: str, now: datetime) -> None:
    """The provider took it. Counts whoever holds the lease by now: it has been sent."""
    row = await _locked(session, message)
    if row is None:
        return
    row.state = policies.next_state(row.state, MessageEvent.SEND)
    row.provider_id, row.sent_at, row.leased_until = provider_id, now, None
    row.error_code = row.error_message = None
    _append(session, row, "message.sent", f"{row.kind} sent by {row.channel}", now)


async def record_failure(
    session: AsyncSession, message: Message, *, code: str, text: str, may_retry: bool, now: datetime, wall: datetime
) -> None:
    """The provider did not take it: another try later, or FAILED for good.

    Says nothing where the lease ran out and another sender is trying already: that one's answer counts.
    """
    row = await _locked(session, message)
    if row is None or row.attempts != message.attempts:
        return
    row.error_code, row.error_message = code, text
    wait = policies.retry_after(row.attempts) if may_retry else None
    if wait is not None:
        row.leased_until = wall + wait
        return
    row.state, row.leased_until = policies.next_state(row.state, MessageEvent.FAIL), None
    _append(session, row, "message.failed", f"{row.kind} by {row.channel} failed: {text}", now)


async def record_status(
    session: AsyncSession,
    *,
    message_id: uuid.UUID,
    event: MessageEvent,
    failure: tuple[str, str] | None = None,
    now: datetime,
) -> None:
    """What the provider tells later: delivered, read, or not (`failure`: code and text).

    Providers tell things twice and out of order: what may not follow the message's state changes nothing.
    """
    row = await session.scalar(select(Message).where(col(Message.id) == message_id).with_for_update(key_share=True))
    if row is None or (row.state, event) not in policies.NEXT:
        return
    row.state, row.leased_until = policies.next_state(row.state, event), None
    row.error_code, row.error_message = failure or (None, None)
    what = row.state.value.lower()
    told = (
        f"{row.kind} by {row.channel} was {what}" if failure is None else f"{row.kind} by {row.channel}: {failure[1]}"
    )
    _append(session, row, f"message.{what}", told, now)


async def _locked(session: AsyncSession, message: Message) -> Message | None:
    """The message as it is now, where nobody has recorded what became of it."""
    found: Message | None = await session.scalar(
        select(Message)
        .where(col(Message.id) == message.id, col(Message.state) == MessageState.QUEUED)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return found


def _append(session: AsyncSession, message: Message, type: str, summary: str, now: datetime) -> None:
    subject = log.Subject(kind="message", id=message.id, reference=message.kind, order_id=message.order_id)
    log.append(
        session,
        type=type,
        subject=subject,
        actor=SYSTEM,
        now=now,
        summary=summary,
        data={"channel": message.channel, "kind": message.kind, "errorCode": message.error_code},
    )
