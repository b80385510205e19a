"""Who answers for a failed attempt, and what comes next: another attempt, or the way back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.models import FailureReason
from app.orchestration.policies.documents import PolicyDocument


class Party(StrEnum):
    """Who answers for it."""

    RECIPIENT = "RECIPIENT"
    ACCESS = "ACCESS"
    GOODS = "GOODS"
    CARRIER = "CARRIER"
    SHIPPER = "SHIPPER"
    EXTERNAL = "EXTERNAL"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a reason means where the policy does not say otherwise."""

    party: Party
    may_reattempt: bool
    counts_against_sla: bool


def _rule(party: Party, *, again: bool, counts: bool) -> Rule:
    return Rule(party=party, may_reattempt=again, counts_against_sla=counts)


Reason = FailureReason

RULES: Mapping[FailureReason, Rule] = {
    Reason.NOT_HOME: _rule(Party.RECIPIENT, again=True, counts=False),
    Reason.BUSINESS_CLOSED: _rule(Party.RECIPIENT, again=True, counts=False),
    Reason.REFUSED: _rule(Party.RECIPIENT, again=False, counts=False),
    Reason.ID_CHECK_FAILED: _rule(Party.RECIPIENT, again=True, counts=False),
    Reason.UNDER_AGE: _rule(Party.RECIPIENT, again=False, counts=False),
    Reason.PAYMENT_NOT_RECEIVED: _rule(Party.RECIPIENT, again=True, counts=False),
    Reason.PIN_MISMATCH: _rule(Party.RECIPIENT, again=True, counts=False),
    Reason.MOVED: _rule(Party.RECIPIENT, again=False, counts=False),
    Reason.ADDRESS_NOT_FOUND: _rule(Party.ACCESS, again=True, counts=False),
    Reason.ACCESS_RESTRICTED: _rule(Party.ACCESS, again=True, counts=False),
    Reason.NO_PARKING: _rule(Party.ACCESS, again=True, counts=True),
    Reason.SAFE_PLACE_UNAVAILABLE: _rule(Party.ACCESS, again=True, counts=False),
    Reason.DANGEROUS: _rule(Party.ACCESS, again=True, counts=False),
    Reason.DAMAGED: _rule(Party.GOODS, again=False, counts=True),
    Reason.MISSING: _rule(Party.GOODS, again=False, counts=True),
    Reason.WRONG_ITEM: _rule(Party.GOODS, again=False, counts=True),
    Reason.TEMPERATURE_BREACH: _rule(Party.GOODS, again=False, counts=True),
    Reason.OUT_OF_TIME: _rule(Party.CARRIER, again=True, counts=True),
    Reason.VEHICLE_BREAKDOWN: _rule(Party.CARRIER, again=True, counts=True),
    Reason.DRIVER_UNAVAILABLE: _rule(Party.CARRIER, again=True, counts=True),
    Reason.CAPACITY_EXCEEDED: _rule(Party.CARRIER, again=True, counts=True),
    Reason.MISROUTED: _rule(Party.CARRIER, again=True, counts=True),
    Reason.NOT_READY: _rule(Party.SHIPPER, again=True, counts=True),
    Reason.BAD_DATA: _rule(Party.SHIPPER, again=False, counts=True),
    Reason.WEATHER: _rule(Party.EXTERNAL, again=True, counts=False),
    Reason.ROAD_CLOSED: _rule(Party.EXTERNAL, again=True, counts=False),
    Reason.SECURITY: _rule(Party.EXTERNAL, again=True, counts=False),
    Reason.OTHER: _rule(Party.EXTERNAL, again=True, counts=True),
}


@dataclass(frozen=True, kw_only=True)
class Reattempt:
    """What follows a failed attempt: another one not before a time, or (None) the way back, and why."""

    not_before: datetime | None
    code: str
    detail: str


def after_failure(
    reason: FailureReason,
    *,
    attempts: int,
    policy: PolicyDocument,
    at: datetime,
    first_failed_at: datetime,
) -> Reattempt:
    """What the policy says after `attempts` attempts, the last of which failed with `reason` at `at`."""
    override = policy.override_of(reason)
    again = RULES[reason].may_reattempt if override.may_reattempt is None else override.may_reattempt
    most = override.max_attempts or policy.max_attempts
    delay = (
        policy.reattempt_delay
        if override.reattempt_delay_minutes is None
        else timedelta(minutes=override.reattempt_delay_minutes)
    )
    if not again:
        return Reattempt(not_before=None, code="NO_REATTEMPT", detail=f"{reason.value} allows no other attempt.")
    if attempts >= most:
        return Reattempt(
            not_before=None, code="ATTEMPTS_USED_UP", detail=f"{attempts} of {most} allowed attempts were made."
        )
    if at + delay > first_failed_at + policy.return_after:
        detail = f"The goods may wait {policy.return_after_hours} hours after the first failed attempt."
        return Reattempt(not_before=None, code="WAITED_TOO_LONG", detail=detail)
    return Reattempt(
        not_before=at + delay, code="REATTEMPT", detail=f"Attempt {attempts + 1} of {most} may start then."
    )
