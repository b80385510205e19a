"""Allocation problems in few words, and the best answer by trying everything."""

from itertools import product

from app.solvers.allocation.problem import (
    AllocationOrder,
    AllocationProblem,
    CostComponent,
    Option,
    Resource,
    ResourceKind,
    Use,
)


def option(id: str, cost: int, **uses: int) -> Option:
    return Option(
        id=id,
        node="north",
        carrier="swift",
        service="standard",
        window="morning",
        costs=(CostComponent(component="base", amount=cost),),
        uses=tuple(Use(resource_id=resource, amount=amount) for resource, amount in uses.items()),
    )


def order(id: str, *options: Option, penalty: int = 1_000) -> AllocationOrder:
    return AllocationOrder(id=id, options=options, unallocated_penalty=penalty)


def resource(id: str, capacity: int, kind: ResourceKind = ResourceKind.STOCK) -> Resource:
    return Resource(id=id, kind=kind, capacity=capacity, name=f"{id} of the shop")


def problem(*orders: AllocationOrder, resources: tuple[Resource, ...] = ()) -> AllocationProblem:
    return AllocationProblem(orders=orders, resources=resources)


def best_objective(given: AllocationProblem) -> int:
    """By trying every combination: only for a handful of orders."""
    best = sum(each.unallocated_penalty for each in given.orders)
    for combination in product(*((None, *each.options) for each in given.orders)):
        used = dict.fromkeys((each.id for each in given.resources), 0)
        for chosen in combination:
            for use in chosen.uses if chosen is not None else ():
                used[use.resource_id] += use.amount
        if all(used[each.id] <= each.capacity for each in given.resources):
            pairs = zip(given.orders, combination, strict=True)
            best = min(best, sum(o.unallocated_penalty if c is None else c.cost for o, c in pairs))
    return best
