"""One vehicle driven through its steps from a given departure: as early as it can, resting as late as it may.

A rest falls where the driver is anyway: at the last place that still holds the break's window or the driving rule, or
earlier wherever waiting covers it in full. Service begins as soon as a window is open. Chooses no departure and knows
no loads; schedule.py does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.solvers.routing.problem import Break, TimeWindow, TrafficProfile, Vehicle
from app.solvers.routing.solution import Constraint, PlannedBreak
from app.solvers.routing.travel import arrival_of

UNBOUNDED = 10**12


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A visit, a reload or the end: the leg there on a free road, when work may begin, and how long it takes."""

    leg_seconds: int
    work_seconds: int = 0
    windows: tuple[TimeWindow, ...] = ()
    late_cost_per_second: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """The first rule in the way, and at which place of the order; None: the route as a whole."""

    constraint: Constraint
    position: int | None = None


@dataclass(kw_only=True, slots=True)
class Drive:
    """What happened: one arrival, beginning and departure a step. The last step is the end.

    `waited`: idle seconds in all, rests apart. `room`: how much later it may leave with every step in the same window
    and every rest at the same place. `kinks`: departures in between at which a cost may change its slope.
    """

    start: int
    arrivals: list[int]
    begins: list[int]
    departures: list[int]
    breaks: list[PlannedBreak]
    late_cost: float = 0.0
    waited: int = 0
    room: int = UNBOUNDED
    kinks: list[int]

    @property
    def end(self) -> int:
        """Arrival at the end."""
        return self.arrivals[-1]


class _Refused(Exception):
    def __init__(self, constraint: Constraint) -> None:
        self.constraint = constraint


def service_start(
    windows: Sequence[TimeWindow], arrival: int, *, late_cost_per_second: float | None = None
) -> int | None:
    """When service starts on arrival: at once, or when the next window opens; None: every hard window has closed."""
    if not windows:
        return arrival
    opening = [max(arrival, window.start_seconds) for window in windows if arrival <= window.end_seconds]
    if opening:
        return min(opening)
    return None if late_cost_per_second is None else arrival


def drive(
    vehicle: Vehicle,
    steps: Sequence[Step],
    *,
    start: int,
    not_before: Sequence[int],
    traffic: TrafficProfile | None,
) -> Drive | Refusal:
    """The steps in order after this departure; step n begins no earlier than `not_before[n]`."""
    driver = _Driver(vehicle, start, traffic)
    for number, step in enumerate(steps):
        try:
            driver.travel(step)
            if number + 1 < len(steps):
                driver.work_at(step, not_before[number])
        except _Refused as refused:
            return Refusal(constraint=refused.constraint, position=number)
    done = driver.drive
    if done.end > vehicle.shift.end_seconds:
        return Refusal(constraint=Constraint.SHIFT)
    return done


class _Driver:
    """Clock and hours of one driver. `left`: how many steps were left behind."""

    def __init__(self, vehicle: Vehicle, start: int, traffic: TrafficProfile | None) -> None:
        self.rule = vehicle.driving_rule
        self.traffic = traffic
        self.clock = start
        self.worked = 0
        self.left = 0
        self.pending = _pending(vehicle.breaks, start)
        self.drive = Drive(start=start, arrivals=[], begins=[], departures=[], breaks=[], kinks=[])

    def travel(self, step: Step) -> None:
        """Leaves as soon as the rests that cannot wait until arrival are over."""
        while True:
            arrival = arrival_of(self.traffic, departure=self.clock, seconds=step.leg_seconds)
            if self.pending and self.pending[0][0] < arrival:
                self._take(is_before_leaving=True)
            elif self.rule and self.worked and self.worked + arrival - self.clock > self.rule.max_work_seconds:
                self._rest(is_before_leaving=True)
            else:
                break
        if self.rule and arrival - self.clock > self.rule.max_work_seconds:
            raise _Refused(Constraint.DRIVING_RULE)
        if self.pending:
            self._hold_room(self.pending[0][0] - arrival)
        self.worked += arrival - self.clock
        self.clock = arrival
        self.drive.arrivals.append(arrival)

    def work_at(self, step: Step, not_before: int) -> None:
        """Rests that are free or cannot wait until after the work, then the work itself."""
        while True:
            begin = service_start(
                step.windows, max(self.clock, not_before), late_cost_per_second=step.late_cost_per_second
            )
            if begin is None:
                raise _Refused(Constraint.WINDOW)
            if not self._pauses(begin, step.work_seconds):
                break
        self._begin(step, begin)
        self.clock = begin + step.work_seconds
        if self.rule and self.rule.counts_service:
            self.worked += step.work_seconds
        self.drive.begins.append(begin)
        self.drive.departures.append(self.clock)
        self.left += 1

    def _begin(self, step: Step, begin: int) -> None:
        drive = self.drive
        if begin > self.clock:
            drive.waited += begin - self.clock
            drive.kinks.append(drive.waited)
        if not step.windows:
            return
        last = max(window.end_seconds for window in step.windows)
        price = step.late_cost_per_second
        if price is not None and begin > last:
            drive.late_cost += price * (begin - last)
            return
        closes = max(w.end_seconds for w in step.windows if w.start_seconds <= begin <= w.end_seconds)
        if price is not None and closes == last:
            drive.kinks.append(drive.waited + last - begin)
        else:
            self._hold_room(closes - begin)

    def _pauses(self, begin: int, work: int) -> bool:
        """Whether a rest was taken on arrival; the beginning is to be asked again then."""
        for latest, one in self.pending[:1]:
            opens = service_start(one.windows, self.clock)
            spare = begin - one.duration_seconds - (UNBOUNDED if opens is None else opens)
            if spare >= 0:
                self._hold_room(spare)
                self._take(is_before_leaving=False)
                return True
            if begin + work > latest:
                self._take(is_before_leaving=False)
                return True
            self._hold_room(latest - begin - work + max(0, begin - self.clock))
        return self._pauses_by_rule(begin, work)

    def _pauses_by_rule(self, begin: int, work: int) -> bool:
        rule = self.rule
        if rule is None:
            return False
        spare = begin - self.clock - rule.break_seconds
        if self.worked and spare >= 0:
            self._hold_room(spare)
            self._rest(is_before_leaving=False)
            return True
        if not rule.counts_service or self.worked + work <= rule.max_work_seconds:
            return False
        if not self.worked:
            raise _Refused(Constraint.DRIVING_RULE)
        self._rest(is_before_leaving=False)
        return True

    def _take(self, *, is_before_leaving: bool) -> None:
        """The next break, at its first opening from now on."""
        _, one = self.pending.pop(0)
        opens = service_start(one.windows, self.clock)
        if opens is None:
            raise _Refused(Constraint.BREAK)
        if opens > self.clock:
            self.drive.waited += opens - self.clock
            self.drive.kinks.append(self.drive.waited)
        closes = max(w.end_seconds for w in one.windows if w.start_seconds <= opens <= w.end_seconds)
        self._hold_room(closes - opens)
        self._away(opens, one.duration_seconds, is_before_leaving=is_before_leaving)
        if self.rule and one.duration_seconds >= self.rule.break_seconds:
            self.worked = 0

    def _rest(self, *, is_before_leaving: bool) -> None:
        """The rest that the driving rule asks for, now."""
        assert self.rule is not None
        self._away(self.clock, self.rule.break_seconds, is_before_leaving=is_before_leaving)
        self.worked = 0

    def _away(self, begin: int, seconds: int, *, is_before_leaving: bool) -> None:
        self.drive.breaks.append(
            PlannedBreak(
                after_activities=self.left,
                is_before_leaving=is_before_leaving,
                start_seconds=begin,
                end_seconds=begin + seconds,
            )
        )
        self.clock = begin + seconds

    def _hold_room(self, seconds: int) -> None:
        """Nothing changes while the departure is at most so much later, after what waiting absorbs."""
        self.drive.room = min(self.drive.room, self.drive.waited + seconds)


def _pending(breaks: Sequence[Break], start: int) -> list[tuple[int, Break]]:
    """The breaks not over by the start, by when each must begin so that those behind it still can."""
    closing = sorted(((_closing(one), one) for one in breaks), key=lambda entry: entry[0])
    pending: list[tuple[int, Break]] = []
    for latest, one in reversed([entry for entry in closing if start < entry[0]]):
        most = min(latest, pending[-1][0] - one.duration_seconds) if pending else latest
        pending.append((most, one))
    return pending[::-1]


def _closing(one: Break) -> int:
    return max(window.end_seconds for window in one.windows)
