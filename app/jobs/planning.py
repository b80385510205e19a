"""What planning jobs share: what is asked for, the problem on its roads, and the check of every answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from app.core.errors import Refusal
from app.jobs.tools import Tools
from app.models.base import Json
from app.orchestration.plans.loaded import Loaded
from app.orchestration.plans.problem import pose
from app.solvers.routing.checker import check
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.solution import RoutingSolution

DEFAULT_SECONDS = 10.0
# From the decision to the van's leaving the yard.
LEAD = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the job asks for. `absent`: drivers, by reference, who do not drive."""

    day: date
    days: int
    seconds: float
    node: str | None
    publish: bool
    replan: bool
    absent: Sequence[str]

    @classmethod
    def of(cls, arguments: Json) -> Self:
        """As the arguments say, with a default for all but the date."""
        return cls(
            day=date.fromisoformat(arguments["date"]),
            days=int(arguments.get("days") or 1),
            seconds=float(arguments.get("seconds") or DEFAULT_SECONDS),
            node=arguments.get("node"),
            publish=bool(arguments.get("publish")),
            replan=bool(arguments.get("replan")),
            absent=arguments.get("withoutDrivers") or (),
        )


async def posed(tools: Tools, loaded: Loaded) -> RoutingProblem:
    """The problem, on roads where there are some."""
    problem = pose(loaded)
    return problem if tools.travel is None else await tools.travel.applied(problem)


def require_valid(problem: RoutingProblem, solution: RoutingSolution) -> None:
    """Refuses an answer that breaks a rule."""
    violations = check(problem, solution)
    if violations:
        first = violations[0]
        raise Refusal(
            "PLAN_INVALID",
            f"The solver's answer breaks {len(violations)} rules, first {first.code} on vehicle {first.vehicle_id}:"
            f" {first.detail}. Nothing was adopted; plan again.",
        )
