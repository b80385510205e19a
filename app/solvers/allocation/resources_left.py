"""What is left of each resource while options are taken and given back. Decides nothing."""

from collections import Counter

from app.solvers.allocation.problem import AllocationProblem, Option


def uses_of(option: Option) -> Counter[str]:
    """Amount by resource; an option may name the same resource twice."""
    total: Counter[str] = Counter()
    for use in option.uses:
        total[use.resource_id] += use.amount
    return total


class Left:
    """The free amount of each resource."""

    def __init__(self, problem: AllocationProblem) -> None:
        self._free = {resource.id: resource.capacity for resource in problem.resources}

    def missing(self, option: Option, *, freed: Option | None = None) -> dict[str, int]:
        """What the option lacks, by resource, once `freed` has given back its own; empty: it fits."""
        back = uses_of(freed) if freed is not None else Counter[str]()
        short = {id: amount - self._free[id] - back[id] for id, amount in uses_of(option).items()}
        return {id: amount for id, amount in short.items() if amount > 0}

    def take(self, option: Option) -> None:
        """Uses up what the option needs."""
        for id, amount in uses_of(option).items():
            self._free[id] -= amount

    def give_back(self, option: Option) -> None:
        """Undoes `take`."""
        for id, amount in uses_of(option).items():
            self._free[id] += amount
