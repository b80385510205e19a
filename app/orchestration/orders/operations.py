"""Taking orders over: a whole call is read, compared and written with a handful of statements, whatever its size."""

import secrets
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.auth.tokens import hash_token, tracking_token
from app.core.errors import UserError
from app.core.ids import new_id
from app.models import Order, OrderLine, ProofKind
from app.models.base import Json
from app.orchestration import row_checks
from app.orchestration.carriers import queries as carriers
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.nodes import queries as nodes
from app.orchestration.nodes.policies import place
from app.orchestration.orders import held, policies
from app.orchestration.orders.checks import Surroundings, faults
from app.orchestration.orders.drafts import OrderDraft
from app.orchestration.orders.held import Held
from app.orchestration.orders.intake import Intake, changed_columns, line_values, lines_differ, order_values, unsaid
from app.orchestration.policies import queries as rules
from app.orchestration.products import queries as products
from app.orchestration.rows import ErrorPolicy, RowOutcome, RowResult, RowsRefused, check_row_count

OrderResult = RowResult[uuid.UUID]
PIN_DIGITS = 4


# Columns of an order as people name what they hold; what is not here is named by its column.
WORDS = {
    "promised_start": "the promised window",
    "promised_end": "the promised window",
    "requested_start": "the requested window",
    "requested_end": "the requested window",
    "latitude": "the address",
    "longitude": "the address",
    "line1": "the address",
    "line2": "the address",
    "region": "the address",
    "city": "the address",
    "postal_code": "the address",
    "country": "the address",
    "lines": "the lines",
}


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What an order takes from where it is taken: the secret behind tracking links, and the one currency."""

    secret: str
    currency: str


async def upsert(
    session: AsyncSession,
    *,
    drafts: Sequence[OrderDraft],
    error_policy: ErrorPolicy,
    deployment: Deployment,
    actor: Principal,
    now: datetime,
    holds: Mapping[str, Held] | None = None,
) -> list[OrderResult]:
    """Creates and updates orders by reference. Raises `RowsRefused` where one bad row refuses the call.

    `holds`: those that drafts name by their `hold_id`, locked; a new order takes the window of its hold over.
    """
    check_row_count(drafts, field="orders")
    existing = await _existing(session, drafts)
    intake, around = await surroundings(session, drafts, currency=deployment.currency, now=now)
    results = [OrderResult(index=index) for index in range(len(drafts))]
    twice = {
        **held.hold_twice(drafts),
        **row_checks.duplicates([draft.reference for draft in drafts], noun="Order", field="reference"),
    }
    writing = _Writing(deployment=deployment, intake=intake, actor=actor, holds=holds or {})
    for result, draft in zip(results, drafts, strict=True):
        stored = existing.get(draft.reference)
        if result.index in twice:
            found = [twice[result.index]]
        elif stored is not None and stored.order.input_hash == draft.input_hash():
            result.outcome, result.found, found = RowOutcome.UNCHANGED, stored.order.id, []
        elif not (found := _faults(draft, stored, around) or writing.hold_faults(draft, stored)):
            found = writing.create(result, draft) if stored is None else writing.update(result, draft, stored)
        result.errors = row_checks.placed(found, rows="orders", index=result.index)
    if error_policy is ErrorPolicy.REJECT_EVERYTHING and any(result.errors for result in results):
        raise RowsRefused(results)
    await writing.write(session)
    return results


@dataclass(frozen=True, kw_only=True)
class _Stored:
    order: Order
    lines: list[OrderLine]


class _Writing:
    """Collects what a call changes, and writes it at once."""

    def __init__(self, *, deployment: Deployment, intake: Intake, actor: Principal, holds: Mapping[str, Held]) -> None:
        self._deployment, self._intake, self._actor, self._holds = deployment, intake, actor, holds
        self._orders: list[Json] = []
        self._lines: list[Json] = []
        self._replaced: list[uuid.UUID] = []
        self._changes: list[tuple[Order, dict[str, Any]]] = []
        self._events: list[tuple[str, uuid.UUID, str, Json]] = []

    def create(self, result: OrderResult, draft: OrderDraft) -> list[UserError]:
        """Prepares a new order."""
        order_id, values = new_id(), order_values(self._complete(draft), self._intake)
        token = tracking_token(self._deployment.secret, order_id)
        self._orders.append(
            {
                **values,
                "id": order_id,
                "hold_id": hold.id if (hold := self._hold_of(draft)) else None,
                "created_at": self._intake.now,
                "updated_at": self._intake.now,
                "input_hash": draft.input_hash(),
                "tracking_token_hash": hash_token(token),
                "pin": _new_pin() if ProofKind.PIN.value in values["proof_requirements"] else None,
            }
        )
        self._lines += line_values(draft, order_id=order_id, products=self._intake.products)
        self._events.append(("order.received", order_id, draft.reference, _told(values)))
        result.outcome, result.found = RowOutcome.CREATED, order_id
        return []

    def update(self, result: OrderResult, draft: OrderDraft, stored: _Stored) -> list[UserError]:
        """Prepares the changes of an order, or says why it can no longer be changed so."""
        order, kept = stored.order, unsaid(draft)
        if order.hold_id is not None and draft.requested_window is None:
            kept |= {"requested_start", "requested_end"}
        values = {name: value for name, value in order_values(draft, self._intake).items() if name not in kept}
        changed = changed_columns(order, values)
        lines = line_values(draft, order_id=order.id, products=self._intake.products)
        has_new_lines = lines_differ(stored.lines, lines)
        touched = {*changed, *(("lines",) if has_new_lines else ())}
        if not policies.may_change(order.state, touched) and touched:
            return [_locked(order, touched)]
        if ProofKind.PIN.value in values["proof_requirements"] and order.pin is None:
            changed["pin"] = _new_pin()
        self._changes.append((order, {**changed, "input_hash": draft.input_hash()}))
        if has_new_lines:
            self._replaced.append(order.id)
            self._lines += lines
        if touched:
            self._events.append(("order.updated", order.id, order.reference, {"changed": sorted(touched)}))
        result.outcome, result.found = RowOutcome.UPDATED if touched else RowOutcome.UNCHANGED, order.id
        return []

    def hold_faults(self, draft: OrderDraft, stored: _Stored | None) -> list[UserError]:
        """Why a draft that is right otherwise cannot have its hold."""
        if draft.hold_id is None:
            return []
        hold = self._hold_of(draft)
        if hold is None:
            return [held.unknown_hold(draft)]
        if stored is not None:
            return [] if stored.order.hold_id == hold.id else [held.came_without(draft.reference)]
        return held.faults(draft, hold, self._intake)

    def _hold_of(self, draft: OrderDraft) -> Held | None:
        return self._holds.get(draft.hold_id or "")

    def _complete(self, draft: OrderDraft) -> OrderDraft:
        hold = self._hold_of(draft)
        return draft if hold is None else held.taking_over(draft, hold)

    async def write(self, session: AsyncSession) -> None:
        """Writes orders, then lines, then events."""
        for order, changed in self._changes:
            for name, value in changed.items():
                setattr(order, name, value)
            order.version, order.updated_at = order.version + 1, self._intake.now
        await session.flush()
        if self._orders:
            await session.execute(insert(Order), self._orders)
        if self._replaced:
            await session.execute(delete(OrderLine).where(col(OrderLine.order_id).in_(self._replaced)))
        if self._lines:
            await session.execute(insert(OrderLine), [{"id": new_id(), **line} for line in self._lines])
        for type, order_id, reference, data in self._events:
            log.append(
                session,
                type=type,
                subject=Subject(kind="order", id=order_id, reference=reference, order_id=order_id),
                actor=self._actor,
                now=self._intake.now,
                summary=f"Order {reference} was {type.partition('.')[2]}.",
                data=data,
            )
        await session.flush()


async def _existing(session: AsyncSession, drafts: Sequence[OrderDraft]) -> dict[str, _Stored]:
    """The orders that are there already, locked in the order of their references, with their lines."""
    found = await session.scalars(
        select(Order)
        .where(col(Order.reference).in_({draft.reference for draft in drafts}))
        .order_by(col(Order.reference))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    orders = list(found)
    lines: defaultdict[uuid.UUID, list[OrderLine]] = defaultdict(list)
    if orders:
        for line in await session.scalars(
            select(OrderLine).where(col(OrderLine.order_id).in_([order.id for order in orders]))
        ):
            lines[line.order_id].append(line)
    return {order.reference: _Stored(order=order, lines=lines[order.id]) for order in orders}


async def surroundings(
    session: AsyncSession, drafts: Sequence[OrderDraft], *, currency: str, now: datetime
) -> tuple[Intake, Surroundings]:
    """What drafts are completed from, and what they are compared with."""
    known = await products.by_skus(session, {line.sku for draft in drafts for line in draft.lines})
    working = await carriers.active(session)
    intake = Intake(products=known, policy=await rules.current(session), currency=currency, now=now)
    around = Surroundings(
        products=known,
        node_points=[place(node) for node in await nodes.active(session)],
        reach_metres=max((carrier.zone_radius_metres for carrier in working), default=0),
        currency=currency,
        now=now,
    )
    return intake, around


def _faults(draft: OrderDraft, stored: _Stored | None, around: Surroundings) -> list[UserError]:
    """What is wrong with a draft. A window that was taken over before is not refused for having come meanwhile."""
    found = faults(draft, around)
    window = draft.requested_window
    if stored is not None and window is not None:
        before = (stored.order.requested_start, stored.order.requested_end)
        if before == (window.start, window.end):
            found = [fault for fault in found if fault.code != "WINDOW_IN_PAST"]
    return found


def _locked(order: Order, touched: set[str]) -> UserError:
    return UserError(
        code="ORDER_LOCKED",
        message=(
            f"Order {order.reference} is {order.state}, so that {_named(touched)} can no longer change."
            " Cancel it and send a new one, or change only the recipient and the instructions before pickup."
        ),
        field="reference",
    )


def _named(columns: set[str]) -> str:
    """What these columns hold, in a dispatcher's words."""
    return ", ".join(sorted({WORDS.get(column, f"its {column.replace('_', ' ')}") for column in columns}))


def _new_pin() -> str:
    return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"


def _told(values: Mapping[str, Any]) -> Json:
    """What readers of the event need to know of a new order."""
    return {
        "kind": values["kind"].value,
        "serviceLevel": values["service_level"],
        "promisedWindow": {
            "start": values["promised_start"].isoformat(),
            "end": values["promised_end"].isoformat(),
        },
    }


__all__ = ["Deployment", "OrderResult", "upsert"]
