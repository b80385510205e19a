"""Why each option lost, why an order got none, and the cheapest change that would have helped. Decides nothing."""

from collections.abc import Mapping

from app.solvers.allocation.problem import AllocationOrder, AllocationProblem, Option, Resource, ResourceKind
from app.solvers.allocation.resources_left import Left
from app.solvers.allocation.solution import (
    AllocationRelaxation,
    Choice,
    RejectedOption,
    RejectionCode,
    Unallocated,
    UnallocatedCode,
)

CODE_OF_KIND = {
    ResourceKind.STOCK: UnallocatedCode.NO_STOCK,
    ResourceKind.NODE_THROUGHPUT: UnallocatedCode.NODE_THROUGHPUT_EXCEEDED,
    ResourceKind.CARRIER_CAPACITY: UnallocatedCode.NO_CARRIER_CAPACITY,
}


class Explanation:
    """Explains one finished allocation, order by order, by what it leaves free."""

    def __init__(self, problem: AllocationProblem, chosen: Mapping[str, Option]) -> None:
        self._resources = {resource.id: resource for resource in problem.resources}
        self._left = Left(problem)
        for option in chosen.values():
            self._left.take(option)

    def choice(self, order: AllocationOrder, chosen: Option) -> Choice:
        """The chosen option, and of each other one why it lost."""
        others = [option for option in order.options if option.id != chosen.id]
        rejected = tuple(self._rejected(option, chosen) for option in sorted(others, key=_by_cost))
        return Choice(order_id=order.id, option_id=chosen.id, cost=chosen.cost, rejected=rejected)

    def _rejected(self, option: Option, chosen: Option) -> RejectedOption:
        difference = option.cost - chosen.cost
        if difference > 0:
            return _rejection(option, RejectionCode.COSTS_MORE, f"It costs {difference} more.", difference)
        short = self._shortest(option, freed=chosen)
        if short is not None:
            return self._exhausted(option, short, difference)
        if difference == 0:
            return _rejection(option, RejectionCode.COSTS_THE_SAME, "It costs the same as the one chosen.", 0)
        detail = f"It costs {-difference} less and fits, but the search ended first."
        return _rejection(option, RejectionCode.SEARCH_ENDED, detail, difference)

    def unallocated(self, order: AllocationOrder) -> Unallocated:
        """The reason of the cheapest option that is worth its cost, and what would have served the order."""
        if not order.options:
            detail = f"No node, carrier and window can serve order {order.id}."
            return Unallocated(order_id=order.id, code=UnallocatedCode.NO_FEASIBLE_OPTION, detail=detail)
        options = sorted(order.options, key=_by_cost)
        rejected = tuple(self._rejected_by_all(option, order.unallocated_penalty) for option in options)
        cheapest = options[0]
        short = self._shortest(cheapest)
        if cheapest.cost > order.unallocated_penalty or short is None:
            code = UnallocatedCode.NOT_WORTH_SERVING
            detail = (
                f"The cheapest option costs {cheapest.cost}; leaving the order out costs {order.unallocated_penalty}."
            )
        else:
            resource, missing = short
            code, detail = CODE_OF_KIND[resource.kind], f"{missing} more of {resource.name} would be needed."
        relaxation = self._relaxation(order, options)
        return Unallocated(order_id=order.id, code=code, detail=detail, rejected=rejected, relaxation=relaxation)

    def _rejected_by_all(self, option: Option, penalty: int) -> RejectedOption:
        if option.cost > penalty:
            detail = f"It costs {option.cost}; leaving the order out costs {penalty}."
            return _rejection(option, RejectionCode.COSTS_MORE_THAN_PENALTY, detail, option.cost - penalty)
        short = self._shortest(option)
        if short is not None:
            return self._exhausted(option, short, None)
        return _rejection(option, RejectionCode.COSTS_THE_SAME, "It costs as much as leaving the order out.", 0)

    def _exhausted(self, option: Option, short: tuple[Resource, int], difference: int | None) -> RejectedOption:
        resource, missing = short
        detail = f"{resource.name} is exhausted; {missing} more would be needed."
        return RejectedOption(
            option_id=option.id,
            code=RejectionCode.RESOURCE_EXHAUSTED,
            detail=detail,
            difference=difference,
            resource_id=resource.id,
        )

    def _shortest(self, option: Option, *, freed: Option | None = None) -> tuple[Resource, int] | None:
        """The resource that lacks most, and how much; None: the option fits."""
        missing = self._left.missing(option, freed=freed)
        if not missing:
            return None
        id = max(missing, key=lambda resource_id: (missing[resource_id], resource_id))
        return self._resources[id], missing[id]

    def _relaxation(self, order: AllocationOrder, options: list[Option]) -> AllocationRelaxation | None:
        """The cheapest option that only one resource, or only the penalty, keeps away."""
        for option in options:
            missing = self._left.missing(option)
            is_dear = option.cost > order.unallocated_penalty
            if len(missing) == 1 and not is_dear:
                id, amount = next(iter(missing.items()))
                resource = self._resources[id]
                constraint, change = resource.kind.value, f"{amount} more of {resource.name}"
            elif not missing and is_dear:
                constraint, change = "PENALTY", f"a penalty of at least {option.cost}"
            else:
                continue
            return AllocationRelaxation(constraint=constraint, change=change, cost=option.cost, option_id=option.id)
        return None


def _by_cost(option: Option) -> tuple[int, str]:
    return option.cost, option.id


def _rejection(option: Option, code: RejectionCode, detail: str, difference: int) -> RejectedOption:
    return RejectedOption(option_id=option.id, code=code, detail=detail, difference=difference)
