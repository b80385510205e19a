"""Past cases, judged by two policies. Pure: no clock, no database.

Each function answers one sentence per case that would have ended otherwise, and None for each that would not. What was
never tried under other rules stays unknown: nobody can tell whether a carrier that was not asked would have said yes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.models import Decision, DecisionKind, Order, OrderState, Severity, TenderState
from app.models.base import Json
from app.orchestration.exceptions.policies import is_opened
from app.orchestration.policies.documents import AllocationWeights, PolicyDocument
from app.orchestration.policies.promises import promise
from app.orchestration.shipments.failures import after_failure
from app.orchestration.trials.history import Cancellation, FailedAttempt, PastTender

# The part of a recorded cost that each weight of the policy scales.
SCALED = {
    "fulfilment": "fulfilment",
    "carriage": "carriage",
    "distance": "distance_minor_per_km",
    "emissions": "emissions_minor_per_kg",
    "split": "split_minor",
    "lateness": "lateness_minor_per_hour",
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The rules that were in force, and those that are tried."""

    old: PolicyDocument
    new: PolicyDocument


def reattempts(pair: Pair, attempts: Sequence[FailedAttempt]) -> Iterator[str | None]:
    """What would have followed each failed attempt."""
    for attempt in attempts:
        old, new = (
            after_failure(
                attempt.reason, attempts=attempt.number, policy=policy, at=attempt.at, first_failed_at=attempt.first_at
            )
            for policy in (pair.old, pair.new)
        )
        if (old.code, old.not_before) == (new.code, new.not_before):
            yield None
            continue
        was, would_be = (
            "back to the node" if found.not_before is None else f"again from {_time(found.not_before)}"
            for found in (old, new)
        )
        yield f"{attempt.reference}, {attempt.reason.value} on attempt {attempt.number}: {was} -> {would_be}."


def cancelled(pair: Pair, cancellations: Sequence[Cancellation]) -> Iterator[str | None]:
    """Which cancellations would have been refused, or allowed only now."""
    for case in cancellations:
        old, new = _may_cancel(pair.old, case), _may_cancel(pair.new, case)
        if old == new:
            yield None
        elif new:
            yield f"{case.reference}, {_time(case.at)}: the cancellation would have been allowed."
        else:
            yield f"{case.reference}, {_time(case.at)}: the cancellation would have been refused."


def _may_cancel(policy: PolicyDocument, case: Cancellation) -> bool:
    state = OrderState.ALLOCATED if case.was_allocated else OrderState.RECEIVED
    minutes = policy.cancellable_minutes_before_window
    is_early = not minutes or case.promised_start is None or case.at <= case.promised_start - timedelta(minutes=minutes)
    return state in policy.cancellable_states and is_early


def promised(pair: Pair, orders: Sequence[Order]) -> Iterator[str | None]:
    """Which windows would have been promised to orders that asked for none."""
    for order in orders:
        if order.requested_start is not None:
            continue
        old, new = (
            promise(policy, postal_code=order.postal_code, now=order.created_at) for policy in (pair.old, pair.new)
        )
        yield None if old == new else f"{order.reference}: {_window(old)} -> {_window(new)}."


def needed(pair: Pair, orders: Sequence[Order]) -> Iterator[str | None]:
    """Which orders would have needed a skill or a proof that they did not."""
    skills = set(pair.new.orders.required_skills)
    proofs = {kind.value for kind in pair.new.orders.proof_requirements}
    for order in orders:
        more = sorted((skills - set(order.required_skills)) | (proofs - set(order.proof_requirements)))
        yield f"{order.reference} would have needed {', '.join(more)}." if more else None


def chosen(pair: Pair, decisions: Sequence[tuple[Decision, str]]) -> tuple[list[str | None], int]:
    """Which ways to serve an order would have cost least with the other weights; and of how many nobody can tell.

    Every recorded cost is taken apart and weighed anew. Stock, capacity and their prices stay as they were.
    """
    sentences: list[str | None] = []
    unknown = 0
    for decision, reference in decisions:
        if decision.kind is not DecisionKind.ALLOCATION or decision.chosen is None:
            continue
        ways = [decision.chosen, *(way for way in decision.alternatives if _was_possible(way))]
        costs = [_weighed(way, pair.old.allocation, pair.new.allocation) for way in ways]
        if any(cost is None for cost in costs):
            unknown += 1
            continue
        # What lost although it was cheaper did so for the sake of others, and would again.
        ahead = [
            (cost, way)
            for cost, way in zip(costs, ways, strict=True)
            if cost is not None and (way is decision.chosen or way["costMinor"] >= decision.chosen["costMinor"])
        ]
        best = min(ahead, key=lambda pair: pair[0])[1]
        sentences.append(None if best is decision.chosen else f"{reference}: {_way(decision.chosen)} -> {_way(best)}.")
    return sentences, unknown


def _was_possible(way: Json) -> bool:
    return way.get("costMinor") is not None and bool(way.get("breakdown"))


def _weighed(way: Json, old: AllocationWeights, new: AllocationWeights) -> float | None:
    """The cost under the new weights; None where a part that counted nothing would count now, so that it is unknown."""
    total = 0.0
    for component, amount in _parts(way, old).items():
        weight = SCALED.get(component)
        before, after = (float(getattr(weights, weight)) if weight else 1.0 for weights in (old, new))
        if before == 0 and after != 0:
            return None
        total += amount * (after / before if before else 1.0)
    missed = 1.0 - float(way.get("probabilityOnTime") or 1.0)
    return total + missed * new.missed_window_minor


def _parts(way: Json, old: AllocationWeights) -> dict[str, float]:
    """The recorded parts of a cost, without the price of missing the window, which is recorded with the lateness."""
    parts = {part["component"]: float(part["amountMinor"]) for part in way["breakdown"]}
    missed = 1.0 - float(way.get("probabilityOnTime") or 1.0)
    if "lateness" in parts:
        parts["lateness"] = max(0.0, parts["lateness"] - missed * old.missed_window_minor)
    return parts


def answered(pair: Pair, tenders: Sequence[PastTender]) -> Iterator[str | None]:
    """Which answers would have come too late, and which counter prices would have been agreed to."""
    for past in tenders:
        yield _answer(pair, past)


def _answer(pair: Pair, past: PastTender) -> str | None:
    tender = past.tender
    named = f"{past.reference}, {past.carrier}"
    if tender.offered_at is not None and tender.responded_at is not None:
        took = (tender.responded_at - tender.offered_at).total_seconds() / 60
        old, new = (min(policy.tender_respond_minutes, past.carrier_minutes) for policy in (pair.old, pair.new))
        if new < took <= old:
            return f"{named}: answered after {took:.0f} minutes, {took - new:.0f} too late."
    if tender.state is TenderState.REJECTED and tender.counter_minor is not None:
        limits = [
            tender.price_minor * (100 + policy.tendering.counter_above_percent) / 100 for policy in (pair.old, pair.new)
        ]
        was, would_be = (tender.counter_minor <= limit for limit in limits)
        if was != would_be:
            return f"{named}: its counter price would {'' if would_be else 'not '}have been agreed to."
    return None


def asked(pair: Pair, decisions: Sequence[tuple[Decision, str]]) -> Iterator[str | None]:
    """Which decisions would have waited for a person, or would have been carried out without one."""
    for decision, reference in decisions:
        confidence = (decision.chosen or {}).get("probabilityOnTime")
        old, new = (policy.autonomy_of(decision.kind).may_act(confidence=confidence) for policy in (pair.old, pair.new))
        if old == new or decision.chosen is None:
            yield None
        else:
            what = "carried out without asking" if new else "proposed to a person"
            yield f"{reference}: the {decision.kind.value} would have been {what}."


def opened(pair: Pair, cases: Sequence[tuple[str, Severity, str]]) -> Iterator[str | None]:
    """Which exceptions would not have been opened, or would have been more or less severe."""
    for kind, severity, reference in cases:
        if not is_opened(kind, pair.new):
            yield f"{reference}: {kind} would not have been opened."
            continue
        new = pair.new.rule_of(kind).severity or (severity if pair.old.rule_of(kind).severity is None else None)
        yield None if new in (None, severity) else f"{reference}: {kind} would have been {new.value}."


def sent(pair: Pair, messages: Sequence[tuple[str, str]]) -> Iterator[str | None]:
    """Which messages would not have gone out."""
    for kind, reference in messages:
        yield None if pair.new.sends(kind) else f"{reference}: no {kind} message."


def _way(way: Json) -> str:
    return f"{way.get('node')} by {way.get('carrier')}"


def _window(window: tuple[datetime, datetime]) -> str:
    return f"{_time(window[0])} to {_time(window[1])}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
