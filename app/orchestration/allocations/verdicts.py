"""What an allocation's answer means for each order. Pure: no clock, no database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.models.base import Json
from app.orchestration.allocations.batches import Demand
from app.orchestration.allocations.candidates import Candidate, RuledOut
from app.orchestration.allocations.problem import Loaded, Posed, reason
from app.solvers.allocation.solution import AllocationSolution, RejectedOption


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer for one order: a candidate and why the others lost, or a reason for none.

    `losers`: candidate, code, detail. `unassigned`: {code, detail, cheapestRelaxation}.
    """

    demand: Demand
    chosen: Candidate | None
    losers: Sequence[tuple[Candidate, str, str]] = ()
    ruled_out: Sequence[RuledOut] = ()
    unassigned: Json | None = None


def verdicts(loaded: Loaded, posed: Posed, solution: AllocationSolution) -> Iterator[Verdict]:
    """One verdict per order of the run."""
    choices = {choice.order_id: choice for choice in solution.choices}
    left_out = {unallocated.order_id: unallocated for unallocated in solution.unallocated}
    for demand in loaded.demands:
        key = str(demand.order.id)
        known, ruled_out = posed.candidates[key], posed.ruled_out[key]
        if key in choices:
            choice = choices[key]
            yield Verdict(
                demand=demand,
                chosen=known[choice.option_id],
                losers=_losers(choice.rejected, known),
                ruled_out=ruled_out,
            )
        else:
            yield Verdict(
                demand=demand,
                chosen=None,
                losers=_losers(left_out[key].rejected, known),
                ruled_out=ruled_out,
                unassigned=reason(left_out[key], ruled_out),
            )


def _losers(rejected: Sequence[RejectedOption], known: dict[str, Candidate]) -> list[tuple[Candidate, str, str]]:
    found = [(known[option.option_id], option.code.value, option.detail) for option in rejected]
    return sorted(found, key=lambda loser: loser[0].cost_minor)
