"""One broken rule of a plan, in words and in numbers. What finds them is checker.py and route_checks.py."""

from dataclasses import dataclass

from app.solvers.routing.problem import TimeWindow


@dataclass(frozen=True, kw_only=True)
class Fact:
    """The numbers of a violation, for those who know names and units.

    `is_now` where `most` (of RELEASE: least) is allowed: seconds, metres, stops, trips, or units of the load's
    `dimension`. `windows`: those missed; of SHIFT, when the vehicle is out, and its shift. `skills`: those missing.
    `visit_ids`: all that are not where they should be.
    """

    is_now: int = 0
    most: int = 0
    dimension: int = 0
    windows: tuple[TimeWindow, ...] = ()
    skills: tuple[str, ...] = ()
    visit_ids: tuple[str, ...] = ()


NO_FACT = Fact()


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken rule, and where. `detail` says it with ids, clock times from second 0, and loads as they are."""

    code: str
    vehicle_id: str | None
    visit_id: str | None
    detail: str
    fact: Fact = NO_FACT


def violation(
    code: str, detail: str, *, vehicle: str | None = None, visit: str | None = None, fact: Fact = NO_FACT
) -> Violation:
    """A violation of the plan, of a vehicle's route, or of one stop of it."""
    return Violation(code=code, vehicle_id=vehicle, visit_id=visit, detail=detail, fact=fact)
