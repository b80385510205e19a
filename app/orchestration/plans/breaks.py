"""From the policy's lunch and rests to those of the routing problem, for a whole route and for the rest of one. Pure.

A van may leave later than it could, and a break is not due where it leaves after the window of it. Before a route that
is rest enough; on the rest of a route it is only where that leaves time for the whole break. So a break that presses is
taken at once: the van goes on when it is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.orchestration.plans.loaded import MARGIN, Loaded, Standing
from app.orchestration.policies.documents import Planning
from app.solvers.routing.problem import DAY_SECONDS, Break, DrivingRule, TimeWindow, Vehicle

SECONDS_A_MINUTE = 60


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """The rests on the rest of a route: so long before the van goes on, and what comes later."""

    at_once_seconds: int
    breaks: tuple[Break, ...]
    driving_rule: DrivingRule | None


def lunch(rules: Planning, day_index: int) -> tuple[Break, ...]:
    """The lunch of a day of the horizon."""
    if rules.lunch is None:
        return ()
    opens = day_index * DAY_SECONDS
    window = TimeWindow(
        start_seconds=opens + rules.lunch.from_minute * SECONDS_A_MINUTE,
        end_seconds=opens + rules.lunch.to_minute * SECONDS_A_MINUTE,
    )
    return (Break(windows=(window,), duration_seconds=rules.lunch.minutes * SECONDS_A_MINUTE),)


def driving_rule(rules: Planning) -> DrivingRule | None:
    """How much work there may be between two rests."""
    if rules.rest_after_minutes is None:
        return None
    return DrivingRule(
        max_work_seconds=rules.rest_after_minutes * SECONDS_A_MINUTE,
        break_seconds=rules.rest_minutes * SECONDS_A_MINUTE,
    )


def ahead(vehicle: Vehicle, standing: Standing, loaded: Loaded) -> Ahead:
    """No lunch that was taken, and a rest before the work since the last one is too much; one break may be both."""
    starts = loaded.seconds(standing.at)
    work_ahead = loaded.seconds(standing.back_by - MARGIN) - starts
    breaks = () if standing.had_lunch else vehicle.breaks
    rule, worked = vehicle.driving_rule, standing.worked_seconds
    at_once = max((one.duration_seconds for one in breaks if _presses(one, starts, work_ahead)), default=0)
    if rule is not None and worked and _left(rule, worked) < min(work_ahead, rule.break_seconds):
        at_once = max(at_once, rule.break_seconds)
    if at_once:
        breaks = tuple(one for one in breaks if one.duration_seconds > at_once or not _is_open(one, starts))
    if rule is None or not worked or at_once >= rule.break_seconds:
        return Ahead(at_once_seconds=at_once, breaks=breaks, driving_rule=rule)
    left = _left(rule, worked)
    if left >= work_ahead:
        return Ahead(at_once_seconds=at_once, breaks=breaks, driving_rule=replace(rule, max_work_seconds=left))
    due = TimeWindow(start_seconds=starts + at_once, end_seconds=starts + at_once + left)
    return Ahead(at_once_seconds=at_once, breaks=_with_rest(breaks, due, rule), driving_rule=rule)


def _left(rule: DrivingRule, worked: int) -> int:
    return max(0, rule.max_work_seconds - worked)


def _is_open(one: Break, at: int) -> bool:
    return any(window.start_seconds <= at <= window.end_seconds for window in one.windows)


def _presses(one: Break, starts: int, work_ahead: int) -> bool:
    """Whether to wait until its window is over would leave too little time for it."""
    closes = one.windows[-1].end_seconds
    return _is_open(one, starts) and closes < starts + min(work_ahead, one.duration_seconds)


def _with_rest(breaks: Sequence[Break], due: TimeWindow, rule: DrivingRule) -> tuple[Break, ...]:
    """With one more, or with a lunch that is long enough when the rest is due."""
    for number, one in enumerate(breaks):
        window = one.windows[-1]
        opens = max(due.start_seconds, window.start_seconds)
        closes = min(due.end_seconds, window.end_seconds)
        if one.duration_seconds >= rule.break_seconds and closes - opens >= one.duration_seconds:
            both = replace(one, windows=(TimeWindow(start_seconds=opens, end_seconds=closes),))
            return (*breaks[:number], both, *breaks[number + 1 :])
    return (*breaks, Break(windows=(due,), duration_seconds=rule.break_seconds))
