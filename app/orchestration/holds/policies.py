"""Which windows a checkout may be offered, and what it is told of days without one. Pure: no clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.core.errors import Refusal
from app.orchestration.orders.drafts import WindowDraft
from app.orchestration.policies.documents import PolicyDocument
from app.orchestration.policies.promises import windows_on

MOST_DAYS = 14
# Beyond this nobody knows hours and prices.
FARTHEST_DAYS = 90


class UnavailableReason(StrEnum):
    """Why nothing can be offered on a day. What comes first would be changed most easily."""

    FULLY_BOOKED = "FULLY_BOOKED"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    TOO_LATE = "TOO_LATE"
    NO_DELIVERY_THAT_DAY = "NO_DELIVERY_THAT_DAY"
    GOODS_NOT_CARRIED = "GOODS_NOT_CARRIED"
    NOT_DELIVERED_THERE = "NOT_DELIVERED_THERE"


# What allocation says of an order that gets nothing, in the words of a customer: nothing of nodes and carriers. What is
# not here means that nobody goes there at all.
REASONS: Mapping[str, UnavailableReason] = {
    "NODE_FULL": UnavailableReason.FULLY_BOOKED,
    "NO_CAPACITY": UnavailableReason.FULLY_BOOKED,
    "NO_STOCK": UnavailableReason.OUT_OF_STOCK,
    "CUTOFF_PASSED": UnavailableReason.TOO_LATE,
    "WINDOW_UNREACHABLE": UnavailableReason.TOO_LATE,
    "DAY_NOT_SERVED": UnavailableReason.NO_DELIVERY_THAT_DAY,
    "NODE_CLOSED": UnavailableReason.NO_DELIVERY_THAT_DAY,
    "GOODS_NOT_KEPT": UnavailableReason.GOODS_NOT_CARRIED,
    "SKILL_MISSING": UnavailableReason.GOODS_NOT_CARRIED,
    "WEIGHT_EXCEEDED": UnavailableReason.GOODS_NOT_CARRIED,
    "VOLUME_EXCEEDED": UnavailableReason.GOODS_NOT_CARRIED,
    "SIZE_EXCEEDED": UnavailableReason.GOODS_NOT_CARRIED,
}


@dataclass(frozen=True, kw_only=True)
class Day:
    """A local day with the windows that are still far enough ahead. `is_over`: it has windows, but no such ones."""

    day: date
    windows: Sequence[WindowDraft]
    is_over: bool


def days(policy: PolicyDocument, *, first: date, count: int, postal_code: str | None, now: datetime) -> list[Day]:
    """The windows of so many days. Refuses a count that is no 1 to 14, and a first day that is over or far ahead."""
    if not 1 <= count <= MOST_DAYS:
        raise Refusal("DAYS_INVALID", f"{count} days cannot be looked at. Send 1 to {MOST_DAYS}.", field="days")
    today = now.astimezone(ZoneInfo(policy.promises.time_zone)).date()
    if not 0 <= (first - today).days <= FARTHEST_DAYS:
        raise Refusal(
            "FROM_INVALID",
            f"{first} cannot be looked at. Send a day from {today} to {today + timedelta(days=FARTHEST_DAYS)}.",
            field="from",
        )
    earliest = now + timedelta(hours=policy.window_lead_hours)
    found = []
    for later in range(count):
        day = first + timedelta(days=later)
        spans = windows_on(policy, day, postal_code=postal_code)
        windows = [WindowDraft(start=start, end=end) for start, end in spans if start >= earliest]
        found.append(Day(day=day, windows=windows, is_over=bool(spans) and not windows))
    return found


def reason_of(day: Day, codes: Iterable[str]) -> UnavailableReason:
    """Why a day has no offer: of its windows' reasons the one that would be changed most easily."""
    reasons = {REASONS.get(code, UnavailableReason.NOT_DELIVERED_THERE) for code in codes}
    if day.is_over:
        reasons.add(UnavailableReason.TOO_LATE)
    return next((reason for reason in UnavailableReason if reason in reasons), UnavailableReason.NO_DELIVERY_THAT_DAY)
